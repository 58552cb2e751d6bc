# The first thing anyone does.

check "systemctl start echod" inside systemctl start echod
# No wait in between: Type=notify has start return when echod listens.
expect "nc localhost 25000 gets GOT:Hello for Hello" GOT:Hello \
	say Hello localhost 25000
expect "over IPv4" GOT:Hello say Hello 127.0.0.1 25000
expect "over IPv6" GOT:Hello say Hello ::1 25000

expect "systemctl is-active echod" active inside systemctl is-active echod
match "systemctl status echod says what it does" '^ +Status: "[^"]+"$' \
	inside systemctl status echod
check "and, after a while, how much" eventually prints_line \
	'; 0 connections, 3 served, 3 messages, 15 B in, 27 B out$' \
	property StatusText
check "it logs its start" eventually prints_line \
	'^echod [^ ]+ started workers=[0-9]+ cpus=[0-9]+( quota=[0-9.]+)? log=stderr listening=tcp:0\.0\.0\.0:25000,tcp:\[::\]:25000$' \
	journal

# Whatever system calls bulk takes, the unit's filter must let them through.
check "a client that sends FIN gets a million bytes back" \
	probe -n 1 --half-close -s 1000000 tcp://127.0.0.1:25000
