"""Which device to compute on, its memory and its time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType

import torch

from bench.errors import OptionError
from bench.values.texts import quoted


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is CUDA if there is one, else MPS, else the CPU.

    Nothing is computed or allocated there.  Raises OptionError for a device that this machine lacks.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device(next((kind for kind in ("cuda", "mps") if _count(kind)), "cpu"))
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise _refusal(name) from error
    if device != torch.device("cpu") and (device.index or 0) >= _count(device.type):
        raise _refusal(name)
    return device


def device_names(names: str) -> list[str]:
    """The devices that trials are given: every CUDA device for ``auto`` or ``cuda``, else those that are named.

    Raises OptionError for one that this machine lacks, or that is named twice, and for the CPU beside others.

    >>> device_names("cpu")
    ['cpu']
    """
    listed: list[str] = []
    for name in names.split(","):
        device = choose_device(name.strip())
        if device.type in ("cpu", "mps"):  # of which there is one
            listed.append(device.type)
        elif device.index is None:
            listed += [f"{device.type}:{i}" for i in range(_count(device.type))]
        else:
            listed.append(str(device))
    check(",".join(listed), names)
    return listed


def check(names: str, given: str = "") -> None:
    """Raise OptionError for what is wrong on any machine: no device, one that is named twice, the CPU beside others."""
    listed = [name.strip() for name in names.split(",")]
    given = quoted(given or names)
    for name in listed:
        try:
            torch.device("cpu" if name == "auto" else name)
        except RuntimeError as error:
            raise OptionError(f"`device` must be auto, cpu, cuda, cuda:0,cuda:1 or mps (got {given}).") from error
        if listed.count(name) > 1:
            raise OptionError(
                f"`device` must name each device once (got {name} twice in {given}): --jobs-per-device says how many "
                "trials share one."
            )
    if len(listed) > 1 and "cpu" in listed:
        raise OptionError(
            f"`device` must be the CPU or other devices, not both (got {given}): seconds of one run could not be "
            "compared. Use two runs."
        )


def _refusal(name: object) -> OptionError:
    here = ["cpu", *(f"cuda:{i}" for i in range(_count("cuda"))), *["mps"] * _count("mps")]
    return OptionError(f"`device` must be auto or one of {', '.join(here)} here (got {quoted(name)}).")


def _count(kind: str) -> int:
    """How many accelerators of this kind there are; PyTorch has a module for each kind, the CPU and ``meta`` aside."""
    module = None if kind == "cpu" else getattr(torch, kind, None)
    return int(module.device_count()) if isinstance(module, ModuleType) and hasattr(module, "device_count") else 0


def identity(name: str) -> str:
    """The name of a device that holds for all processes of the machine, regardless of CUDA_VISIBLE_DEVICES."""
    kind, _, number = name.partition(":")
    properties = getattr(getattr(torch, kind), "get_device_properties", None)
    uuid = getattr(properties(int(number)), "uuid", None) if properties is not None and number else None
    return f"{kind}-{uuid or number or 0}"


def release_memory(name: str) -> None:
    """Give the memory that nothing holds any more back to the device, for other processes; on the CPU Python does."""
    device = torch.device(name)
    if device.type == "cpu":  # where looking for cycles in all that is imported takes as long as a short trial
        return
    gc.collect()
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.empty_cache()
    else:
        getattr(torch, device.type).empty_cache()


def start_gradients(device: torch.device) -> None:
    """Let PyTorch's thread for the gradients of a CUDA device begin with something small.

    If its first work is a product of matrices, PyTorch warns that the thread has no context yet.
    """
    if device.type == "cuda":
        (2 * torch.zeros(1, device=device, requires_grad=True)).sum().backward()


def synchronised_time(device: torch.device) -> float:
    """Wall-clock seconds, read once the device has finished its queued work."""
    if device.type == "mps":
        torch.mps.synchronize()
    elif device.type != "cpu":
        getattr(torch, device.type).synchronize(device)
    return time.perf_counter()


def synchronised_clock(device: torch.device) -> Callable[[], float]:
    """`synchronised_time` of one device, to be read again and again."""
    return partial(synchronised_time, device)
