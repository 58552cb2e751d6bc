# A thread that is stuck is noticed, and echod is started again.

check "echod starts afresh" echod_reset
expect "the unit has a watchdog" 30s inside systemctl show --value \
	-p WatchdogUSec echod

# The same, but quick.
check "a drop-in for the watchdog" drop_in 'WatchdogSec=2'
check "echod starts afresh" echod_reset
old=$(property MainPID)

worker_of()
{
	inside grep -lx worker-0 $(inside sh -c "echo /proc/$1/task/*/comm") |
		cut -d/ -f5
}
thread=$(worker_of "$old")
check "build what holds a thread" ${CC:-cc} -o "$work/hold" \
	"$here/lib/hold.c"
# This machine's program, which sees the container's processes as they do.
nsenter --pid --target "$container_init" "$work/hold" "$thread" \
	>"$work/hold.log" 2>&1 &
holder=$!
check "its worker is stuck" eventually grep -q held "$work/hold.log"

check "systemd ends it and starts it again" eventually restarted
check "that is another process" fails prints "$old" property MainPID
expect "it answers" GOT:Hello say Hello 127.0.0.1 25000
check "the journal names the stuck worker" \
	eventually prints_line 'Watchdog worker=0: no answer$' \
	inside journalctl --output cat --boot --unit echod
check "and that it was the watchdog" \
	eventually prints_line 'Watchdog timeout' \
	inside journalctl --output cat --boot --unit echod
check "what held the thread has ended with it" \
	eventually process_ended "$holder"
check "without the drop-in" drop_in ''
