"""A training step as one CUDA graph: the processor starts it whole, not kernel by kernel."""

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3  # calls in which optimisers make their state, convolutions choose their algorithm


class Replay:
    """Calls a function; on a CUDA device it records the fourth call and repeats that from then on (torch.cuda.graph).

    The function must do the same each time, on the same tensors, without looking at a value on the device.

    Args:
        rng: the function's only source of random numbers.
    """

    def __init__(self, rng: torch.Generator) -> None:
        self.rng, self.calls = rng, 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.result = torch.empty(0)

    def __call__(self, function: Callable[[], Tensor]) -> Tensor:
        """What the function returns this time."""
        if self.rng.device.type != "cuda":
            return function()
        self.calls += 1
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            if self.calls <= _WARM_UP:
                return self._warm_up(function)
            if self.graph is None:
                self.graph = torch.cuda.CUDAGraph()
                self.graph.register_generator_state(self.rng)
                with torch.cuda.graph(self.graph):
                    self.result = function()
        self.graph.replay()
        return self.result.clone()

    @staticmethod
    def _warm_up(function: Callable[[], Tensor]) -> Tensor:
        """Call on a stream of its own, as a recording asks for."""
        stream, here = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            result = function()
        here.wait_stream(stream)
        return result
