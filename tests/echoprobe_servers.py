"""Servers that are right in all but one chunk, message or datagram."""

import itertools
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

PREFIX = b"GOT:"
CHUNK_SIZE = 1000
FAULTY = 7  # the chunk of a connection, or the datagram, that goes wrong


@dataclass(frozen=True)
class Framing:
    prefix: bytes
    chunk_size: int

    def options(self):
        return ["-p", self.prefix.decode(), "-k", str(self.chunk_size)]


GOT = Framing(PREFIX, CHUNK_SIZE)
RAW = Framing(b"", 65536)


class Hangup(Exception):
    """The server closes the connection here, after these bytes."""

    def __init__(self, rest=b"", reset=False):
        super().__init__()
        self.rest = rest
        self.reset = reset


@dataclass
class Place:
    """The first byte of an echo that is not the right one."""
    offset: int
    expected: int
    got: int


class Connection:
    """`message`: it reads so many bytes before it answers; 0: any."""

    def __init__(self, sock, mistake, framing, message, places):
        self.sock = sock
        self._mistake = mistake
        self._framing = framing
        self._message = message
        self._places = places
        self._number = 0
        self._sent = 0

    def serve(self):
        with self.sock:
            try:
                self._mistake.at_begin(self)
                while data := self._receive():
                    self.sock.sendall(self._reply(data))
                self._mistake.at_end(self)
            except Hangup as hangup:
                self._hang_up(hangup)
            except OSError:
                pass  # the client has seen enough

    def _hang_up(self, hangup):
        try:
            self.sock.sendall(hangup.rest)
            if hangup.reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     struct.pack("ii", 1, 0))
                return
            # Without this, data on its way would make it a reset.
            self.sock.shutdown(socket.SHUT_WR)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass

    def _receive(self):
        if not self._message:
            return self.sock.recv(65536)
        return self.sock.recv(self._message, socket.MSG_WAITALL)

    def _reply(self, data):
        size = self._framing.chunk_size
        right, reply = bytearray(), bytearray()  # += of bytes copies all
        for begin in range(0, len(data), size):
            chunk = data[begin:begin + size]
            right += self._framing.prefix + chunk
            try:
                reply += self._chunk(chunk)
            except Hangup as hangup:
                hangup.rest = bytes(reply) + hangup.rest
                raise
        self._note_place(right, reply, data)
        self._sent += len(reply)
        return reply

    def _note_place(self, right, reply, data):
        for at, (expected, got) in enumerate(zip(right, reply)):
            if expected != got:
                at, expected = self._mistake.locate(at, expected, reply, data,
                                                    self._framing)
                self._places.append(Place(self._sent + at, expected,
                                          reply[at]))
                break

    def _chunk(self, data):
        self._number += 1
        if self._number == FAULTY:
            return self._mistake.chunk(self._framing.prefix, data, self)
        return self._framing.prefix + data


class Right:
    """No mistake; the others change what they name."""

    def locate(self, at, expected, reply, data, framing):
        """The byte at which a mistake shows, and the byte expected there, from
        the first byte that is not the usual one."""
        return at, expected

    def chunk(self, prefix, data, connection):
        return prefix + self.payload(prefix, data)

    def payload(self, prefix, data):
        return data

    def at_begin(self, connection):
        pass

    def at_end(self, connection):
        pass


class Split(Right):
    """TCP may have cut the message here: a further prefix is legal."""

    def payload(self, prefix, data):
        return prefix.join([data[:1], data[1:-1], data[-1:]])


class At(Right):
    """A mistake at one byte of the chunk."""

    def __init__(self, where):
        self._where = where

    def payload(self, prefix, data):
        at = {"first": 0, "middle": len(data) // 2,
              "last": len(data) - 1}[self._where]
        return self.spoil(data, at)


