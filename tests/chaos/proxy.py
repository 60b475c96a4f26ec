"""A proxy between the processes: connections of ZeroMQ's ipc go through it, and it can spoil them.

    python3 proxy.py authd=/at/px/authd,/at/run/authd …     # link=listen,upstream

Orders come as lines on stdin: LINK MODE [NUMBER]; each is answered with how many connections it met.

pass             as if it was not there
delay MS         each piece is held back so long
trickle          one byte at a time
stall            nothing is read any more, so the pipes fill up; goes on with pass
cut              all connections end, new ones end at once; until pass
half             one direction of each connection ends, the other goes on
"""

import asyncio
import contextlib
import sys

PIECE = 65536


class Link:
    def __init__(self, name, listen, upstream):
        self.name, self.listen, self.upstream = name, listen, upstream
        self.mode, self.number = "pass", 0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.ends = {}  # a connection's client end -> its server end

    async def serve(self):
        await asyncio.start_unix_server(self.meet, self.listen)

    async def meet(self, reader, writer):
        if self.mode == "cut":
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self.upstream)
        except OSError:
            writer.transport.abort()  # the one behind is away: so are we
            return
        self.ends[writer] = up_writer
        try:
            await asyncio.gather(self.pump(reader, up_writer), self.pump(up_reader, writer))
        finally:
            del self.ends[writer]
            writer.transport.abort()
            up_writer.transport.abort()

    async def pump(self, reader, writer):
        with contextlib.suppress(OSError, RuntimeError):
            while True:
                await self.flowing.wait()
                data = await reader.read(PIECE)
                if not data:
                    break
                await self.flowing.wait()
                await self.forward(data, writer)
        # What follows an end of one direction is the peers' business; both ends close when both
        # directions have ended, or when one is broken.
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def forward(self, data, writer):
        if self.mode == "delay":
            await asyncio.sleep(self.number / 1000)
        at = 0
        while self.mode == "trickle" and at < len(data):
            writer.write(data[at:at + 1])
            await writer.drain()
            await asyncio.sleep(0)
            at += 1
        if at < len(data):
            writer.write(data[at:])
            await writer.drain()

    def order(self, mode, number):
        if mode == "half":
            for end in list(self.ends.values()):
                with contextlib.suppress(OSError, RuntimeError):
                    end.write_eof()
            return len(self.ends)
        self.mode, self.number = mode, number
        (self.flowing.clear if mode == "stall" else self.flowing.set)()
        if mode == "cut":
            for end in list(self.ends):
                end.transport.abort()
                self.ends[end].transport.abort()
        return len(self.ends)


async def main():
    links = {}
    for word in sys.argv[1:]:
        name, places = word.split("=")
        links[name] = Link(name, *places.split(","))
        await links[name].serve()
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print("ready", flush=True)
    while line := (await orders.readline()).decode().split():
        met = links[line[0]].order(line[1], int(line[2]) if len(line) > 2 else 0)
        print(met, flush=True)


asyncio.run(main())
