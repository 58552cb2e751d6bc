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

# etc_drop_in UNIT TEXT: as "systemctl edit" makes it
etc_drop_in()
{
	inside mkdir -p "/etc/systemd/system/$1.d" &&
	printf '%s\n' "$2" |
		inside tee "/etc/systemd/system/$1.d/override.conf" &&
	inside systemctl daemon-reload
}

sockets()
{
	inside systemctl show --value -p Listen echod.socket
}

check "echod starts afresh" echod_reset
check "systemctl enable echod" inside systemctl enable echod
check "a drop-in of the service" etc_drop_in echod.service \
	'[Service]
LimitNOFILE=10000'
check "a drop-in of the sockets" etc_drop_in echod.socket \
	'[Socket]
ListenStream=25009'
check "the file has its address" echod_edit \
	's/^listen *=.*/listen = [ "*:25000", "*:25009" ];/'

# The sequence of README and echod(8), while echod runs.
check "systemctl enable --now echod.socket fails" fails \
	inside systemctl enable --now echod.socket
check "systemctl enable echod.socket" inside systemctl enable echod.socket
check "systemctl stop echod.service" inside systemctl stop echod.service
check "systemctl start echod.socket echod.service" \
	inside systemctl start echod.socket echod.service
expect "systemd has the sockets" active inside systemctl is-active echod.socket
check "so has echod" eventually prints_line \
	'started .* listening=tcp:\*:25000,tcp:\*:25009$' journal
old_version=$(inside dpkg-query -W -f '${Version}' echod)
expect "it answers" GOT:Hello say Hello localhost 25000
old=$(property MainPID)
check "an upgrade under load fails no connection" upgrade /root/next-echod.deb
check "it is the next version" version_is 99
check "it is another process" fails prints "$old" property MainPID
expect "echod.socket is as enabled as it was" enabled \
	inside systemctl is-enabled echod.socket
expect "and listens" active inside systemctl is-active echod.socket
expect "the drop-in of the service is used" 10000 property LimitNOFILE
match "so is that of the sockets" '25009' sockets
expect "and served" GOT:Hello say Hello 127.0.0.1 25009
check "nor does the way back" upgrade /root/this-echod.deb
check "it is the version from before" version_is "$old_version"

# The way back.
check "systemctl disable --now echod.socket" \
	inside systemctl disable --now echod.socket
check "systemctl restart echod.service" inside systemctl restart echod.service
expect "echod answers" GOT:Hello say Hello localhost 25000
check "by sockets of its own" eventually prints_line \
	'started .* listening=tcp:0\.0\.0\.0:25000,' journal
inside rm -r /etc/systemd/system/echod.service.d \
	/etc/systemd/system/echod.socket.d
check "systemctl daemon-reload" inside systemctl daemon-reload
check "systemctl disable --now echod" inside systemctl disable --now echod
