# Edit /etc/echod.conf, restart.

check "echod starts afresh" echod_reset

check "edit the prefix" echod_edit 's/^prefix *=.*/prefix = "X:";/'
check "add a listener on port 7" echod_append \
	'listeners = ( { name = "rfc862"; listen = "*:7"; prefix = ""; } );'
check "systemctl restart echod" inside systemctl restart echod
expect "the new prefix answers" X:Hello say Hello 127.0.0.1 25000
expect "port 7 answers by RFC 862, over IPv4" Hello say Hello 127.0.0.1 7
expect "port 7 answers by RFC 862, over IPv6" Hello say Hello ::1 7

# The unit hides /proc/sys, where one would look that up.
check "edit the backlog" echod_edit 's/^backlog *=.*/backlog = 65535;/'
check "systemctl restart echod" inside systemctl restart echod
check "the log says that the kernel caps it" eventually prints_line '^Backlog capped ' \
	journal

check "install again" apt_install --reinstall /root/this-echod.deb
expect "the edited file is kept" X:Hello say Hello 127.0.0.1 25000
check "it is still the edited one" inside grep -q '^backlog = 65535;' \
	/etc/echod.conf
