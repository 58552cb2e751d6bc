"""Clients that check every byte, and the peer that the prefix names."""

import asyncio
import random
import re
import socket
import time
from collections import Counter

GREETING = re.compile(rb"([a-z0-9-]+) saw (\S+): ")
PATIENCE = 30  # seconds without any byte


class Wrong(Exception):
    """The answer is not the echo."""


class Lost(Exception):
    """The connection was refused, reset or closed without its whole echo."""


class Echo:
    """Checks the echo of one connection against what it has sent.

    The payload is upper case, so it never looks like the prefix, which echod
    sends before each chunk."""

    def __init__(self, local):
        self.host = None
        self._peer = "%s:%d" % local
        self._sent = b""
        self._heard = b""
        self._prefix = b""

    def sent(self, payload):
        self._sent = payload
        self._heard = b""

    def heard(self, data):
        self._heard += data
        if not self._prefix:
            self._read_prefix()
        body = self._heard
        if self._prefix:
            if not body.startswith(self._prefix[:len(body)]):
                raise Wrong(f"no prefix: {body[:80]!r}")
            body = body.replace(self._prefix, b"")
            # The last prefix may not be here as a whole yet.
            body = re.sub(rb"[^A-Z].*$", b"", body, flags=re.DOTALL)
            if not self._sent.startswith(body):
                raise Wrong(f"not the echo: {self._heard[:200]!r}")
        self.complete = bool(self._prefix) and body == self._sent

    def _read_prefix(self):
        match = GREETING.match(self._heard)
        if match is None:
            return
        self.host = match[1].decode()
        if match[2].decode() != self._peer:
            raise Wrong(f"peer {match[2].decode()}, not {self._peer}")
        self._prefix = match[0]

    @property
    def begun(self):
        return bool(self._heard)

    def check_complete(self):
        if self._heard.replace(self._prefix or b"\0", b"") != self._sent:
            raise Lost(f"{len(self._heard)} bytes of {len(self._sent)}, "
                       f"host {self.host}")


class Failure:
    """A connection that failed: what happened, its server if known, and when
    it began."""

    def __init__(self, kind, text, host, begun):
        self.kind = kind
        self.text = text
        self.host = host
        self.begun = begun

    def __str__(self):
        return f"{self.kind}, host {self.host}: {self.text}"


