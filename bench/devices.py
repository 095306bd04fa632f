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
    """Return the device called ``name``; ``auto`` selects CUDA if available, else MPS, else the CPU.

    Nothing is computed or allocated on the device.  Raises OptionError for a device that this machine lacks.

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
    """Return the devices that trials may use: every CUDA device for ``auto`` or ``cuda``, else those that are named.

    Raises OptionError for a device that this machine lacks or that is named twice, and for the CPU along with others.

    >>> device_names("cpu")
    ['cpu']
    """
    listed: list[str] = []
    for name in names.split(","):
        device = choose_device(name.strip())
        if device.type in ("cpu", "mps"):  # there is only one of each
            listed.append(device.type)
        elif device.index is None:
            listed += [f"{device.type}:{i}" for i in range(_count(device.type))]
        else:
            listed.append(str(device))
    check(",".join(listed), names)
    return listed


def check(names: str, given: str = "") -> None:
    """Raise OptionError for errors on any machine: no device, one named twice, or the CPU along with others."""
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
    """Return the number of accelerators of this kind; PyTorch has a module for each kind but the CPU and ``meta``."""
    module = None if kind == "cpu" else getattr(torch, kind, None)
    return int(module.device_count()) if isinstance(module, ModuleType) and hasattr(module, "device_count") else 0


def identity(name: str) -> str:
    """Return a name of the device that is valid in all processes of the machine, whatever CUDA_VISIBLE_DEVICES is."""
    kind, _, number = name.partition(":")
    properties = getattr(getattr(torch, kind), "get_device_properties", None)
    uuid = getattr(properties(int(number)), "uuid", None) if properties is not None and number else None
    return f"{kind}-{uuid or number or 0}"


def release_memory(name: str) -> None:
    """Return unused memory to the device, for other processes; on the CPU Python does this itself."""
    device = torch.device(name)
    if device.type == "cpu":  # a search for reference cycles in all imported modules takes as long as a short trial
        return
    gc.collect()
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.empty_cache()
    else:
        getattr(torch, device.type).empty_cache()


def start_gradients(device: torch.device) -> None:
    """Start PyTorch's gradient thread of a CUDA device with a small computation.

    If its first task is a matrix product, PyTorch warns that the thread has no context yet.
    """
    if device.type == "cuda":
        (2 * torch.zeros(1, device=device, requires_grad=True)).sum().backward()


def synchronised_time(device: torch.device) -> float:
    """Return wall-clock seconds, read after the device has finished its queued work."""
    if device.type == "mps":
        torch.mps.synchronize()
    elif device.type != "cpu":
        getattr(torch, device.type).synchronize(device)
    return time.perf_counter()


def synchronised_clock(device: torch.device) -> Callable[[], float]:
    """Return `synchronised_time` of one device as a function without arguments."""
    return partial(synchronised_time, device)
