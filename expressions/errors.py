"""What an error says, in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import SafetensorError


class WeightsError(ValueError):
    """Weights that cannot be loaded; the message names the source and what is wrong with it."""


@contextmanager
def weights_errors(source: str) -> Iterator[None]:
    """Make what is wrong with a file a WeightsError: `source`, a colon, and what was said."""
    try:
        yield
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(f"{source}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of what an error says, with the next one where it ends in a colon; at most 400 characters."""
    first, _, rest = str(error).strip().partition("\n")
    if first.endswith(":"):
        first += " " + rest.strip().partition("\n")[0]
    return first[:400] or type(error).__name__
