"""What the probe prints and writes, and how it ends."""

import errno
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from echoprobe_harness import (
    DEADLINE, PROBE, Echod, Skip, finish, probe, probe_text,
    read_until, start)

CONFIG = ('log = { rate = 0; }; listen = "127.0.0.1:0"; '
          'prefix = "%{host} "; workers = 1;')
USAGE = [
    [], ["--unknown", "URL"], ["-n", "0", "URL"], ["-n", "x", "URL"],
    ["-c", "0", "URL"], ["-s", "30-10", "URL"], ["-s", "0", "URL"],
    ["--dscp=64", "URL"], ["--ttl=0", "URL"], ["-r", "-1", "URL"],
    ["--gso", "URL"], ["--burst=2", "URL"], ["-n", "1", "-d", "x", "URL"],
    ["--backend=(", "URL"], ["--ipv4", "--ipv6", "URL"],
    ["--proxy-from=host", "URL"], ["--proxy-version=3", "URL"],
    ["--source=host", "URL"], ["http://127.0.0.1:1"], ["tcp://127.0.0.1"],
    ["tcp://127.0.0.1:0"], ["tcp://127.0.0.1:70000"], ["tcp://[::1:7"],
    ["--alpn=x", "URL"], ["--lines", "udp://127.0.0.1:7"],
]
SAMPLE = re.compile(r'echoprobe_[a-z_]+(?:\{[^}]*\})? [0-9.e+-]+')


def unwritten(result, status, option):
    if result.status == status and f"echoprobe: {option}: " in result.errors:
        return ""
    return f"status {result.status}: {result.errors}"


