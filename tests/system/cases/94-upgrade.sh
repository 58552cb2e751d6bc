# Upgrades under load. With socket activation no connection is refused.

# version_is VERSION, of the installed package
version_is()
{
	prints "$1" inside dpkg-query -W -f '${Version}' echod
}

upgrade()
{
	under_load 1 env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		--allow-downgrades install "$1"
}

check "echod starts afresh" echod_reset
check "systemctl stop echod" inside systemctl stop echod
check "systemctl enable --now echod.socket" \
	inside systemctl enable --now echod.socket
old_version=$(inside dpkg-query -W -f '${Version}' echod)
expect "it answers" GOT:Hello say Hello localhost 25000
old=$(property MainPID)
check "an upgrade under load fails no connection" upgrade /root/next.deb
check "it is the next version" version_is 99
check "it is another process" fails prints "$old" property MainPID
expect "echod.socket is as enabled as it was" enabled \
	inside systemctl is-enabled echod.socket
expect "and listens" active inside systemctl is-active echod.socket
check "nor does the way back" upgrade /root/this.deb
check "it is the version from before" version_is "$old_version"
check "systemctl disable --now echod.socket" \
	inside systemctl disable --now echod.socket
check "systemctl stop echod" inside systemctl stop echod
