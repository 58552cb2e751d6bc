"""What the tests of echoprobe need: TAP, the probe as a child, and echod.

Environment: ECHOPROBE, the probe; ECHOD, the daemon."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

DEADLINE = 60
INHERIT = 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
PROBE = os.path.abspath(os.environ["ECHOPROBE"])


class Skip(Exception):
    """The test cannot be run here; the text says why."""


class Tests:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, description, wrong):
        """Passes if `wrong`, a text, is empty."""
        self.count += 1
        self.failed += bool(wrong)
        print(f"{'not ' if wrong else ''}ok {self.count} - {description}")
        for line in wrong.splitlines():
            print("#", line)

    def run(self, description, test):
        """`test` returns what is wrong."""
        try:
            self.check(description, test() or "")
        except Skip as reason:
            self.count += 1
            print(f"ok {self.count} - {description} # SKIP {reason}")
        except (AssertionError, OSError, ValueError, LookupError,
                subprocess.TimeoutExpired) as error:
            self.check(description, f"{type(error).__name__}: {error}")


@dataclass
class Result:
    status: int
    output: str
    errors: str

    def objects(self, kind):
        lines = self.output.splitlines()
        return [value for value in map(json.loads, lines)
                if value["type"] == kind]

    @property
    def report(self):
        reports = self.objects("report")
        assert reports, self.errors or "no report"
        for sums in (reports[0], *reports[0]["targets"]):
            ended = sums["echoed"] + sums["unfinished"] + \
                sum(sums["failed"].values())
            assert sums["started"] == ended, f"not the sum: {sums}"
        return reports[0]

    @property
    def failures(self):
        return self.objects("failure")

    def outcomes(self):
        return {**self.report["failed"], **self.report["observed"]}

    def differs(self, status, *outcomes, maybe=()):
        """What is wrong if this is not the exit status, these are not the
        outcomes, or others than `maybe` were counted too."""
        counts = self.outcomes()
        wrong = []
        if self.status != status:
            wrong.append(f"exit status {self.status}, not {status}")
        if self.report["exit_status"] != self.status:
            wrong.append("the report has another exit status")
        wrong += [f"no {key}" for key in outcomes if key not in counts]
        wrong += [f"unexpected {key}" for key in counts
                  if key not in outcomes and key not in maybe]
        return self.explain(wrong)

    def explain(self, wrong):
        if not wrong:
            return ""
        return "\n".join([*wrong, *self.output.splitlines()[:6], self.errors])


def start(*arguments, **options):
    return subprocess.Popen([PROBE, *map(str, arguments)], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def finish(child, text=None):
    try:
        output, errors = child.communicate(text, timeout=DEADLINE)
    finally:
        child.kill()
    return Result(child.returncode, output, errors)


def probe(*arguments, **options):
    return finish(start("--json", *arguments, **options))


def probe_text(*arguments, **options):
    return finish(start(*arguments, **options))


def read_until(stream, pattern):
    """Lines up to the one that matches."""
    text = ""
    for line in stream:
        text += line
        if re.search(pattern, line):
            return text
    raise AssertionError(f"no {pattern!r} in: {text}")


def unused_port(kind, address="127.0.0.1", shared=False):
    """A socket that keeps a port from other tests, and that nothing reaches.
    `shared`: a socket with SO_REUSEADDR can have it as well."""
    sock = socket.socket(socket.AF_INET, kind)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, 0))
    if kind == socket.SOCK_DGRAM:
        sock.connect((address, 9))
    return sock


class Echod:
    """A daemon with one or more listeners; ports[i] is that of address i.  It
    can inherit `listener`, as from systemd."""

    def __init__(self, settings, listener=None):
        self._directory = tempfile.TemporaryDirectory()
        self.directory = self._directory.name
        config = Path(self.directory, "echod.conf")
        config.write_text(settings.replace("DIR", self.directory),
                          encoding="ascii")
        self._log = open(Path(self.directory, "log"), "w+",
                         encoding="utf-8")
        command = [os.environ["ECHOD"], "-e", "-c", config]
        inherited = [listener.fileno()] if listener else []
        if listener:
            command = ["sh", "-c", INHERIT, "sh", str(inherited[0]), *command]
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=self._log,
            pass_fds=inherited)
        self.ports = self._read_ports()

    def log(self):
        return Path(self.directory, "log").read_text(encoding="utf-8")

    def _read_ports(self):
        end = time.monotonic() + DEADLINE
        while not (found := re.search(r" listening=(\S+)", self.log())):
            if time.monotonic() > end or self.child.poll() is not None:
                raise AssertionError("echod: " + self.log())
            time.sleep(0.01)
        return [int(address.rpartition(":")[2]) if address[:4] != "unix"
                else 0 for address in found[1].split(",")]

    def stop(self, number=signal.SIGKILL):
        self.child.send_signal(number)
        self.child.wait(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.stop()
        self._log.close()
        self._directory.cleanup()
