# Several daemons, each with a file of its own.

write_instance()
{
	printf 'listen = [ "%s", "unix:/run/echod/%s/echo.sock" ];\nprefix = "%s:";\n' \
		"$2" "$1" "$3" | inside tee "/etc/echod/$1.conf"
}

instance_property()
{
	inside systemctl show --value -p "$2" "echod@$1"
}

check "mkdir /etc/echod" inside mkdir /etc/echod
check "the file of one" write_instance one 127.0.0.1:25001 ONE
check "the file of two" write_instance two 127.0.0.1:25002 TWO
check "systemctl start echod@one echod@two" \
	inside systemctl start echod@one echod@two
expect "one answers" ONE:Hello say Hello 127.0.0.1 25001
expect "two answers" TWO:Hello say Hello 127.0.0.1 25002
expect "one answers by its unix socket" \
	ONE:Hello say Hello -U /run/echod/one/echo.sock
expect "systemd-analyze verify has nothing to say" "" inside sh -c \
	"systemd-analyze verify echod@one.service 2>&1"
check "systemd-analyze security: exposure at most 1.4" \
	inside systemd-analyze security --threshold=14 echod@one

pid=$(instance_property two MainPID)
check "the file of one is another" write_instance one 127.0.0.1:25001 NEW
check "systemctl reload echod@one" inside systemctl reload echod@one
expect "one answers anew" NEW:Hello say Hello 127.0.0.1 25001
check "systemctl stop echod@one" inside systemctl stop echod@one
check "its directory is gone" fails inside test -e /run/echod/one
expect "two is the same process" "$pid" instance_property two MainPID
expect "two answers by its unix socket" \
	TWO:Hello say Hello -U /run/echod/two/echo.sock

# Its sockets get their address from a drop-in.
socket_directory=/run/systemd/system/echod@two.socket.d
check "a drop-in of echod@two.socket" inside sh -euc "
	mkdir $socket_directory
	printf '[Socket]\nListenStream=127.0.0.1:25002\n' \
		>$socket_directory/listen.conf
	systemctl daemon-reload"
expect "systemd-analyze verify has nothing to say" "" inside sh -c \
	"systemd-analyze verify echod@two.socket 2>&1"
check "systemctl stop echod@two.service" inside systemctl stop echod@two.service
check "systemctl start echod@two.socket echod@two.service" \
	inside systemctl start echod@two.socket echod@two.service
expect "two answers" TWO:Hello say Hello 127.0.0.1 25002
check "systemctl stop echod@two.service" inside systemctl stop echod@two.service
expect "the next client starts it" TWO:Hello say Hello 127.0.0.1 25002
check "systemctl stop echod@two.socket echod@two.service" \
	inside systemctl stop echod@two.socket echod@two.service
check "no drop-in" inside rm -r "$socket_directory"
check "rm -r /etc/echod" inside rm -r /etc/echod
# An empty /run/echod is left of the two, and gone with the machine.
inside rmdir /run/echod || :