class TcpLoad:
    """Connections to ADDRESS until the load is stopped: a number of short ones
    each second, and some that stay."""

    def __init__(self, address, seed, short=40, long=15):
        self._address = address
        self._random = random.Random(seed)
        self._short = short
        self._stopping = asyncio.Event()
        self._tasks = set()
        self.served = Counter()  # short connections of each server
        self.drained = 0         # long ones that the server has ended
        self.failures = []
        self.open = {}           # long connections: their server, None if new
        self._spawn(self._begin_short())
        for _ in range(long):
            self._spawn(self._stay())

    def _spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self):
        """Every connection comes to its end first."""
        self._stopping.set()
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def hosts(self):
        """The servers of the long connections."""
        return Counter(self.open.values())

    def _payload(self, size):
        return bytes(self._random.choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                          k=size))

    async def _begin_short(self):
        while not self._stopping.is_set():
            size = self._random.choice((1, 100, 999, 1000, 1001, 6000))
            self._spawn(self._connection(self._short_exchange, size))
            await asyncio.sleep(1 / self._short)

    async def _stay(self):
        while not self._stopping.is_set():
            await self._connection(self._long_exchange)

    async def _connection(self, exchange, *arguments):
        begun = time.monotonic()
        echo = writer = None
        key = object()
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(self._address, 25000), PATIENCE)
            echo = Echo(writer.get_extra_info("sockname"))
            await exchange(reader, writer, echo, key, *arguments)
        except Wrong as error:
            self._fail("wrong", error, echo, begun)
        except (Lost, OSError, asyncio.TimeoutError) as error:
            self._fail("failed", repr(error), echo, begun)
        finally:
            self.open.pop(key, None)
            if writer is not None:
                writer.close()

    def _fail(self, kind, text, echo, begun):
        host = echo.host if echo is not None else None
        self.failures.append(Failure(kind, str(text), host, begun))

    async def _read(self, reader):
        return await asyncio.wait_for(reader.read(65536), PATIENCE)

    async def _short_exchange(self, reader, writer, echo, _key, size):
        """Sends, half-closes, and reads all of its echo."""
        payload = self._payload(size)
        echo.sent(payload)
        writer.write(payload)
        writer.write_eof()
        while data := await self._read(reader):
            echo.heard(data)
        echo.check_complete()
        self.served[echo.host] += 1

    async def _long_exchange(self, reader, writer, echo, key):
        """A message now and then. The server may end the connection between
        two of them; one that it has begun to answer it answers whole."""
        while not self._stopping.is_set():
            self.open[key] = echo.host
            payload = self._payload(self._random.randint(1, 3000))
            echo.sent(payload)
            writer.write(payload)
            echo.complete = False
            while not echo.complete:
                data = await self._read(reader)
                if not data and not echo.begun:
                    self.drained += 1
                    return
                if not data:
                    echo.check_complete()
                    raise Lost("closed")
                echo.heard(data)
            self.open[key] = echo.host
            if await self._rest(reader) == b"":
                self.drained += 1
                return
        writer.write_eof()
        if data := await self._read(reader):
            raise Wrong(f"more than the echo: {data[:80]!r}")

    async def _rest(self, reader):
        """A pause: None, or what arrives in it, which is the end of file."""
        try:
            data = await asyncio.wait_for(reader.read(65536),
                                          self._random.uniform(0.1, 0.5))
        except asyncio.TimeoutError:
            return None
        if data:
            raise Wrong(f"more than the echo: {data[:80]!r}")
        return data


class UdpClient(asyncio.DatagramProtocol):
    """One socket that talks to one address. The answer must come from there,
    else the kernel drops it."""

    def __init__(self):
        self._answers = asyncio.Queue()

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, _address):
        self._answers.put_nowait(data)

    def error_received(self, _error):
        pass  # a server that is away: the datagram is sent again

    async def ask(self, payload, patience):
        """The answer, or None."""
        self._transport.sendto(payload)
        try:
            return await asyncio.wait_for(self._answers.get(), patience)
        except asyncio.TimeoutError:
            return None

    def close(self):
        self._transport.close()

    @classmethod
    async def open(cls, address, port):
        loop = asyncio.get_running_loop()
        _, client = await loop.create_datagram_endpoint(
            cls, remote_addr=(address, port), family=socket.AF_INET)
        return client


class UdpLoad:
    """A datagram at a time, each from a new socket and sent again until it is
    answered."""

    def __init__(self, address, seed):
        self._address = address
        self._random = random.Random(seed)
        self._stopping = asyncio.Event()
        self.served = Counter()
        self.resent = 0
        self.failures = []
        self._task = asyncio.create_task(self._run())

    async def stop(self):
        self._stopping.set()
        await self._task

    async def _run(self):
        number = 0
        while not self._stopping.is_set():
            client = await UdpClient.open(self._address, 25000)
            number += 1
            await self._exchange(client, b"D%d" % number +
                                 b"X" * self._random.randint(0, 1200))
            client.close()
            await asyncio.sleep(0.02)

    async def _exchange(self, client, payload):
        for _ in range(PATIENCE):
            # nginx sends an empty datagram if a server's port is closed.
            answer = await client.ask(payload, 1)
            if not answer:
                self.resent += 1
                continue
            host, _, body = answer.partition(b": ")
            self.served[host.decode()] += 1
            if body != payload:
                self.failures.append(f"wrong: {answer[:80]!r}")
            return
        self.failures.append(f"no answer to {payload[:20]!r}")
