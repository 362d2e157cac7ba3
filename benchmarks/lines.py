"""A line between a browser and a server: it delays, narrows and counts what passes."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from anyio.from_thread import start_blocking_portal

DELAY = 0.15  # seconds that a slow line takes each way
RATE = 1.6e6 / 8  # bytes per second of a slow line
CHUNK = 4096  # bytes that are sent on at a time


class Line:
    """A TCP proxy to a port of this machine.

    Args:
        port: of the server.
        delay: seconds that each byte takes, in either direction.
        rate: bytes per second from the server, of all connections together.
    """

    def __init__(self, port: int, delay: float, rate: float) -> None:
        self._server_port, self._delay, self._rate = port, delay, rate
        self._free = 0.0  # when the line has sent all that came from the server
        self.received = 0  # bytes from the server

    async def connect(self, browser_in: asyncio.StreamReader, browser_out: asyncio.StreamWriter) -> None:
        server_in, server_out = await asyncio.open_connection("127.0.0.1", self._server_port)
        with suppress(asyncio.CancelledError):  # the line is gone
            await asyncio.gather(
                self._carry(browser_in, server_out, is_answer=False),
                self._carry(server_in, browser_out, is_answer=True),
            )

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_answer: bool) -> None:
        clock = asyncio.get_running_loop().time
        passing: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await passing.get()
                await asyncio.sleep(due - clock())
                if not data:
                    return
                sink.write(data)
                await sink.drain()

        delivery = asyncio.create_task(deliver())
        try:
            while data := await source.read(CHUNK):
                sent = clock()
                if is_answer:
                    self.received += len(data)
                    sent = self._free = max(self._free, sent) + len(data) / self._rate
                passing.put_nowait((sent + self._delay, data))
            passing.put_nowait((clock(), b""))
            await delivery
        except ConnectionError:
            delivery.cancel()  # whoever went away waits for nothing
        finally:
            sink.close()


@contextmanager
def line_to(url: str, delay: float = 0.0, rate: float = math.inf) -> Iterator[tuple[str, Line]]:
    """The address at which a server is reached by way of a line, and the line: as for `Line`."""
    scheme, host, port = url.split(":")
    line = Line(int(port), delay, rate)
    with start_blocking_portal() as portal:
        server = portal.call(asyncio.start_server, line.connect, "127.0.0.1", 0)
        try:
            yield f"{scheme}:{host}:{server.sockets[0].getsockname()[1]}", line
        finally:
            portal.call(server.close)
