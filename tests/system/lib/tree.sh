# The cached Debian trees: of a suite the one that is booted, which has seen
# nothing of echod, and a copy of it with what building the package needs.

tree_cache=${ECHOD_SYSTEM_CACHE:-${XDG_CACHE_HOME:-/var/cache}/echod-system}
tree_packages=dbus,man-db,netcat-openbsd,procps,rsyslog,systemd-sysv

# Makes the tree of a suite where there is none: its path is then $tree, and
# $build_tree that of the one which tree_create_build makes.  Holds the cache for
# the rest of the run.
tree_prepare()
{
	tree=$tree_cache/$1
	build_tree=$tree-build
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

# What building the package needs is installed once and for all.
tree_create_build()
{
	wanted=$(cat "$tree/.packages" "$top_srcdir/debian/control" | cksum)
	! tree_stamped "$build_tree/.packages" "$wanted" || return 0
	tap_note "making $build_tree, once"
	rm -rf "$build_tree"
	{
		cp -a "$tree" "$build_tree" &&
		echod_copy_source "$build_tree/root/echod" &&
		container_command "$build_tree" sh -euc '
			export DEBIAN_FRONTEND=noninteractive
			apt-get -q update
			apt-get -q -y --no-install-recommends build-dep \
				/root/echod
			apt-get clean'
	} >"$tree.log" 2>&1 || {
		tail -n 20 "$tree.log" | tap_diagnose
		tap_not_ok "apt-get build-dep works on a plain $suite"
		exit 0
	}
	rm -rf "$build_tree/root/echod"
	echo "$wanted" >"$build_tree/.packages"
}