class Output:
    def __init__(self, echod):
        self.url = f"tcp://127.0.0.1:{echod.ports[0]}"

    def usage(self):
        wrong = []
        for arguments in USAGE:
            result = probe_text(*[self.url if argument == "URL" else argument
                                  for argument in arguments])
            named = any(argument.split("=")[0] in result.errors
                        for argument in arguments if argument != "URL")
            if result.status != 64 or result.output or \
                    not (named or not arguments):
                wrong.append(f"{arguments}: {result.status} "
                             f"{result.output[:80]}{result.errors[:80]}")
        return "\n".join(wrong)

    def unresolvable(self):
        result = probe_text("-n1", "tcp://no-such-name.invalid:7")
        if result.status != 2 or "no-such-name.invalid" not in result.errors:
            return f"status {result.status}: {result.errors}"
        return ""

    def help(self):
        for option, text in (("-h", "Usage: echoprobe"),
                             ("--help", "--half-close"),
                             ("-V", "echoprobe"), ("--version", "echoprobe")):
            result = probe_text(option)
            if result.status or result.errors or text not in result.output:
                return f"{option}: {result}"
        return ""

    def quiet(self):
        result = probe_text("-q", "-n3", self.url)
        loud = probe_text("-n3", "-e0.6", self.url)
        if re.search(r"^ *time +open", result.output, re.M):
            return f"lines of seconds in:\n{result.output}"
        if not re.search(r"^ *time +open", loud.output, re.M):
            return f"no lines of seconds in:\n{loud.output}"
        if not result.output.startswith("All right"):
            return f"no verdict first:\n{result.output}"
        return ""

    def ends_with_71(self, stdout, cause, *options):
        child = subprocess.Popen(
            [PROBE, *options, self.url], stdout=stdout, text=True,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        errors = finish(child).errors
        reason = f"standard output: {os.strerror(cause)}"
        return "" if child.returncode == 71 and reason in errors else \
            f"{options}: status {child.returncode}: {errors}"

    def closed_output(self):
        """Nothing is said to have been right that could not be told; and a
        run does not go on if nobody reads what it tells."""
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w") as pipe:
            for options in (["-n3"], ["-e0.1", "--until-signal"],
                            ["-e0.1", "--until-signal", "--json"]):
                wrong = self.ends_with_71(pipe, errno.EPIPE, *options)
                if wrong:
                    return wrong
        return ""

    def full_output(self):
        with tempfile.TemporaryDirectory() as directory, \
                open("/dev/full", "w", encoding="ascii") as full:
            return self.ends_with_71(full, errno.ENOSPC, "-n3") or \
                self.ends_with_71(full, errno.ENOSPC, "-n3",
                                  f"--prometheus={directory}/file")

    def prometheus(self):
        """Whoever reads the file, at any time, reads all of it."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "echoprobe.prom")
            child = start("--json", f"--prometheus={path}", "-n40", "-e0.05",
                          self.url)
            inodes, wrong = set(), []
            end = threading.Event()

            def watch():
                while not end.is_set():
                    if path.exists():
                        inodes.add(path.stat().st_ino)
                        wrong.extend(self.incomplete(path.read_text("ascii")))
                    end.wait(0.01)

            thread = threading.Thread(target=watch)
            thread.start()
            result = finish(child)
            end.set()
            thread.join()
            text = path.read_text("ascii")
            left = os.listdir(directory)
        if not re.search(r'outcome="echoed"[^}]*\} 40$|echoed_total\{.*\} 40$',
                         text, re.M):
            wrong.append("not 40 echoed")
        if len(inodes) < 2:
            wrong.append("the file was not replaced")
        if left != ["echoprobe.prom"]:
            wrong.append(f"left: {left}")
        return result.differs(0) or "\n".join(
            [*wrong[:3], *text.splitlines()]) if wrong else ""

    @staticmethod
    def incomplete(text):
        lines = text.splitlines()
        if not text.endswith("\n"):
            return [f"cut: {text[-60:]!r}"]
        return [f"no sample: {line}" for line in lines
                if line[:1] != "#" and not SAMPLE.fullmatch(line)]

    def prometheus_fails(self):
        result = probe_text("-n1", "--prometheus=/nonexistent/x.prom",
                            self.url)
        return unwritten(result, 73, "--prometheus: /nonexistent/x.prom")

    def no_regular_file(self):
        """A device, as a link to it, is not replaced."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "null")
            path.symlink_to("/dev/null")
            result = probe_text("-n1", f"--prometheus={path}", self.url)
            if not path.is_symlink():
                return "replaced"
        return unwritten(result, 73, f"--prometheus: {path}")

    def svg(self):
        if not shutil.which("gnuplot"):
            raise Skip("gnuplot is not installed")
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "run.svg")
            result = probe(f"--svg={path}", "-n100", self.url)
            text = path.read_text("utf-8")
        if "<svg" not in text or not text.rstrip().endswith("</svg>"):
            return f"no picture: {text[:200]}"
        return result.differs(0)

    def svg_fails(self):
        """At once if the directory is missing; else when it is written."""
        if not shutil.which("gnuplot"):
            raise Skip("gnuplot is not installed")
        result = probe_text("-n1", "--svg=/nonexistent/x.svg", self.url)
        if wrong := unwritten(result, 73, "--svg: /nonexistent/x.svg"):
            return wrong
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "x.svg")
            child = start("--until-signal", "-e0.05", f"--svg={path}",
                          self.url)
            read_until(child.stdout, "time +open")
            path.mkdir()
            child.send_signal(signal.SIGINT)
            return unwritten(finish(child), 73, f"--svg: {path}")

    def svg_without_gnuplot(self):
        with tempfile.TemporaryDirectory() as directory:
            result = probe_text(f"--svg={directory}/run.svg", "-n1", self.url,
                                env={**os.environ, "PATH": directory})
        return "" if result.status and "gnuplot" in result.errors else \
            f"status {result.status}: {result.errors}"

    def report_is_consistent(self):
        report = probe("-c3", "-n50", "-e0.02", self.url).report
        target, = report["targets"]
        sums = [sum(part["echoed"] for part in report["timeline"]),
                sum(backend["echoed"] for backend in report["backends"]),
                target["echoed"], report["round_trip_us"]["count"],
                report["echoed"]]
        trip = report["round_trip_us"]
        order = [trip[key] for key in
                 ("min", "p50", "p90", "p99", "p999", "max")]
        if sums != [50] * 5:
            return f"{sums} instead of 50 in: {report}"
        return "" if order == sorted(order) else f"{trip}"


def run(tests):
    with Echod(CONFIG) as echod:
        output = Output(echod)
        for name, test in (
                ("wrong usage: 64 and nothing but an error", output.usage),
                ("a name that does not exist: 2", output.unresolvable),
                ("-h and -V", output.help), ("-q", output.quiet),
                ("a closed standard output", output.closed_output),
                ("a full standard output", output.full_output),
                ("--prometheus: whole at any time", output.prometheus),
                ("--prometheus: a directory that does not exist",
                 output.prometheus_fails),
                ("--prometheus: no regular file", output.no_regular_file),
                ("--svg", output.svg),
                ("--svg: a file that cannot be written", output.svg_fails),
                ("--svg without gnuplot", output.svg_without_gnuplot),
                ("the sums of --json agree", output.report_is_consistent)):
            tests.run(name, test)
