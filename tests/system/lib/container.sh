# The container: a throw-away overlay of a tree, booted by systemd-nspawn.

work=''			# a tmpfs of this run
container=''		# the container's root directory
container_pid=''	# systemd-nspawn
container_init=''	# the container's process 1, by its pid out here

# Does without machined and a scope of its own, which a build machine may not
# have; the variable is for hosts whose own cgroups are still of version 1.
container_nspawn()
{
	exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setpriv --pdeathsig TERM \
		systemd-nspawn --register=no --keep-unit -D "$@" </dev/null
}

clean_environment="env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
	LANG=C.UTF-8 PAGER=cat"

# container_command TREE COMMAND...: in a tree that is not booted, and with the
# network of this machine.
container_command()
{
	root=$1
	shift
	# shellcheck disable=SC2086 # one word an argument
	(container_nspawn "$root" --quiet --pipe --resolv-conf=copy-host \
		$clean_environment "$@")
}

# container_mount TREE: a writable view of it, which goes with the namespace.
container_mount()
{
	work=$(mktemp -d)
	mount -t tmpfs -o mode=755 tmpfs "$work"
	mkdir "$work/upper" "$work/work" "$work/root"
	mount -t overlay -o \
		"lowerdir=$1,upperdir=$work/upper,workdir=$work/work" \
		overlay "$work/root"
	container=$work/root
}

container_boot()
{
	container_nspawn "$container" --private-network --boot \
		>"$work/console" 2>&1 &
	container_pid=$!
	if eventually container_find_init &&
	   container_find_init &&
	   eventually container_booted; then
		return
	fi
	tail -n 30 "$work/console" | tap_diagnose
	tap_not_ok "the container boots"
	exit 0
}

# systemd-nspawn's child that is process 1 of its own pid namespace.  Before it
# has become systemd, its root may still be that of this machine.
container_find_init()
{
	for pid in $(cat "/proc/$container_pid/task/$container_pid/children"); do
		if grep -Eq '^NSpid:.*[[:space:]]1$' "/proc/$pid/status" &&
		   [ "$(cat "/proc/$pid/comm")" = systemd ]; then
			container_init=$pid
			return 0
		fi
	done
	return 1
}

container_booted()
{
	state=$(inside systemctl is-system-running --wait) ||
		[ "$state" = degraded ]
}

# Runs a command in the booted container.
inside()
{
	# shellcheck disable=SC2086 # one word an argument
	nsenter --all --target "$container_init" $clean_environment "$@"
}

# process_ended PID: of a child of this process, which is then a zombie
process_ended()
{
	! [ -d "/proc/$1" ] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}

# Powers the container off, orderly if at all possible, and waits for the end.
container_stop()
{
	[ -n "$container_pid" ] || return 0
	if [ -n "$container_init" ]; then
		inside poweroff || :
	else
		kill -TERM "$container_pid" || :
	fi
	eventually process_ended "$container_pid" ||
		 kill -KILL "$container_pid" || :
	wait "$container_pid" || :
	container_pid=
	container_init=
}

container_unmount()
{
	[ -n "$work" ] || return 0
	umount --recursive --lazy "$work" || :
	rmdir "$work" || :
	work=
}

# Nothing is left of it.
container_end()
{
	container_stop
	container_unmount
}

container_shell()
{
	inside TERM="${TERM-dumb}" bash --login </dev/tty || :
}

container_keep()
{
	tap_note "to enter: nsenter --all --target $container_init bash --login"
	tap_note "to end: poweroff in there"
	wait "$container_pid" || :
	container_init=
}
