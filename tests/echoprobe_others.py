"""Servers by other authors. Each is skipped if it is not installed."""

import os
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from echoprobe_harness import DEADLINE, PROBE, Echod, Result, Skip, probe

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
GO_SOURCE = """
package main

import ("fmt"; "io"; "net")

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil { panic(err) }
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil { panic(err) }
		go func() { io.Copy(connection, connection); connection.Close() }()
	}
}
"""


def find(program):
    path = shutil.which(program, path=PATH)
    if not path:
        raise Skip(f"{program} is not installed")
    return path


def bound_ports(pid, kind):
    """The ports of a process: these servers do not tell which one they got
    instead of 0."""
    mine = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            mine.add(os.readlink(link))
        except FileNotFoundError:
            pass
    listening = "0A" if kind == "tcp" else "07"
    ports = []
    for table in (kind, f"{kind}6"):
        path = Path(f"/proc/{pid}/net/{table}")
        text = path.read_text("ascii") if path.exists() else ""
        for row in map(str.split, text.splitlines()[1:]):
            if row[3] == listening and f"socket:[{row[9]}]" in mine:
                ports.append(int(row[1].rpartition(":")[2], 16))
    return ports


class Foreign:
    """A server as a process group, when it listens: a port for each of
    `kinds`, "tcp" or "udp"."""

    def __init__(self, command, *kinds, **options):
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True, **options)
        self._kinds = kinds
        self.ports = []

    def __enter__(self):
        end = time.monotonic() + 20
        while not all(ports := [bound_ports(self.child.pid, kind)
                                for kind in self._kinds]):
            if self.child.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise AssertionError(
                    f"{self.child.args} does not serve: "
                    f"{self.child.stderr.read().decode(errors='replace')}")
            time.sleep(0.05)
        self.ports = [port for port, *_ in ports]
        return self

    @property
    def url(self):
        return f"{self._kinds[0]}://127.0.0.1:{self.ports[0]}"

    def __exit__(self, *_):
        try:
            os.killpg(self.child.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait(DEADLINE)


def content(result, started=None):
    report = result.report
    wrong = result.differs(0)
    if not wrong and report["echoed"] != report["started"]:
        wrong = f"{report['echoed']} of {report['started']} echoed"
    if not wrong and started is not None and report["started"] != started:
        wrong = f"{report['started']} started, not {started}"
    return wrong


def streams_are_right(url):
    """In each way of sending."""
    return content(probe("-c5", "-n50", "-s8-20000", url), 50) or \
        content(probe("-p", "", "-c3", "-n300", "-s1000", "--stream", url)) or \
        content(probe("-c2", "-n4", "--half-close", "-s100000", url), 4) or \
        content(probe("-c2", "-n10", "--reconnect", url), 10) or \
        content(probe("-c2", "-n20", "--lines", url), 20)


# Of socat, -t is how long it waits for cat after the end of its input.


def socat_tcp():
    with Foreign([find("socat"), "-t10",
                  "TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=20", "EXEC:cat"],
                 "tcp") as socat:
        return streams_are_right(socat.url)


def socat_udp():
    with Foreign([find("socat"), "-t10",
                  "UDP4-RECVFROM:0,bind=127.0.0.1,fork", "EXEC:cat"],
                 "udp") as socat:
        return content(probe("-c2", "-n10", "--rate=max", socat.url), 10)


def socat_udp_of_any_address():
    """It replies from the address that the system prefers."""
    with Foreign([find("socat"), "-t10", "UDP4-RECVFROM:0,fork", "EXEC:cat"],
                 "udp") as socat:
        return answers_from_elsewhere(socat.ports[0])


def answers_from_elsewhere(port):
    result = probe("-n3", "--rate=max", "-t1", f"udp://127.0.0.2:{port}")
    detail = result.failures[0]["detail"] if result.failures else ""
    if detail != f"from 127.0.0.1:{port}":
        return result.explain(["another detail"])
    return result.differs(1, "wrong_source")


def ncat():
    """ncat itself loses the echo that is under way at a FIN."""
    with Foreign([find("ncat"), "-l", "-k", "-e", "/bin/cat", "127.0.0.1",
                  "0"], "tcp") as server:
        url = server.url
        wrong = content(probe("-c5", "-n50", "-s8-20000", url), 50)
        cut = probe("-n3", "--half-close", "-s300000", "-t3", url)
        if wrong:
            return wrong
        if cut.status != 1 or not set(cut.report["failed"]) <= {
                "early_fin", "reset", "timeout"}:
            return cut.explain(["the cut echo is not told"])
        details = [failure["detail"] for failure in cut.failures]
        if not all(detail.endswith(" of 300000 bytes came back")
                   for detail in details):
            return cut.explain(["not told how much was lost"])
        return ""


XINETD = """
defaults
{
	instances = 100
	cps = 1000 1
	per_source = UNLIMITED
}
service echo
{
	type = INTERNAL UNLISTED
	id = echo-stream
	socket_type = stream
	protocol = tcp
	wait = no
	port = 0
}
service echo
{
	type = INTERNAL UNLISTED
	id = echo-dgram
	socket_type = dgram
	protocol = udp
	wait = yes
	port = 0
}
"""


def xinetd():
    """After a reply it discards what has arrived meanwhile, so UDP is slow."""
    program = find("xinetd")
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "xinetd.conf")
        config.write_text(XINETD, encoding="ascii")
        with Foreign([program, "-dontfork", "-f", config, "-pidfile",
                      f"{directory}/pid", "-filelog", f"{directory}/log"],
                     "tcp", "udp") as server:
            port = server.ports[1]
            return streams_are_right(server.url) or \
                content(probe("-n10", "--rate=20", f"udp://127.0.0.1:{port}"),
                        10) or answers_from_elsewhere(port)


