# A log daemon that hangs costs log lines at most, never an echo.  Standard error
# blocks after the journal has left some hundred lines unread.

check "echod starts afresh" echod_reset
journald=$(inside systemctl show --value -p MainPID systemd-journald)

all_answered()
{
	inside sh -c '
		for i in $(seq 400); do
			echo=$(printf Hello | nc -N -w 10 127.0.0.1 25000) || :
			[ "$echo" = GOT:Hello ] || {
				echo "client $i got \"$echo\""
				exit 1
			}
		done'
}

check "journald hangs" inside kill -STOP "$journald"
check "400 clients get their echo all the same" all_answered
check "journald goes on" inside kill -CONT "$journald"
check "and so does the log" \
	eventually prints_line '^Connection from 127\.0\.0\.1:' journal
