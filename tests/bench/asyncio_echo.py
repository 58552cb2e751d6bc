#!/usr/bin/env python3
"""Echo on asyncio, in its fast form, a protocol rather than streams; with -u
on uvloop's event loop."""

import argparse
import asyncio
import sys


class Echo(asyncio.Protocol):
    def __init__(self, prefix, chunk_size):
        self._prefix = prefix
        self._chunk_size = chunk_size
        self._transport = None

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        size = self._chunk_size
        if not self._prefix:
            self._transport.write(data)
        elif len(data) <= size:
            self._transport.write(self._prefix + data)
        else:
            self._transport.write(b"".join(
                self._prefix + data[i:i + size]
                for i in range(0, len(data), size)))

    def pause_writing(self):
        self._transport.pause_reading()

    def resume_writing(self):
        self._transport.resume_reading()


async def serve(prefix, chunk_size):
    server = await asyncio.get_running_loop().create_server(
        lambda: Echo(prefix, chunk_size), "127.0.0.1", 0, backlog=4096)
    print(f"listening=tcp:127.0.0.1:{server.sockets[0].getsockname()[1]}",
          file=sys.stderr, flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", "--prefix", default="")
    parser.add_argument("-k", "--chunk-size", type=int, default=1000)
    parser.add_argument("-u", "--uvloop", action="store_true")
    arguments = parser.parse_args()
    if arguments.uvloop:
        import uvloop  # only some machines have it
        uvloop.install()
    asyncio.run(serve(arguments.prefix.encode(), arguments.chunk_size))


if __name__ == "__main__":
    main()