class Lost(At):
    def spoil(self, data, at):
        return data[:at] + data[at + 1:]

    def locate(self, at, expected, reply, data, framing):
        """If the last byte is lost, a prefix is there, which is legal."""
        if self._where != "last":
            return at, expected
        period = framing.chunk_size + len(framing.prefix)
        position = (at // period + 1) * framing.chunk_size - 1
        at += len(framing.prefix)
        while reply[at] == data[position]:
            at += 1
            position += 1
        return at, data[position]


class Doubled(At):
    def spoil(self, data, at):
        return data[:at + 1] + data[at:]


class Changed(At):
    def spoil(self, data, at):
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


class Swapped(Right):
    """The first byte that differs from its successor changes places with
    it."""

    def payload(self, prefix, data):
        at = next(i for i in range(len(data)) if data[i] != data[i + 1])
        return data[:at] + data[at + 1:at + 2] + data[at:at + 1] + \
            data[at + 2:]


class Replaced(Right):
    """Another prefix than the right one."""

    def __init__(self, prefix):
        self._prefix = prefix

    def chunk(self, prefix, data, connection):
        return self._prefix + data


class CutPrefix(Right):
    """A prefix, a chunk, and a prefix that ends in the middle."""

    def locate(self, at, expected, reply, data, framing):
        return at + 2, framing.prefix[2]

    def chunk(self, prefix, data, connection):
        return prefix + data[:10] + prefix[:2] + data[10:]


class Surplus(Right):
    """More than was sent, when the client has said that it is done."""

    def __init__(self, surplus):
        self._surplus = surplus

    def at_end(self, connection):
        connection.sock.sendall(self._surplus)


class Banner(Right):
    """Bytes before anything was sent."""

    def __init__(self, text):
        self._text = text

    def at_begin(self, connection):
        connection.sock.sendall(self._text)


class Hang(Right):
    """Closes after `part` bytes of the chunk; by RST if `reset`."""

    def __init__(self, part, reset=False):
        self._part = part
        self._reset = reset

    def chunk(self, prefix, data, connection):
        raise Hangup((prefix + data)[:self._part], self._reset)


class ResetAtEnd(Right):
    """A reset instead of a FIN, when the client is done."""

    def at_end(self, connection):
        raise Hangup(reset=True)


class NoFin(Right):
    """It does not end a connection until `over` is set."""

    def __init__(self, over):
        self._over = over

    def at_end(self, connection):
        self._over.wait()


class Swallow(NoFin):
    """It reads all, answers nothing, and does not end the connection."""

    def at_begin(self, connection):
        while connection.sock.recv(65536):
            pass


class AcceptAndClose(Right):
    def at_begin(self, connection):
        raise Hangup


class Deaf(Right):
    """It reads, and never answers."""

    def at_begin(self, connection):
        while connection.sock.recv(65536):
            pass


class CloseAfter(Right):
    """A FIN after so many messages."""

    def __init__(self, messages=2):
        self._messages = messages

    def at_begin(self, connection):
        for _ in range(self._messages):
            if data := connection.sock.recv(65536):
                connection.sock.sendall(PREFIX + data)
        raise Hangup


class HalfCloseCut(Right):
    """It stops when the client's FIN comes and keeps what was not echoed
    yet."""

    def at_begin(self, connection):
        data = b""
        while part := connection.sock.recv(65536):
            data += part
        raise Hangup(PREFIX + data[:len(data) // 2])


class Crossed(Right):
    """Two connections get each other's data, once: a third one would wait."""

    def __init__(self):
        self._meet = threading.Barrier(2, timeout=10)
        self._data = []
        self._lock = threading.Lock()

    def payload(self, prefix, data):
        with self._lock:
            if len(self._data) == 2:
                return data
            self._data.append(data)
        try:
            self._meet.wait()
        except threading.BrokenBarrierError:
            return data  # the other one has ended
        return self._data[self._data[0] is data]


class Silent(Right):
    """A whole message is never answered."""

    def chunk(self, prefix, data, connection):
        return b""


class Stall(Right):
    """Nothing for a time, once."""

    def __init__(self, seconds):
        self._seconds = seconds

    def chunk(self, prefix, data, connection):
        time.sleep(self._seconds)
        return prefix + data


@dataclass
class Server:
    """Serves while it is a context."""
    mistake: Right
    framing: Framing = GOT
    message: int = 0
    places: list = field(default_factory=list)

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            connection = Connection(sock, self.mistake, self.framing,
                                    self.message, self.places)
            threading.Thread(target=connection.serve, daemon=True).start()


class DatagramServer:
    """`replies(data)`: what it sends for the seventh datagram, each bytes or
    (socket, bytes).  Others are echoed with the prefix."""

    def __init__(self, replies, prefix=PREFIX):
        self._replies = replies
        self._prefix = prefix
        self.arrived = []

    def __enter__(self):
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.address = self._sock.getsockname()
        self.url = f"udp://127.0.0.1:{self.address[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self.address)
        self._thread.join()
        self._sock.close()

    def _serve(self):
        for number in itertools.count(1):
            data, peer = self._sock.recvfrom(65536)
            if not data:
                return
            self.arrived.append(time.monotonic())
            self._answer(self._replies(data) if number == FAULTY
                         else [self._prefix + data], peer)

    def _answer(self, replies, peer):
        for reply in replies:
            sock, data = reply if isinstance(reply, tuple) else \
                (self._sock, reply)
            sock.sendto(data, peer)
