# What dies is started again.

check "echod starts afresh" echod_reset
old=$(property MainPID)

check "kill -9" inside kill -9 "$old"
check "systemd starts it again" eventually restarted
check "it is another process" fails prints "$old" property MainPID
expect "it answers" GOT:Hello say Hello 127.0.0.1 25000
