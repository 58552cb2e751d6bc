# A good file takes effect at once; a bad one is refused, and nothing is lost.

check "echod starts afresh" echod_reset
pid=$(property MainPID)

check "edit the prefix" echod_edit 's/^prefix *=.*/prefix = "NEW:";/'
check "systemctl reload echod" inside systemctl reload echod
expect "the new prefix answers at once" NEW:Hello say Hello 127.0.0.1 25000

check "break the file" echod_edit \
	's/^backlog *=.*/backlog = 70000;/; s/^prefix *=.*/prefix = "BAD:";/'
line=$(inside sed -n '/^backlog/=' /etc/echod.conf)
error="/etc/echod\.conf:$line: backlog: "
check "systemctl reload echod fails" fails inside systemctl reload echod
check "the journal has file, line, setting and reason" \
	eventually prints_line "^Reload failed: ${error}[^ ]" journal
expect "echod is still active" active inside systemctl is-active echod
expect "it is the same process" "$pid" property MainPID
expect "it answers as before" NEW:Hello say Hello 127.0.0.1 25000

match "systemctl status says that the reload was refused" \
	"^reload refused: $error" property StatusText
check "the command said so" \
	eventually prints_line "^echod: reload refused: $error" \
	inside journalctl --output cat --unit echod
check "the log says that nothing has changed" \
	eventually prints_line 'keeping the running configuration' journal
expect "echod is still active" active inside systemctl is-active echod
expect "it is the same process" "$pid" property MainPID
expect "it answers as before" NEW:Hello say Hello 127.0.0.1 25000

check "repair the file" echod_edit \
	's/^backlog *=.*/backlog = 4096;/; s/^prefix *=.*/prefix = "GOOD:";/'

# "echod -t" cannot know that a port is in use.
check "another program starts" \
	inside systemd-run --unit other nc -l -k 127.0.0.1 25007
check "it has a port" eventually inside nc -z 127.0.0.1 25007
check "the file wants that port" echod_append \
	'listeners = ( { name = "other"; listen = "127.0.0.1:25007"; } );'
check "echod -t finds nothing wrong" inside echod -t
check "systemctl reload echod fails" fails inside systemctl reload echod
match "systemctl status names the port, and not the older refusal" \
	'^reload refused: .*127\.0\.0\.1:25007: Address already in use; ' \
	property StatusText
expect "it is the same process" "$pid" property MainPID
expect "it answers as before" NEW:Hello say Hello 127.0.0.1 25000
check "the other program ends" inside systemctl stop other

check "systemctl reload echod" inside systemctl reload echod
expect "the new prefix answers at once" \
	GOOD:Hello say Hello 127.0.0.1 25000
expect "it is the same process" "$pid" property MainPID
check "systemctl status is back to normal" \
	fails prints_line "refused" property StatusText
expect "nothing is left in the runtime directory" "" \
	inside ls -A /run/echod
