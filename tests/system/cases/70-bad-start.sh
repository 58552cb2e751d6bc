# A bad file stops the start, once, and says why.

check "echod starts afresh" echod_reset
check "break the file" echod_edit 's/^backlog *=.*/backlog = 70000;/'
line=$(inside sed -n '/^backlog/=' /etc/echod.conf)

check "systemctl restart echod fails" fails inside systemctl restart echod
expect "with exit status 78" 78 property ExecMainStatus
# A start that is to be tried again would be "activating (auto-restart)".
expect "and that is the end of it" failed inside systemctl is-failed echod
expect "it is not tried again" 0 property NRestarts
check "the journal has file, line, setting and reason" \
	eventually prints_line "^/etc/echod\.conf:$line: backlog: [^ ]" journal

check "repair the file" echod_edit 's/^backlog *=.*/backlog = 4096;/'
check "systemctl start echod" inside systemctl start echod
expect "it answers" GOT:Hello say Hello 127.0.0.1 25000

# tried COUNT: systemd has started it again at least as often
tried()
{
	[ "$(property NRestarts)" -ge "$1" ]
}

# in_its_network COMMAND...: a command of this machine
in_its_network()
{
	nsenter --net --target "$container_init" "$@"
}

# An address that comes later is waited for: the limit of systemd, five starts
# within ten seconds, does not end the attempts.
check "an address that this host does not have" \
	echod_edit 's/^listen *=.*/listen = "192.0.2.50:25000";/'
# The starts above count as well.
check "they are not counted" inside systemctl reset-failed echod
check "systemctl restart echod fails" fails inside systemctl restart echod
check "systemd tries again" eventually tried 3
check "it does not stop at five starts" eventually tried 6
check "the address comes" \
	in_its_network ip address add 192.0.2.50/32 dev lo
check "echod starts" eventually prints active property ActiveState
expect "it answers there" GOT:Hello say Hello 192.0.2.50 25000
check "the address goes" \
	in_its_network ip address delete 192.0.2.50/32 dev lo
