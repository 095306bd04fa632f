"""Which device to compute on, and its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch

from bench.errors import OptionError
from bench.values.texts import quoted


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is CUDA if there is one, else MPS, else the CPU.

    Raises OptionError for a device that this machine lacks.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise _refusal(name) from error
    if device.type not in ("cpu", "cuda", "mps") or str(device).startswith("cpu:"):  # meta's tensors hold no values
        raise _refusal(name)
    return device


def _refusal(name: object) -> OptionError:
    here = ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
    return OptionError(f"`device` must be auto or one of {', '.join(here)} here (got {quoted(name)}).")


def device_names(name: str) -> list[str]:
    """The devices to hand out to workers in turn: every CUDA device for ``auto`` or ``cuda``, else just that one."""
    device = choose_device(name)
    if device.type == "cuda" and device.index is None:
        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return [str(device)]


def synchronised_time(device: torch.device) -> float:
    """Wall-clock seconds, read once the device has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def synchronised_clock(device: torch.device) -> Callable[[], float]:
    """`synchronised_time` of one device, to be read again and again."""
    return partial(synchronised_time, device)
