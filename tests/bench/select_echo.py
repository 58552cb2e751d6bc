#!/usr/bin/env python3
"""The teaching server: every client is a generator that says what it waits
for, and a scheduler over select resumes those that need wait no longer."""

import argparse
import collections
import select
import socket
import sys


class Scheduler:
    def __init__(self):
        self._ready = collections.deque()
        self._readers = {}
        self._writers = {}

    def add(self, task):
        self._ready.append(task)

    def run(self):
        while True:
            while self._ready:
                self._resume(self._ready.popleft())
            readable, writable, _ = select.select(self._readers,
                                                  self._writers, [])
            for sock in readable:
                self.add(self._readers.pop(sock))
            for sock in writable:
                self.add(self._writers.pop(sock))

    def _resume(self, task):
        try:
            wish, sock = next(task)
        except StopIteration:
            return
        waiting = self._readers if wish == "read" else self._writers
        waiting[sock] = task


def serve_client(sock, prefix, chunk_size):
    with sock:
        while True:
            yield "read", sock
            data = sock.recv(chunk_size)
            if not data:
                return
            reply = prefix + data
            while reply:
                yield "write", sock
                reply = reply[sock.send(reply):]


def accept_clients(scheduler, listener, prefix, chunk_size):
    while True:
        yield "read", listener
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        scheduler.add(serve_client(sock, prefix, chunk_size))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", "--prefix", default="")
    parser.add_argument("-k", "--chunk-size", type=int, default=1000)
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"listening=tcp:127.0.0.1:{listener.getsockname()[1]}",
          file=sys.stderr, flush=True)
    scheduler = Scheduler()
    scheduler.add(accept_clients(scheduler, listener,
                                 arguments.prefix.encode(),
                                 arguments.chunk_size))
    scheduler.run()


if __name__ == "__main__":
    main()
