# Where an administrator looks: the journal, and rsyslog's files.

check "echod starts afresh" echod_reset
pid=$(property MainPID)

# A client is known by its port, so that its lines can be told from others.
expect "a client comes and goes" GOT:Hello say Hello -p 40040 127.0.0.1 25000
arrival='Connection from 127\.0\.0\.1:40040 listener=main conn=[0-9]+ peer=127\.0\.0\.1:40040$'
departure='Connection closed 127\.0\.0\.1:40040 listener=main conn=[0-9]+'
departure="$departure reason=eof in=5 out=9 seconds=[0-9]+\.[0-9]{3} peer=127\.0\.0\.1:40040\$"
check "its departure is in the journal" \
	eventually prints_line "^$departure" journal
check "so is its arrival" eventually prints_line "^$arrival" journal

conns()
{
	journal | sed -n 's/.*:40040 .* conn=\([0-9]*\).*/\1/p' | uniq | wc -l
}
expect "both name the same connection" 1 conns

expect "IPv6 is logged in brackets" GOT:Hello say Hello -p 40041 ::1 25000
check "its departure is in the journal" eventually \
	prints_line '^Connection closed \[::1\]:40041 .* reason=eof ' journal

# lines PATTERN COMMAND...: how many match
lines()
{
	pattern=$1
	shift
	"$@" | grep -Ec -e "$pattern"
}
expect "the arrival is in the journal once" 1 lines "$arrival" journal
expect "the departure is in the journal once" 1 lines "$departure" journal
expect "with facility daemon, by the name and pid of echod" 1 \
	lines "$departure" journal _TRANSPORT=stdout SYSLOG_FACILITY=3 \
	SYSLOG_IDENTIFIER=echod "_PID=$pid"
expect "with its priority, info" 1 lines "$departure" journal PRIORITY=6

syslog()
{
	inside cat /var/log/syslog
}
check "rsyslog has it" \
	eventually prints_line " echod\[$pid\]: $departure" syslog
expect "the arrival is in rsyslog's file once" 1 \
	lines " echod\[$pid\]: $arrival" syslog
expect "the departure is in rsyslog's file once" 1 \
	lines " echod\[$pid\]: $departure" syslog
match "rsyslog knows the facility, too" " echod\[$pid\]: $departure" \
	inside cat /var/log/daemon.log

check "log.format can be json" echod_edit 's/#format = "text"/format = "json"/'
check "systemctl reload echod" inside systemctl reload echod
expect "a client comes and goes" GOT:Hello say Hello -p 40042 127.0.0.1 25000
check "its departure is JSON" eventually prints_line \
	'^\{"time":"[^"]*Z","level":"info","message":"Connection closed 127[^"]*","listener":"main",.*"reason":"eof",.*"peer":"127\.0\.0\.1:40042"\}$' \
	journal PRIORITY=6

# Each key is a field of the journal, and the message is text.
check "edit log.to and log.facility" echod_edit \
	's/#to = "auto"/to = "journal"/; s/#facility = "daemon"/facility = "local3"/'
check "systemctl reload echod" inside systemctl reload echod
expect "a client comes and goes" GOT:Hello say Hello -p 40043 127.0.0.1 25000
closed='^Connection closed 127\.0\.0\.1:40043 '
check "its departure is found by its fields" eventually prints_line "$closed" \
	journal LISTENER=main REASON=eof PEER=127.0.0.1:40043
expect "and by those of syslog" 1 lines "$closed" journal \
	_TRANSPORT=journal SYSLOG_FACILITY=19 SYSLOG_IDENTIFIER=echod \
	"SYSLOG_PID=$pid" PRIORITY=6 IN=5 OUT=9 PEER=127.0.0.1:40043
for field in '"LISTENER" *: *"main"' '"REASON" *: *"eof"' \
	'"MESSAGE" *: *"Connection closed 127\.0\.0\.1:40043 listener=main '; do
	check "journalctl -o json has $field" prints_line "$field" \
		journal --output json PEER=127.0.0.1:40043 REASON=eof
done

check "journald starts again" inside systemctl restart systemd-journald
expect "a client comes and goes" GOT:Hello say Hello -p 40044 127.0.0.1 25000
check "its departure is in the journal, too" eventually prints_line \
	'^Connection closed 127\.0\.0\.1:40044 ' journal PEER=127.0.0.1:40044
