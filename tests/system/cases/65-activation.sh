# Socket activation: no connection is refused, whatever
# happens to the daemon.

# socket_settings SETTINGS: of echod.socket, besides its own; none removes them
socket_settings()
{
	directory=/run/systemd/system/echod.socket.d
	inside rm -rf "$directory" &&
	if [ -n "$1" ]; then
		inside mkdir -p "$directory" &&
		printf '[Socket]\n%s\n' "$1" | inside tee "$directory/test.conf"
	fi &&
	inside systemctl daemon-reload
}

inactive()
{
	fails inside systemctl is-active "$1"
}

check "echod starts afresh" echod_reset
check "echod.socket is not enabled" fails inside systemctl is-enabled echod.socket
expect "systemd-analyze verify has nothing to say" "" inside sh -c \
	"systemd-analyze verify $(inside systemctl show --value \
		-p FragmentPath echod.socket) 2>&1"
check "systemctl stop echod" inside systemctl stop echod
check "systemctl start echod.socket" inside systemctl start echod.socket
check "echod does not run yet" inactive echod
expect "the first client starts it" GOT:Hello say Hello 127.0.0.1 25000
check "it has the one socket for both families" \
	eventually prints_line 'started .* listening=tcp:\*:25000$' journal
expect "a client of IPv6 is served" GOT:Hello say Hello ::1 25000
check "a client of IPv4 is told as such" \
	eventually prints_line '^Connection from 127\.0\.0\.1:' journal

# systemd allows 5 starts in 10 seconds.
restart()
{
	under_load 8 sh -c \
		"systemctl reset-failed echod; systemctl restart echod"
}
check "8 restarts under load fail no connection" restart

# A unix socket of systemd's: its path is not echod's to make or remove.
check "systemctl stop" inside systemctl stop echod.socket echod
check "echod.socket gets a unix socket, and one of UDP" socket_settings \
	"ListenStream=/run/echod.sock
ListenDatagram=25000"
check "so does echod.conf" echod_edit 's|^listen *=.*|listen = [ "*:25000", \
	"udp:*:25000", "unix:/run/echod.sock" ];|'
check "systemctl start echod.socket" inside systemctl start echod.socket
check "it answers by the unix socket" probe unix:/run/echod.sock
expect "by TCP" GOT:Hello say Hello 127.0.0.1 25000
check "and by UDP" probe -n 1 udp://127.0.0.1:25000
check "the log has the process and the user" \
	eventually prints_line \
	'^Connection from unix:pid=[0-9]+,uid=0 listener=main ' journal
check "systemctl restart echod" inside systemctl restart echod
check "it answers by the same unix socket" probe unix:/run/echod.sock

check "echod.conf as shipped" inside cp -p /root/echod.conf /etc/echod.conf
check "systemctl restart echod fails" fails inside systemctl restart echod
check "the log names the socket that is not configured" \
	eventually prints_line \
	'listen: no listener has unix:/run/echod\.sock, a socket from the service manager$' \
	journal
check "systemctl stop" inside systemctl stop echod.socket
check "echod.socket as shipped" socket_settings ""

# If echod opens no socket itself, it needs no network of its own.
locked='PrivateNetwork=yes
PrivateUsers=yes
AmbientCapabilities=
CapabilityBoundingSet=
RestrictAddressFamilies=
RestrictAddressFamilies=AF_UNIX'
check "a drop-in takes network and capabilities away" drop_in "$locked"
check "systemctl start echod.socket" inside systemctl start echod.socket
check "echod may start again" inside systemctl reset-failed echod
expect "it answers by IPv4" GOT:Hello say Hello 127.0.0.1 25000
expect "it answers by IPv6" GOT:Hello say Hello ::1 25000
check "systemd-analyze security: exposure at most 0.5" \
	inside systemd-analyze security --threshold=5 echod
check "systemctl stop" inside systemctl stop echod.socket echod
check "remove the drop-in" drop_in ""
