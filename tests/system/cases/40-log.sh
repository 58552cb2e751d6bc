# Where an administrator looks: the journal, and rsyslog's files.

check "echod starts afresh" echod_reset
pid=$(property MainPID)

# A client is known by its port, so that its lines can be told from others.
expect "a client comes and goes" GOT:Hello say Hello -p 40040 127.0.0.1 25000
arrival='Connection from 127\.0\.0\.1:40040 listener=main conn=[0-9]+$'
departure='Connection closed 127\.0\.0\.1:40040 listener=main conn=[0-9]+'
departure="$departure reason=eof in=5 out=9 seconds=[0-9]+\.[0-9]{3}\$"
check "its departure is in the journal" \
	eventually prints_line "^$departure" journal
match "so is its arrival" "^$arrival" journal

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
