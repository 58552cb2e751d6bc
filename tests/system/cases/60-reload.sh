# A good file takes effect at once; a bad one is refused, and nothing is lost.

check "echod starts afresh" echod_reset
pid=$(property MainPID)

check "edit the prefix" echod_edit 's/^prefix *=.*/prefix = "NEW:";/'
check "systemctl reload echod" inside systemctl reload echod
# The reload is done when the kill is, which is before echod has heard of it.
check "the new prefix answers" \
	eventually prints NEW:Hello say Hello 127.0.0.1 25000

check "break the file" echod_edit \
	's/^backlog *=.*/backlog = 70000;/; s/^prefix *=.*/prefix = "BAD:";/'
line=$(inside sed -n '/^backlog/=' /etc/echod.conf)
error="/etc/echod\.conf:$line: backlog: "
check "systemctl reload echod fails" fails inside systemctl reload echod
check "the journal has file, line, setting and reason" \
	eventually prints_line "^${error}[^ ]" journal
expect "echod is still active" active inside systemctl is-active echod
expect "it is the same process" "$pid" property MainPID
expect "it answers as before" NEW:Hello say Hello 127.0.0.1 25000

# Past the check that systemctl makes, echod itself refuses the file.
check "SIGHUP with the broken file" inside kill -HUP "$pid"
check "systemctl status says that the reload was refused" \
	eventually prints_line "^reload refused: $error" property StatusText
check "the log says that nothing has changed" \
	eventually prints_line 'keeping the running configuration' journal
expect "echod is still active" active inside systemctl is-active echod
expect "it is the same process" "$pid" property MainPID
expect "it answers as before" NEW:Hello say Hello 127.0.0.1 25000

check "repair the file" echod_edit \
	's/^backlog *=.*/backlog = 4096;/; s/^prefix *=.*/prefix = "GOOD:";/'
check "systemctl reload echod" inside systemctl reload echod
check "the new prefix answers" \
	eventually prints GOOD:Hello say Hello 127.0.0.1 25000
expect "it is the same process" "$pid" property MainPID
check "systemctl status is back to normal" \
	eventually fails prints_line "refused" property StatusText
