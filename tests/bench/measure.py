"""What is measured of a server and of the load put on it."""

import json
import os
import signal
import subprocess
from pathlib import Path

TICK = 1e9 / os.sysconf("SC_CLK_TCK")  # nanoseconds


class BenchError(Exception):
    """A run that gives no figure: a wrong byte, a server that died."""


def _stat(pid):
    """/proc/PID/stat behind the command's name, which may hold anything."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2:].split()


def family(root):
    """ROOT and all its descendants that are alive."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(_stat(entry)[1])
            except (OSError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


class Cpu:
    """CPU time, in nanoseconds, that a server has used so far.

    `total` comes from the scheduler's own clock (schedstat) and is exact while
    the server sleeps; `user` and `system` come from the kernel's accounting.
    What exited children used is known to a tick only.
    """

    def __init__(self, pid):
        self.total = self.user = self.system = 0.0
        for member in family(pid):
            try:
                self._add(member)
            except (FileNotFoundError, ProcessLookupError):
                if member == pid:
                    raise BenchError("the server has died") from None

    def _add(self, pid):
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                self.total += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue  # the thread ended while we looked
        user, system, child_user, child_system = (
            int(field) * TICK for field in _stat(pid)[11:15])
        self.total += child_user + child_system
        self.user += user + child_user
        self.system += system + child_system

    def since(self, before):
        return (self.total - before.total, self.user - before.user,
                self.system - before.system)


def pss(pid):
    """User-space memory in bytes, shared pages counted in proportion."""
    total = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text() \
                .splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


class Load:
    """One run of echoprobe, in steps (--step), so that what a server has used
    can be read before and after the work, while nothing moves."""

    def __init__(self, program, placed, running, work, setting):
        options = [f"--prefix={setting.prefix}"]
        if setting.transport == "tcp":
            options.append(f"--chunk-size={setting.chunk_size}")
        self._process = subprocess.Popen(
            [*placed, program, "--step", "--json", "--quiet", "--fail-fast",
             *options, *work,
             f"{setting.transport}://127.0.0.1:{running.port}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _died(self):
        return BenchError(self._process.stderr.read().strip()
                          or "echoprobe has died")

    def _go_on(self):
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the next read tells why

    def _report(self):
        """The last line; the first failure becomes an error."""
        for line in self._process.stdout:
            entry = json.loads(line)
            if entry["type"] == "report":
                return entry
            raise BenchError(f"{entry['reason']}: {entry['detail']}")
        raise self._died()

    def connect(self):
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        if line.strip() != "ready":
            entry = json.loads(line)
            raise BenchError(f"{entry['reason']}: {entry['detail']}")

    def begin(self):
        self._go_on()

    def interrupt(self):
        self._process.send_signal(signal.SIGINT)

    def end(self):
        """The figures of the work, as a dictionary of numbers."""
        report = self._report()
        if report["exit_status"] != 0 or not report["echoed"]:
            raise BenchError(str(report["failed"]) or "nothing was echoed")
        times = report["round_trip_us"] or {}
        return {"messages": report["echoed"], "bytes": report["bytes"],
                "seconds": report["seconds"], "silent": report["silent"],
                **{f"{name}_us": times.get(name) or 0
                   for name in ("p50", "p99", "p999", "max")}}

    def work(self):
        self.begin()
        return self.end()

    def close(self):
        self._go_on()
        out, errors = self._process.communicate()
        if self._process.returncode != 0:
            raise BenchError((errors or out).strip())


def sources(count):
    """Loopback addresses that many connections come from: the ports of one
    run out, and those of closed connections are in TIME-WAIT."""
    return "--source=" + ",".join(f"127.0.0.{1 + i}" for i in range(count))
