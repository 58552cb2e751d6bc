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
