"""The load: echoprobe, and what it says while it runs."""

import asyncio
import json
import os
import time
from collections import Counter

ECHOPROBE = os.path.abspath(os.environ.get("ECHOPROBE", "src/echoprobe"))
PATIENCE = 30  # seconds without any byte

# The server has ended the connection between two messages. One that it had
# not begun to answer was sent again.
ENDED = "closed", "retried"


class Failure:
    """What failed, and whose connection it was. Times are those of
    time.monotonic(); `began` is None without a connection."""

    def __init__(self, line, begin):
        self.reason = line["reason"]
        self.backend = line["backend"]
        self.detail = line["detail"]
        self.time = begin + line["time"]
        self.began = None if line["began"] is None else begin + line["began"]

    def __str__(self):
        return (f"{self.reason}, {self.backend}, at {self.time:.3f}, "
                f"began {self.began}: {self.detail}")


class Probe:
    """An echoprobe that runs here, until it is stopped or has sent all.

    The name of a backend is its whole prefix. In this, echoprobe has replaced
    the client's address by CLIENT, if it is the right one."""

    def __init__(self, url, *options):
        self._argv = [ECHOPROBE, "--json", *options, url]
        self.served = Counter()  # echoes of each backend
        self.failures = []
        self.ended = []  # connections, see ENDED
        self.report = None
        self._seconds = []  # begin, end, backends
        self._begin = None

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE)
        self._reader = asyncio.create_task(self._read())

    async def _read(self):
        # The report is a long line.
        rest = b""
        while data := await self._process.stdout.read(65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))

    def _take(self, line):
        if line["type"] == "report":
            self.report = line
            self.served = Counter({backend["name"]: backend["echoed"]
                                   for backend in line["backends"]})
            return
        # The line came after its time, so the run did not begin later than
        # this. The error makes connections younger, never older.
        begin = time.monotonic() - line["time"]
        self._begin = min(begin, self._begin or begin)
        if line["type"] == "failure":
            failure = Failure(line, self._begin)
            (self.ended if failure.reason in ENDED
             else self.failures).append(failure)
            return
        since = self._seconds[-1][1] if self._seconds else self._begin
        self._seconds.append((since, self._begin + line["time"],
                              line["backends"]))
        self.served.update(line["backends"])

    def _check_runs(self):
        if self._reader.done():
            raise RuntimeError(f"has ended: {' '.join(self._argv)}")

    def serves(self, backend, since):
        """True if it has echoed something in a second that began later than
        `since`."""
        self._check_runs()
        return any(backend in backends for begin, _, backends in self._seconds
                   if begin >= since)

    def has_told(self, until):
        """True if all is known that happened before."""
        self._check_runs()
        return bool(self._seconds) and self._seconds[-1][1] >= until

    async def finish(self):
        """Until it has ended by itself; its report."""
        await self._reader
        await self._process.wait()
        if self.report is None:
            raise RuntimeError(f"no report: {' '.join(self._argv)}")
        return self.report

    async def stop(self):
        """Every connection comes to its end first."""
        self._process.terminate()
        return await self.finish()


async def probe(url, *options):
    """Runs it to its end. Returns what was wrong."""
    run = Probe(url, *options)
    await run.start()
    report = await run.finish()
    wrong = [str(failure) for failure in run.failures + run.ended]
    if report["exit_status"] != 0 or report["unfinished"] > 0:
        wrong.append(f"exit status {report['exit_status']}, "
                     f"{report['unfinished']} unfinished")
    return wrong


class Load:
    """Probes of one address until they are stopped."""

    def __init__(self, *probes):
        self.probes = probes

    async def start(self):
        for run in self.probes:
            await run.start()

    async def stop(self):
        """What has not come to its end is a failure."""
        reports = await asyncio.gather(*(run.stop() for run in self.probes))
        return [f"{report['unfinished']} messages unfinished"
                for report in reports if report["unfinished"] > 0]

    @property
    def failures(self):
        return [failure for run in self.probes for failure in run.failures]

    @property
    def ended(self):
        return [failure for run in self.probes for failure in run.ended]

    @property
    def served(self):
        return sum((run.served for run in self.probes), Counter())

    def clear(self):
        for run in self.probes:
            run.failures.clear()
            run.ended.clear()

    def has_told(self, until):
        """True if all is known that happened before."""
        return all(run.has_told(until) for run in self.probes)


class TcpLoad(Load):
    """Short connections, a number each second, and some that stay."""

    NAME = "{} saw CLIENT:"  # of a backend

    def __init__(self, address):
        url = f"tcp://{address}:25000"
        options = "--until-signal", f"--timeout={PATIENCE}"
        self.short = Probe(url, *options, "--half-close", "--rate=40",
                           "--connections=20", "--size=1-6000/999")
        self.long = Probe(url, *options, "--pause=0.3", "--connections=15",
                          "--size=1-3000")
        super().__init__(self.short, self.long)

    def serves(self, backend, since):
        return self.short.serves(self.NAME.format(backend), since)


class UdpLoad(Load):
    """Datagrams. nginx ends the session of a port after a second without an
    answer, so none uses its port again before 2 s have passed: each datagram is
    a session, for which nginx chooses the server."""

    NAME = "{}:"
    TIMEOUT = 3  # longer than nginx waits

    def __init__(self, address):
        self._address = address
        self._run = Probe(f"udp://{address}:25000", "--until-signal",
                          f"--timeout={self.TIMEOUT}", "--rate=40",
                          "--connections=80", "--size=2-1200")
        super().__init__(self._run)

    def serves(self, backend, since):
        return self._run.serves(self.NAME.format(backend), since)

    def wrong(self, begin, end):
        """What is wrong, if one server was away from `begin` to `end`. Once a
        second nginx tries it with a datagram, which is lost, and can send an
        empty one to the client. All others are answered."""
        lost, empty, wrong = [], [], []
        for failure in self.failures:
            if failure.reason == "timeout" and begin < failure.began < end:
                lost.append(failure)
            elif (failure.reason == "foreign"
                  and failure.detail == f"0 bytes from {self._address}:25000"
                  and begin < failure.time < end):
                empty.append(failure)
            else:
                wrong.append(failure)
        if len(lost) > end - begin + 1 or len(empty) > len(lost):
            wrong += lost + empty
        return wrong
