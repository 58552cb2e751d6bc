# A log daemon that hangs costs log lines at most, never an echo.  Standard error
# blocks after the journal has left some hundred lines unread.

check "echod starts afresh" echod_reset
journald=$(inside systemctl show --value -p MainPID systemd-journald)

check "journald hangs" inside kill -STOP "$journald"
check "400 clients get their echo all the same" \
	probe -n 400 --half-close -s 5 tcp://127.0.0.1:25000
check "journald goes on" inside kill -CONT "$journald"
check "and so does the log" \
	eventually prints_line '^Connection from 127\.0\.0\.1:' journal
