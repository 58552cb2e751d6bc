"""The servers that are compared: where they are found, how they start."""

import getpass
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from measure import BenchError

HERE = Path(__file__).resolve().parent
START_SECONDS = 10


@dataclass(frozen=True)
class Setting:
    """What a server is asked to do."""
    prefix: str = ""
    chunk_size: int = 1000
    workers: int = 1
    transport: str = "tcp"
    log_connections: bool = False


class Running:
    """A started server: its process id and port. Leaving it ends it.

    PLACED is the command that puts another on its CPU and executes it."""

    def __init__(self, placed, command, port=None, environment=None):
        self._process = subprocess.Popen(
            [*placed, *command], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            start_new_session=True)
        self.pid = self._process.pid
        try:
            self.port = port or self._announced_port()
            if port:
                self._wait_until_accepting()
        except BaseException:
            self._end()
            raise
        # Whatever it still has to say must not block it.
        threading.Thread(target=self._drain, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def _end(self):
        """End the whole session: some fork for every connection."""
        try:
            os.killpg(self.pid, 15)
            self._process.wait(START_SECONDS)
        except ProcessLookupError:
            self._process.wait()
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, 9)
            self._process.wait()

    def _drain(self):
        for _ in self._process.stderr:
            pass

    def _announced_port(self):
        """Read standard error as far as `listening=TRANSPORT:ADDRESS:PORT`."""
        deadline = time.monotonic() + START_SECONDS
        descriptor = self._process.stderr.fileno()
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while selector.select(max(0, deadline - time.monotonic())):
                piece = os.read(descriptor, 4096)
                said += piece
                match = re.search(
                    rb"listening=(?:tcp|udp):127\.0\.0\.1:(\d+)\b.*\n", said)
                if match:
                    return int(match.group(1))
                if not piece:
                    break
        raise BenchError("does not start: "
                         + said.decode(errors="replace").strip())

    def _wait_until_accepting(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise BenchError("does not start")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One contestant. `absent` is why it cannot take part, or None."""

    has_prefix = True
    max_connections = 1000000
    absent = None
    transports = ("tcp",)

    def __init__(self, name, about):
        self.name = name
        self.about = about

    def refuses(self, row, setting):
        """Why this work is not for it, or None."""
        if row.connections > self.max_connections:
            return f"at most {self.max_connections} connections"
        if row.prefix_counts and not self.has_prefix:
            return "has no prefix"
        if setting.workers != 1 or setting.log_connections:
            return "not a setting of this server"
        return None

    def start(self, setting, placed):
        raise NotImplementedError


class Program(Server):
    """A program of this directory: -p PREFIX -k CHUNK_SIZE, any free port."""

    def __init__(self, name, about, command, absent=None, environment=None,
                 max_connections=1000000):
        super().__init__(name, about)
        self.command = command
        self.absent = absent
        self.environment = environment
        self.max_connections = max_connections

    def start(self, setting, placed):
        command = [*self.command, "-k", str(setting.chunk_size)]
        if setting.prefix:
            command += ["-p", setting.prefix]
        return Running(placed, command, environment=self.environment)


class DatagramProgram(Program):
    """A program of this directory for UDP: -p PREFIX, any free port."""

    transports = ("udp",)

    def start(self, setting, placed):
        return Running(placed, [*self.command, "-p", setting.prefix])


class Echod(Server):
    transports = ("tcp", "udp")

    def __init__(self, program, directory):
        super().__init__("echod", "echod")
        self._program = program
        self._directory = directory
        if not program or not os.access(program, os.X_OK):
            self.absent = "ECHOD does not name the built daemon"

    def refuses(self, row, setting):
        return None

    def start(self, setting, placed):
        connections = "true" if setting.log_connections else "false"
        path = Path(self._directory, "echod.conf")
        path.write_text(
            f'listen = "{setting.transport}:127.0.0.1:0";\n'
            # The highest limit that is one: each datagram is counted.
            "udp = { rate = 1000000; };\n"
            f'prefix = "{setting.prefix}";\n'
            f"chunk_size = {setting.chunk_size};\n"
            f"workers = {setting.workers};\n"
            f'log = {{ to = "stderr"; connections = {connections}; }};\n')
        return Running(placed, [self._program, "-e", "-c", str(path)])


class Forking(Server):
    """A tool that gives each connection a process and knows no prefix."""

    has_prefix = False
    max_connections = 500

    def __init__(self, program, about, arguments):
        super().__init__(program, about)
        self._arguments = arguments
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
        self._path = shutil.which(program, path=path)
        if not self._path:
            self.absent = "not installed"

    def start(self, setting, placed):
        port = free_port()
        return Running(placed, [self._path, *self._arguments(port)], port)


def socat_arguments(port):
    return [f"TCP4-LISTEN:{port},bind=127.0.0.1,backlog=4096,nodelay,fork",
            "PIPE"]


class Ncat(Forking):
    """It waits for cat to take what it writes, and does not read from cat
    meanwhile: with more on its way than a pipe holds both wait for ever."""

    PIPE_SIZE = 65536

    def __init__(self):
        super().__init__("ncat", "ncat with cat", self._ask_for)

    @staticmethod
    def _ask_for(port):
        return ["--listen", "--keep-open", "--nodns", "--max-conns", "1000",
                "--exec", shutil.which("cat"), "127.0.0.1", str(port)]

    def refuses(self, row, setting):
        if row.mode == "bulk" or row.size > self.PIPE_SIZE:
            return "blocks for ever on more than a pipe holds"
        return super().refuses(row, setting)


class Xinetd(Forking):
    """xinetd's built-in echo service."""

    def __init__(self, directory):
        super().__init__("xinetd", "xinetd, built-in echo", self._configure)
        self._directory = directory

    def _configure(self, port):
        path = Path(self._directory, "xinetd.conf")
        path.write_text(
            "service echo\n{\n"
            "\ttype = INTERNAL UNLISTED\n\tid = echo-stream\n"
            "\tsocket_type = stream\n\tprotocol = tcp\n\twait = no\n"
            f"\tuser = {getpass.getuser()}\n"
            f"\tbind = 127.0.0.1\n\tport = {port}\n"
            "\tinstances = UNLIMITED\n\tper_source = UNLIMITED\n"
            "\tcps = 1000000 1\n\tflags = NODELAY NOLIBWRAP\n"
            "\tdisable = no\n}\n")
        return ["-dontfork", "-f", str(path), "-pidfile",
                str(Path(self._directory, "xinetd.pid"))]


def _compiled(source, build, directory):
    """Build a peer that the project itself does not need: (path, absent)."""
    target = Path(directory, Path(source).stem)
    result = subprocess.run(build(str(HERE / source), str(target)),
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return None, "does not build: " + result.stderr.strip()[-200:]
    return str(target), None


def _libuv(directory):
    flags = None
    if shutil.which("pkg-config"):
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libuv"],
            capture_output=True, text=True, check=False)
    compiler = os.environ.get("CC", "cc").split()
    if not flags or flags.returncode != 0 or not shutil.which(compiler[0]):
        return None, "not installed"
    return _compiled("libuv_echo.c", lambda source, target: [
        *compiler, "-O2", "-o", target, source, *flags.stdout.split()],
        directory)


def _go(directory):
    if not shutil.which("go"):
        return None, "not installed"
    if "HOME" not in os.environ:
        os.environ.setdefault("GOCACHE", str(Path(directory, "go-cache")))
    return _compiled("go_echo.go", lambda source, target: [
        "go", "build", "-o", target, source], directory)


def _python_with(module):
    """An interpreter that has MODULE, which may be another than ours."""
    for python in (sys.executable, "python3", "/usr/bin/python3"):
        command = [python, "-c", f"import {module}"]
        if shutil.which(python) and subprocess.run(
                command, capture_output=True, check=False).returncode == 0:
            return python, None
    return None, "not installed"


def _peer(name, about, found, arguments=(), environment=None):
    path, absent = found
    return Program(name, about, [path, *arguments], absent, environment)


CORE = ["epoll", "recvfrom", "echod", "bufferevent"]
NAMES = CORE + ["epoll-r8", "libuv", "go", "uvloop", "asyncio", "select",
                "socat", "ncat", "xinetd"]


def find(names, build, echod):
    """The servers called NAMES, in that order; peers are built in a temporary
    directory, which has to live as long as they do."""
    directory = tempfile.TemporaryDirectory(prefix="echod-bench-")
    asyncio = str(HERE / "asyncio_echo.py")
    makers = {
        "epoll": lambda: _ours("epoll", "raw epoll loop", build, "epoll"),
        "recvfrom": lambda: DatagramProgram(
            "recvfrom", "recvfrom/sendto loop", [str(Path(build, "udp_echo"))]),
        "epoll-r8": lambda: _ours("epoll-r8", "raw epoll, 8 reads in a row",
                                  build, "epoll", ["-r", "8"]),
        "echod": lambda: Echod(echod, directory.name),
        "bufferevent": lambda: _ours("bufferevent", "textbook bufferevent",
                                     build, "bufferevent"),
        "libuv": lambda: _peer("libuv", "libuv", _libuv(directory.name)),
        "go": lambda: _peer("go", "Go", _go(directory.name),
                            environment={"GOMAXPROCS": "1"}),
        "uvloop": lambda: _peer("uvloop", "Python asyncio on uvloop",
                                _python_with("uvloop"), [asyncio, "-u"]),
        "asyncio": lambda: _peer("asyncio", "Python asyncio",
                                 (sys.executable, None), [asyncio]),
        "select": lambda: Program(
            "select", "teaching server (Python, select)",
            [sys.executable, str(HERE / "select_echo.py")],
            max_connections=1000),  # FD_SETSIZE is 1024
        "socat": lambda: Forking("socat", "socat", socat_arguments),
        "ncat": Ncat,
        "xinetd": lambda: Xinetd(directory.name),
    }
    return directory, [makers[name]() for name in names]


def _ours(name, about, build, kind, arguments=()):
    path = Path(build, f"{kind}_echo")
    absent = None if os.access(path, os.X_OK) else f"{path} is not built"
    return Program(name, about, [str(path), *arguments], absent)
