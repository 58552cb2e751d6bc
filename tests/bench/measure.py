"""What is measured of a server and of the load put on it."""

import os
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
    """One run of the load generator, in steps, so that what a server has used
    can be read before and after the work, while nothing moves."""

    def __init__(self, program, placed, port, work, setting):
        command = [*placed, program, "--step", f"--port={port}",
                   f"--prefix={setting.prefix}", *work]
        if setting.transport == "tcp":
            command.append(f"--chunk-size={setting.chunk_size}")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _line(self):
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(self._process.stderr.read().strip()
                             or "the load generator has died")
        return line.strip()

    def _go_on(self):
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the next read tells why

    def connect(self):
        if self._line() != "ready":
            raise BenchError(self._process.stderr.read().strip())

    def work(self):
        """Do it; the figures, as a dictionary of numbers."""
        self._go_on()
        figures = dict(pair.split("=") for pair in self._line().split())
        figures.pop("mode")
        figures = {key: float(value) for key, value in figures.items()}
        if figures["errors"]:
            raise BenchError(self._process.stderr.read().strip())
        return figures

    def close(self):
        self._go_on()
        _, errors = self._process.communicate()
        if self._process.returncode != 0:
            raise BenchError(errors.strip())
