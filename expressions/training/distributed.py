"""Training in several processes, one for each device, as torchrun and `accelerate launch` start them."""

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


def join_processes(device: torch.device) -> torch.device:
    """Meet the other processes, if the launcher's variables name any; returns this process's own device.

    Raises:
        ValueError: more processes on this machine than devices.
    """
    if launched_processes() == 1:
        return device
    if device.type == "cuda":
        local, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= there:
            raise ValueError(f"device: process {local} has no CUDA device of its own; this machine has {there}")
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def launched_processes() -> int:
    """How many the launcher's variables name; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leave_processes() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def process_count() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def process_rank() -> int:
    """0 for the process that writes, and where there is only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def average_(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over all processes, in one exchange."""
    if process_count() == 1:
        return
    tensors = list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    flat /= process_count()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view(tensor.shape))


def gather(tensor: Tensor) -> list[Tensor]:
    """The tensor of each process, by rank."""
    if process_count() == 1:
        return [tensor]
    device = torch.device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu")
    everyones = [torch.empty_like(tensor, device=device) for _ in range(process_count())]
    dist.all_gather(everyones, tensor.to(device))
    return [one.to(tensor.device) for one in everyones]


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process; every process gets the same answer."""
    return flag if process_count() == 1 else bool(torch.stack(gather(torch.tensor(flag))).any())


def wait_for_all() -> None:
    if process_count() > 1:
        dist.barrier()
