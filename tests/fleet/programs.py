"""The programs of the fleet: echod, haproxy and nginx, each in its namespace
and with a file of etc/examples."""

import asyncio
import csv
import io
import re
import signal

import network

DEADLINE = 60  # seconds until an event; a busy machine is slow


class Program:
    """A running program and what it printed."""

    def __init__(self, name):
        self.name = name
        self.lines = []
        self._process = None

    async def start(self, *argv):
        self._process = await asyncio.create_subprocess_exec(
            *network.inside(self.name, *argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        self._reader = asyncio.create_task(self._read())

    async def _read(self):
        async for line in self._process.stdout:
            line = line.decode(errors="replace").rstrip()
            self.lines.append(re.sub(r"^\d{4}-\S+T\S+Z ", "", line))

    async def wait_line(self, pattern):
        """Until a line matches; the program must not end before."""
        async def found():
            if self._reader.done():
                raise RuntimeError(f"{self.name} has ended: {self.lines}")
            return any(re.search(pattern, line) for line in self.lines)
        await wait_until(found)

    async def wait(self):
        """Until it has exited; the exit status, negative for a signal."""
        status = await asyncio.wait_for(self._process.wait(), DEADLINE)
        await self._reader
        return status

    async def terminate(self):
        self._process.terminate()
        return await self.wait()

    async def kill(self):
        """Returns when the kernel has closed all its sockets."""
        self._process.kill()
        return await self.wait()

    def signal(self, number):
        self._process.send_signal(number)


class Echod(Program):
    def __init__(self, echod, number, config):
        super().__init__(f"backend-{number}")
        self.address = network.backend_address(number)
        self._command = [echod, "-e", "-c", str(config)]

    async def start(self):
        self.lines.clear()
        await super().start(*self._command)
        await self.wait_line(r"^echod \S+ started ")

    async def counters(self):
        """The counters that it logs at SIGUSR1, by name."""
        seen = len(self.lines)
        self.signal(signal.SIGUSR1)

        async def logged():
            return any(line.startswith("Counters ")
                       for line in self.lines[seen:])
        await wait_until(logged)
        line, = (line for line in self.lines[seen:]
                 if line.startswith("Counters "))
        pairs = (pair.split("=") for pair in line.split()[1:])
        return {name: int(value) for name, value in pairs}


class Haproxy(Program):
    """The stats socket is the one that haproxy.cfg names."""

    def __init__(self, config):
        super().__init__("haproxy")
        self._config = config

    async def start(self):
        await super().start("haproxy", "-db", "-f", str(self._config))
        await wait_until(self._answers)

    async def _answers(self):
        try:
            return await self.say("show info")
        except OSError:
            return False

    async def say(self, request):
        reader, writer = await asyncio.open_unix_connection(
            "/run/haproxy/admin.sock")
        writer.write(request.encode() + b"\n")
        answer = await reader.read()
        writer.close()
        return answer.decode()

    async def status(self, server):
        table = (await self.say("show stat")).removeprefix("# ")
        for row in csv.DictReader(io.StringIO(table)):
            if row["svname"] == server:
                return row["status"]
        raise RuntimeError(f"haproxy has no server {server}")

    async def wait_status(self, server, *wanted):
        async def reached():
            return await self.status(server) in wanted
        await wait_until(reached)


class Nginx(Program):
    def __init__(self, config):
        super().__init__("nginx")
        self._config = config

    async def start(self):
        await super().start("nginx", "-c", str(self._config),
                            "-g", "daemon off;")
        await wait_until(self._accepts)

    async def _accepts(self):
        try:
            _, writer = await asyncio.open_connection(network.NGINX, 25000)
        except OSError:
            return False
        writer.close()
        return True


async def wait_until(condition):
    """Polls what cannot be waited for otherwise."""
    async def poll():
        while not await condition():
            await asyncio.sleep(0.05)
    await asyncio.wait_for(poll(), DEADLINE)
