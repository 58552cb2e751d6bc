# systemctl stop, with a client that is connected.

check "echod starts afresh" echod_reset
# A unit that nothing wants is forgotten as it stops, and with it how it ended.
check "systemctl enable echod" inside systemctl enable echod

inside nc -d -p 40085 127.0.0.1 25000 &
client=$!
check "a client is connected" \
	eventually prints_line '^Connection from 127\.0\.0\.1:40085 ' journal
check "systemctl stop echod" inside systemctl stop echod
check "the client's connection ends" eventually process_ended "$client"
check "its departure is logged" eventually prints_line \
	'^Connection closed 127\.0\.0\.1:40085 .* reason=drain ' journal
expect "systemd calls that a success" success property Result
expect "exit status 0" 0 property ExecMainStatus
expect "it exited, and was not killed" 1 property ExecMainCode
expect "it is stopped" inactive property ActiveState
check "connections are refused" fails say Hello 127.0.0.1 25000

# A drain that takes longer than the unit allows, by a client that stays.
check "a drop-in for the time to stop" drop_in 'TimeoutStopSec=2'
check "edit the grace" echod_edit 's/#grace *=.*/grace = 4.0;/'
check "systemctl start echod" inside systemctl start echod
inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/25000; exec sleep 100' &
client=$!
check "a client is connected" \
	eventually prints_line '^Connection from 127\.0\.0\.1:' journal
check "systemctl stop echod" inside systemctl stop echod
expect "systemd waits for it: a success" success property Result
expect "exit status 0" 0 property ExecMainStatus
check "the drain came to its end" eventually prints_line \
	'^Drained closed=0 forced=1$' journal
# The process must end before the container is powered off: that stops all
# processes that are left, nsenter included, and nothing would continue it.
inside pkill -x sleep || :
wait "$client" || :
check "without the drop-in" drop_in ''
check "systemctl disable echod" inside systemctl disable echod
