# What Debian's machines run with the package: debian/tests.

debian_test()
{
	inside tee /root/session <"$top_srcdir/debian/tests/session" >/dev/null &&
	inside sh /root/session
}

check "echod starts afresh" echod_reset
check "systemctl enable echod" inside systemctl enable echod
check "debian/tests/session" debian_test
check "echod.conf as shipped" inside cp -p /root/echod.conf /etc/echod.conf
check "systemctl disable --now echod" inside systemctl disable --now echod
