# echod in the container: building it, driving it, looking at it.

# echod_copy_source DIRECTORY: what "make dist" would pack, from the build
# directory, and so with what is not committed yet.
echod_copy_source()
{
	rm -rf "$1" &&
	MAKEFLAGS='' ${MAKE:-make} -C "$top_builddir" distdir distdir="$1"
}

# Builds and installs what "make dist" packs, where there is nothing but what
# bootstrap wants for it; and that is no autotools.
echod_build_release()
{
	echod_copy_source "$container/root/echod" &&
	container_command "$container" sh -euc '
		cd /root/echod
		./bootstrap --install
		for tool in autoconf automake; do
			! command -v $tool || exit 1
		done
		make -j "$(nproc)"
		make install
		/usr/local/sbin/echod -t
		/usr/local/bin/echoprobe -V'
}

# Builds the packages; the next version, for the upgrade, is the same but for
# its number.
echod_build_packages()
{
	{
		echod_copy_source "$container/root/echod" &&
		container_command "$container" sh -euc '
			export DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)"
			cd /root/echod
			dpkg-buildpackage -us -uc -b
			cd ..
			for name in echod echoprobe; do
				mv ${name}_*.deb this-$name.deb
				dpkg-deb --raw-extract this-$name.deb next-$name
				sed -i "s/^Version:.*/Version: 99/" \
					next-$name/DEBIAN/control
				dpkg-deb --build next-$name
			done' &&
		mv "$container"/root/this-*.deb "$container"/root/next-*.deb \
			"$packages"
	} >"$work/build.log" 2>&1 || {
		tail -n 40 "$work/build.log"
		return 1
	}
}

# The machine that boots has the packages at hand, and the others that they
# depend on, since there it has no network: apt finds those in its cache.
echod_provide_packages()
{
	cp "$packages"/*.deb "$container/root" &&
	container_command "$container" sh -euc '
		apt-get -q update
		apt-get -q -y install --no-install-recommends \
			--download-only /root/this-*.deb' &&
	# daemon.log tells the facility, which syslog does not
	echo 'daemon.* /var/log/daemon.log' \
		>"$container/etc/rsyslog.d/facility.conf"
}

# echod runs afresh, with the shipped file.  systemd forgets the starts so far,
# for it allows 5 in 10 seconds; a unit not loaded has none to forget.
echod_reset()
{
	inside cp -p /root/echod.conf /etc/echod.conf || return
	inside systemctl reset-failed echod || :
	inside systemctl restart echod
}

# echod_edit SED-SCRIPT: edits /etc/echod.conf, and fails if nothing changed.
echod_edit()
{
	inside cp /etc/echod.conf /root/before.conf &&
	inside sed -i "$1" /etc/echod.conf &&
	fails inside cmp -s /root/before.conf /etc/echod.conf
}

echod_append()
{
	echo "$1" | inside tee -a /etc/echod.conf
}

# drop_in SETTINGS: of the service, in place of any before; none removes it
drop_in()
{
	directory=/run/systemd/system/echod.service.d
	inside rm -rf "$directory" &&
	if [ -n "$1" ]; then
		inside mkdir -p "$directory" &&
		printf '[Service]\n%s\n' "$1" |
			inside tee "$directory/test.conf"
	fi &&
	inside systemctl daemon-reload
}

# systemd has started it once more, by itself
restarted()
{
	prints 1 property NRestarts && prints active property ActiveState
}

# property NAME: of the unit, as systemd knows it
property()
{
	inside systemctl show --value -p "$1" echod
}

# has_property NAME VALUE
has_property()
{
	prints "$2" property "$1"
}

# say TEXT [NC-OPTION...] ADDRESS PORT: sends it with FIN, prints the echo
say()
{
	text=$1
	shift
	printf %s "$text" | inside nc -N -w 10 "$@"
}

# probe OPTION... URL: echoprobe in the container checks every byte
probe()
{
	inside echoprobe -q -t 20 -p GOT: "$@"
}

# under_load TIMES COMMAND...: in the container, while four clients connect, send
# something and FIN, and get it back; fails if one of them did not.
under_load()
{
	# shellcheck disable=SC2016 # it is for the inner shell
	inside sh -euc '
		served() {
			grep -c "\"type\":\"second\".*\"echoed\":[1-9]" /root/load || :
		}
		serve_more() {
			before=$(served)
			until [ "$(served)" -gt "$before" ]; do
				sleep 0.1
			done
		}
		echoprobe --json -c 4 --half-close --until-signal -t 20 -s 5 \
			-p GOT: tcp://127.0.0.1:25000 >/root/load &
		probe=$!
		trap "kill $probe" EXIT
		times=$1
		shift
		while [ "$times" -gt 0 ]; do
			serve_more
			"$@"
			times=$((times - 1))
		done
		serve_more
		trap - EXIT
		kill -INT $probe
		wait $probe || { grep -v "\"second\"" /root/load; exit 1; }
	' under_load "$@"
}

# What the unit has said since it was last started, reloads included.
journal()
{
	inside journalctl --output cat \
		"_SYSTEMD_INVOCATION_ID=$(property InvocationID)" "$@"
}

# What one wants to see when a case has failed.
echod_dump()
{
	echo "-- systemctl status echod"
	inside systemctl status --full --lines 0 echod || :
	echo "-- journal"
	inside journalctl --boot --unit echod --lines 30 || :
}
