# The cached Debian trees.

tree_cache=${ECHOD_SYSTEM_CACHE:-${XDG_CACHE_HOME:-/var/cache}/echod-system}
tree_packages=systemd-sysv,dbus,rsyslog,man-db,netcat-openbsd,procps

# Makes or completes the tree of a suite; its path is then $tree.  Holds the
# cache for the rest of the run.
tree_prepare()
{
	tree=$tree_cache/$1
	mkdir -p "$tree_cache"
	exec 9>"$tree_cache/lock"
	flock -n 9 || {
		tap_note "waiting for another run to end"
		flock 9
	}
	if ! tree_stamped "$tree/.packages" "$tree_packages"; then
		tree_create "$1"
	fi
	tree_probe
	tree_add_build_packages
}

tree_stamped()
{
	[ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

# The Debian mirror that this machine's apt uses; none is debootstrap's default.
tree_mirror()
{
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1
}

tree_create()
{
	tap_note "making $tree, once; this takes a minute or two"
	rm -rf "$tree" "$tree.new"
	# shellcheck disable=SC2046 # no mirror is no argument
	debootstrap --variant=minbase --include="$tree_packages" \
		"$1" "$tree.new" $(tree_mirror) >"$tree.log" 2>&1 || {
		tail -n 20 "$tree.log" | tap_diagnose
		cannot_run "debootstrap $1 failed, see above"
	}
	# minbase leaves this to the installer
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$tree.new/etc/hosts"
	echo "$tree_packages" >"$tree.new/.packages"
	mv "$tree.new" "$tree"
}

tree_probe()
{
	output=$(container_command "$tree" true 2>&1) ||
		cannot_run "systemd-nspawn does not work here: $output"
}

# What echod_install will find missing is installed once and for all.
tree_add_build_packages()
{
	wanted=$(cksum <"$top_srcdir/bootstrap")
	! tree_stamped "$tree/.bootstrap" "$wanted" || return 0
	tap_note "installing the build packages, once"
	{
		echod_copy_source "$tree/root/echod" &&
		container_command "$tree" /root/echod/bootstrap --install
	} >"$tree.log" 2>&1 || {
		tail -n 20 "$tree.log" | tap_diagnose
		tap_not_ok "./bootstrap --install works on a plain $suite"
		exit 0
	}
	rm -rf "$tree/root/echod"
	echo "$wanted" >"$tree/.bootstrap"
}
