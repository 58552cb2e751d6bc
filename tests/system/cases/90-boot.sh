# echod comes with the machine.

check "systemctl enable echod" inside systemctl enable echod
container_stop
container_boot
expect "after a boot echod runs" active inside systemctl is-active echod
expect "and answers" GOT:Hello say Hello 127.0.0.1 25000
check "systemctl disable echod" inside systemctl disable echod