INETD = """
echo stream tcp nowait root internal
echo dgram udp wait root internal
"""
IN_NAMESPACE = """
ip link set lo up || exit 99
"$1" -d "$2" >/dev/null 2>&1 &
inetd=$!
trap 'kill $inetd' EXIT
probe=$3
shift 3
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	"$probe" -n1 -t1 tcp://127.0.0.1:7 >/dev/null 2>&1 && break
	sleep 0.1
done
"$probe" --json "$@"
"""


def inetd():
    """Its port is always 7, so it gets a network of its own."""
    program = find("inetutils-inetd")
    find("ip")
    if subprocess.run([find("unshare"), "-rn", "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        raise Skip("unshare(1) is not permitted")
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "inetd.conf")
        config.write_text(INETD, encoding="ascii")

        def ask(*arguments):
            child = subprocess.run(
                ["unshare", "-rn", "--kill-child", "sh", "-c",
                 IN_NAMESPACE,
                 "sh", program, config, PROBE, *arguments],
                capture_output=True, text=True, timeout=DEADLINE,
                check=False)
            return Result(child.returncode, child.stdout, child.stderr)

        other = ask("-n3", "--rate=max", "-t1", "udp://127.0.0.2:7")
        return content(ask("-c2", "-n20", "-s8-3000", "tcp://127.0.0.1:7"),
                       20) or \
            content(ask("-c2", "-n4", "--half-close", "-s100000",
                        "tcp://127.0.0.1:7"), 4) or \
            content(ask("-c2", "-n10", "--rate=max", "udp://127.0.0.1:7"),
                    10) or \
            other.differs(1, "wrong_source")


NGINX = """
load_module MODULE;
daemon off;
pid DIR/pid;
error_log DIR/log;
events { }
stream {
	server {
		listen 127.0.0.1:PORT;
		proxy_pass 127.0.0.1:BACKEND;
		proxy_half_close on;
	}
}
"""


def nginx():
    program = find("nginx")
    module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    if not module.exists():
        raise Skip("the stream module of nginx is not installed")
    with Echod('listen = "127.0.0.1:0"; prefix = "one: ";') as echod, \
            socket.create_server(("127.0.0.1", 0)) as listener:
        config = Path(echod.directory, "nginx.conf")
        port = str(listener.getsockname()[1])
        config.write_text(
            NGINX.replace("MODULE", str(module)).replace("PORT", port)
            .replace("DIR", echod.directory)
            .replace("BACKEND", str(echod.ports[0])), encoding="ascii")
        fd = listener.fileno()
        # It refuses port 0, but takes over a socket, as in an upgrade.
        with Foreign([program, "-c", config, "-e", f"{echod.directory}/log"],
                     "tcp", pass_fds=[fd],
                     env={**os.environ, "NGINX": f"{fd};"}) as server:
            url = server.url
            result = probe("-c5", "-n50", "-s8-20000", url)
            wrong = content(result, 50)
            if not wrong and [backend["name"] for backend in
                              result.report["backends"]] != ["one:"]:
                wrong = result.explain(["another backend"])
            wrong = wrong or content(probe("-n4", "--half-close", "-s100000",
                                           url), 4)
            echod.stop()
            # nginx accepts, and finds nobody.
            gone = probe("-n1", "-t2", url)
            return wrong or gone.differs(1, maybe=["early_fin", "reset"])


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(self.request[0], self.client_address)


def python():
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as tcp, \
            socketserver.UDPServer(("127.0.0.1", 0), Datagrams) as udp:
        for server in (tcp, udp):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            return streams_are_right(
                f"tcp://127.0.0.1:{tcp.server_address[1]}") or content(
                    probe("-c2", "-n10", "--rate=max",
                          f"udp://127.0.0.1:{udp.server_address[1]}"), 10)
        finally:
            tcp.shutdown()
            udp.shutdown()


def go():
    compiler = find("go")
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "echo.go")
        source.write_text(GO_SOURCE, encoding="ascii")
        subprocess.run(
            [compiler, "build", "-o", f"{directory}/echo", source],
            env={**os.environ, "GOCACHE": f"{directory}/cache",
                 "GOPATH": f"{directory}/path", "GO111MODULE": "off"},
            check=True, timeout=300, capture_output=True)
        with subprocess.Popen([f"{directory}/echo"], text=True,
                              stdout=subprocess.PIPE) as child:
            try:
                port = int(child.stdout.readline())
                return streams_are_right(f"tcp://127.0.0.1:{port}")
            finally:
                child.kill()


def run(tests):
    for name, test in (
            ("socat, TCP", socat_tcp), ("socat, UDP", socat_udp),
            ("socat, UDP of any address", socat_udp_of_any_address),
            ("ncat cuts the echo at a FIN", ncat), ("xinetd", xinetd),
            ("inetutils-inetd", inetd), ("nginx in front of echod", nginx),
            ("Python's socketserver", python), ("Go", go)):
        tests.run(name, test)
