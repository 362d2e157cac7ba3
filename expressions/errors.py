"""What an error says, in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager


class WeightsError(ValueError):
    """Weights that cannot be loaded; the message names the source and what is wrong with it."""


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Put `source` and a colon before what a WeightsError says."""
    try:
        yield
    except WeightsError as error:
        raise WeightsError(f"{source}: {error}") from error


def first_line(error: BaseException) -> str:
    """The first line of what an error says, with the next one where it ends in a colon; at most 400 characters."""
    first, _, rest = str(error).strip().partition("\n")
    if first.endswith(":"):
        first += " " + rest.strip().partition("\n")[0]
    return first[:400] or type(error).__name__
