"""How networks compute: in bfloat16 where the hardware has it, in the memory layout that is fast there."""

from typing import TypeVar

import torch

Module = TypeVar("Module", bound=torch.nn.Module)


def has_fast_bf16(device: str) -> bool:
    """Whether the hardware computes in bfloat16, rather than emulating it."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return device == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def channels_last(module: Module) -> Module:
    """Keep the kernels of convolutions channel by channel, as bf16 convolutions want them."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
