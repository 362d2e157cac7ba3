import asyncio
import time

from expressions.demo.turns import BusyError, Turns


def test_calls_take_turns_and_the_one_that_finds_no_place_is_told() -> None:
    running, together = [], []

    def call() -> str:
        running.append(call)
        together.append(len(running))
        time.sleep(0.01)  # as long as another one could begin
        running.pop()
        return "done"

    async def ask(turns: Turns, count: int) -> list[str | BaseException]:
        return await asyncio.gather(*(turns.take(call) for _ in range(count)), return_exceptions=True)

    *answered, refused = asyncio.run(ask(Turns(at_once=1, places=2), 4))
    assert answered == ["done"] * 3
    assert together == [1, 1, 1]
    assert isinstance(refused, BusyError)
    assert "2 requests are waiting already" in str(refused)
