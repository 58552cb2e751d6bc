# The packages on a machine that has seen nothing of echod.

apt_install()
{
	inside DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		--no-install-recommends install "$@"
}

check "apt-get install ./echoprobe.deb" apt_install /root/this-echoprobe.deb
check "echoprobe runs, and needs no echod" inside sh -c '
	echoprobe -V && ! command -v echod'
check "apt-get install ./echod.deb" apt_install /root/this-echod.deb
inside cp -p /etc/echod.conf /root/echod.conf
expect "echod runs" active inside systemctl is-active echod
expect "and will after a boot" enabled inside systemctl is-enabled echod
expect "it answers" GOT:Hello say Hello localhost 25000
match "echoprobe finds nothing wrong" "^GOT:  *5  *100%" \
	inside echoprobe tcp://localhost:25000
expect "/etc/echod.conf is the administrator's" " /etc/echod.conf" \
	inside sh -c "dpkg-query -W -f '\${Conffiles}' echod | sed 's/ [0-9a-f]*\$//'"
check "nothing but systemd makes the user" fails inside grep echod /etc/passwd

examples_are_valid()
{
	# shellcheck disable=SC2016 # $1 is for the inner shell
	inside sh -euc '
		cd /usr/share/doc/echod/examples
		ls *.conf alerts.yml grafana-dashboard.json
		for file in *.conf; do
			case $file in
			nginx.conf | tls.conf) ;;
			*) echod -t -c "$file" ;;
			esac
		done
		# Of tls.conf, all but the certificate is there.
		! echod -t -c tls.conf 2>/root/said
		[ "$(grep -vc "certificate: .*: No such file" /root/said)" -eq 0 ]'
}
check "its examples are valid" examples_are_valid
check "systemctl stop echod" inside systemctl stop echod
check "systemctl disable echod" inside systemctl disable echod
