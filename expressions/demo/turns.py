"""Taking turns: few calls are computed at once, and few wait."""

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

Result = TypeVar("Result")


class Turns:
    """Computes calls in threads, so many at once.

    Gradio has no queue for the functions of a component, nor for tools: it runs as many at once as come, up to all
    threads of the server. Measured with 50 callers, the slowest answers came twice as late as when they take turns.

    Args:
        at_once: calls that are computed at the same time.
        places: for those that wait.
    """

    def __init__(self, at_once: int, places: int) -> None:
        self._limiter = anyio.CapacityLimiter(at_once)
        self._places = places

    async def take(self, call: Callable[[], Result]) -> Result:
        """Compute a call in its turn.

        Raises:
            BusyError: all places are taken.
        """
        if self._limiter.statistics().tasks_waiting >= self._places:
            raise BusyError(
                f"The server is busy: {self._places} requests are waiting already. Please try again in a moment."
            )
        async with self._limiter:  # not as an argument of run_sync, which lets others come between check and wait
            return await anyio.to_thread.run_sync(call)


class BusyError(ValueError):
    """Too many wait already. The message may be shown to whoever asked."""
