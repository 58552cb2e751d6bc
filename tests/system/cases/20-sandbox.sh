# As little as possible may go wrong with a daemon that anyone can talk to.

check "echod starts afresh" echod_reset

unit=$(property FragmentPath)
expect "systemd-analyze verify has nothing to say" "" \
	inside sh -c "systemd-analyze verify $unit 2>&1"
check "systemd-analyze security: exposure at most 1.4, as it runs" \
	inside systemd-analyze security --threshold=14 echod
check "systemd-analyze security: exposure at most 1.4, by the file" \
	inside systemd-analyze security --offline=yes --threshold=14 "$unit"

# process FIELD: of the daemon's /proc/PID/status, as tab separated words
process()
{
	inside sed -n "s/^$1:[[:space:]]*//p" "/proc/$(property MainPID)/status"
}
not_root()
{
	process Uid | awk '{ print; for (i = 1; i <= NF; i++) if ($i == 0) exit 1 }'
}
check "it is not root" not_root
expect "it can never gain privileges" 1 process NoNewPrivs
expect "its system calls are filtered" 2 process Seccomp
# 1 << CAP_NET_BIND_SERVICE
expect "it may bind low ports" 0000000000000400 process CapEff
expect "and can do nothing else" 0000000000000400 process CapBnd

# A user "echod" that the administrator has created is used.
check "useradd --system echod" inside useradd --system echod
check "systemctl restart echod" inside systemctl restart echod
user=$(inside id -u echod)
expect "echod runs as that user" "$user	$user	$user	$user" process Uid
check "systemctl stop echod" inside systemctl stop echod
check "userdel echod" inside userdel echod
