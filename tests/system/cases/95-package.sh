# An upgrade keeps what the administrator has edited; purged, nothing is left.

check "echod starts afresh" echod_reset
check "systemctl enable echod" inside systemctl enable echod
check "edit the prefix" echod_edit 's/^prefix *=.*/prefix = "MINE:";/'
old=$(property MainPID)
instance_pid()
{
	inside systemctl show --value -p MainPID echod@other
}
check "a second instance has a file" inside sh -c "mkdir /etc/echod &&
	echo 'listen = \"*:25001\"; prefix = \"OTHER:\";' >/etc/echod/other.conf"
check "systemctl enable --now echod@other" \
	inside systemctl enable --now echod@other
old_instance=$(instance_pid)
check "apt-get install of the next version" \
	apt_install /root/next-echod.deb /root/next-echoprobe.deb
expect "it is the next version" 99 inside dpkg-query -W -f '${Version}' echod
expect "it runs" active inside systemctl is-active echod
check "it is another process" fails prints "$old" property MainPID
expect "with the edited file" MINE:Hello say Hello localhost 25000
check "so is the second instance" fails prints "$old_instance" instance_pid
expect "which answers" OTHER:Hello say Hello localhost 25001
check "the next echoprobe finds nothing wrong" \
	inside echoprobe -q tcp://localhost:25000 tcp://localhost:25001

check "apt-get purge echod" inside apt-get -q -y purge echod
# shellcheck disable=SC2016 # expanded by the inner shell
check "echoprobe is still there, and says so" inside sh -c '
	echoprobe -q tcp://127.0.0.1:25000; [ $? -eq 2 ]'
check "apt-get purge echoprobe" inside apt-get -q -y purge echoprobe
check "it is stopped" fails inside systemctl is-active echod
check "connections are refused" fails say Hello 127.0.0.1 25000
check "nor does the second instance" fails say Hello 127.0.0.1 25001
inside rm -r /etc/echod
inside rmdir /run/echod || :
# Logs and the caches of apt and man are not the package's.
leftovers()
{
	inside find / -xdev \( -path /root -o -path /proc -o -path /sys \
		-o -path /var/log -o -path /var/cache \) -prune \
		-o \( -name '*echod*' -o -name '*echoprobe*' \) -print
}
expect "nothing is left of them" "" leftovers
