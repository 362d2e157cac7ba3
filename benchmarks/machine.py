"""The machine that something was measured on, in words."""

import os
import platform
import re
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")


def device_name(device: torch.device) -> str:
    """A GPU's name, or the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def processor() -> str:
    """Cores, model and vector instructions, such as "2 CPU cores (AMD EPYC, AVX2)"."""
    told = _CPU_INFO.read_text() if _CPU_INFO.exists() else ""
    named = re.search(r"^model name\s*: (.+)$", told, re.MULTILINE)
    model = named[1] if named else platform.processor() or platform.machine()
    return f"{os.cpu_count()} CPU cores ({model.strip()}, {torch.backends.cpu.get_cpu_capability()})"
