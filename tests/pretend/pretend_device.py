"""An accelerator that there is not: ``pretend:0``, whose tensors are kept and computed by the CPU.

It behaves like one in what matters to whoever uses it: computation is queued and takes its time only when somebody
waits for it, memory is limited, tensors of two devices cannot be mixed, and everything is counted.  PyTorch imports it
by its entry point (group ``torch.backends``) in every process whose PYTHONPATH has this folder.  Environment variables:

- ``PRETEND_MACHINE`` is part of the identity of the devices, so that two tests do not share them;
- ``PRETEND_DEVICES`` is their number;
- ``PRETEND_BYTES`` is the memory of each;
- ``PRETEND_LOG`` is a file with one line per event: process, device, event, and bytes or seconds.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode

COUNT = int(os.environ.get("PRETEND_DEVICES", "1"))
BYTES = int(os.environ.get("PRETEND_BYTES", str(10**9)))
MIXING = ("copy_", "_to_copy", "index", "index_put", "_index_put_impl_")  # operators that take tensors of two devices

used: Counter[str] = Counter()  # bytes, by device
queued: Counter[str] = Counter()  # seconds of computation that nobody has waited for
storages: dict[int, int] = {}  # how many tensors share each, by address


def note(device: torch.device | str, event: str, amount: float = 0) -> None:
    """Keep what happens."""
    if "PRETEND_LOG" in os.environ:
        with Path(os.environ["PRETEND_LOG"]).open("a") as file:
            file.write(f"{os.getpid()} {device} {event} {amount}\n")


class PretendTensor(torch.Tensor):
    """A tensor that says that it is on a device, and the one on the CPU that has its values."""

    values: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, values: torch.Tensor, device: torch.device) -> PretendTensor:
        """Take memory of the device."""
        made: Any = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, values.size(), strides=values.stride(), storage_offset=values.storage_offset(), dtype=values.dtype,
            device=device,
        )  # fmt: skip
        made.values = values
        _take(made, values.untyped_storage(), str(device))
        return made  # type: ignore[no-any-return]

    def __repr__(self) -> str:  # type: ignore[override]
        return f"{self.values!r} (pretend)"

    def tolist(self) -> Any:
        """Its values, once they are there."""
        synchronize(self.device)
        return self.values.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute on the CPU."""
        return compute(func, args, kwargs or {})


class Everywhere(TorchDispatchMode):
    """Computes also what has no tensor among its arguments."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `compute`."""
        return compute(func, args, kwargs or {})


def compute(func: Any, args: Any, kwargs: Any) -> Any:
    """An operator, on the tensors' device."""
    ours: list[PretendTensor] = []
    others: list[torch.Tensor] = []

    def values(each: Any) -> Any:
        if isinstance(each, PretendTensor):
            ours.append(each)
            return each.values
        if isinstance(each, torch.Tensor):
            others.append(each)
        return type(each)(map(values, each)) if type(each) in (list, tuple) else each

    args = values(args)
    kwargs = {key: values(value) for key, value in kwargs.items()}
    wanted = kwargs.get("device")
    if not ours and (wanted is None or torch.device(wanted).type != "pretend"):
        return func(*args, **kwargs)
    name = func._schema.name.partition("::")[2]
    device = torch.device(wanted) if wanted is not None else ours[0].device
    if wanted is not None:
        kwargs["device"] = torch.device("cpu")
    elif name not in MIXING:
        _check(device, [each for each in (*ours, *others) if each.dim()], func)
    if device.type == "cpu" or name in ("_local_scalar_dense", "equal"):
        synchronize(ours[0].device)  # whoever wants to see values waits for them
    result = func(*args, **kwargs)
    if device.type == "cpu":
        return result.clone() if name == "_to_copy" else result
    known = {id(each.values): each for each in ours}

    def tensors(each: Any) -> Any:
        if isinstance(each, torch.Tensor):
            return known[id(each)] if id(each) in known else PretendTensor(each, device)
        return type(each)(map(tensors, each)) if type(each) in (list, tuple) else each

    return tensors(result)


def _check(device: torch.device, tensors: list[Any], func: Any) -> None:
    for each in tensors:
        if each.device != device:
            raise RuntimeError(f"Expected all tensors to be on the same device: {device}, {each.device} in {func}")


def _take(tensor: torch.Tensor, storage: torch.UntypedStorage, device: str) -> None:
    address, size = storage.data_ptr(), storage.nbytes()
    if address not in storages:
        if used[device] + size > BYTES:
            note(device, "out-of-memory", size)
            raise torch.OutOfMemoryError(f"Pretend out of memory: tried to allocate {size} bytes on {device}")
        used[device] += size
    storages[address] = storages.get(address, 0) + 1
    weakref.finalize(tensor, _give, address, size, device)


def _give(address: int, size: int, device: str) -> None:
    storages[address] -= 1
    if not storages[address]:
        del storages[address]
        used[device] -= size


class Generator(torch.Generator):
    """One of the CPU that says that it is of a device."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        """See `torch.Generator`."""
        made = super().__new__(cls, device="cpu")
        made.place = torch.device(device)  # type: ignore[attr-defined]
        return made

    def __init__(self, device: Any = "cpu") -> None:
        """Nothing more."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where it is."""
        return self.place  # type: ignore[attr-defined, no-any-return]


def busy(seconds: float, device: str = "pretend:0") -> None:
    """Queue a computation that takes so long; returns at once."""
    queued[device] += seconds  # type: ignore[assignment]


def synchronize(device: Any = "pretend:0") -> None:
    """Wait for what is queued."""
    seconds, queued[str(device)] = queued[str(device)], 0
    time.sleep(seconds)
    note(device, "synchronize", seconds)


def empty_cache() -> None:
    """Give back what is not used: here all that is not used is given back anyway."""
    for number in range(COUNT):
        note(f"pretend:{number}", "empty_cache", used[f"pretend:{number}"])


def register() -> None:
    """Called by PyTorch at the end of its import."""
    module: Any = ModuleType("torch.pretend")
    module.device_count = lambda: COUNT
    module.is_available = module.is_initialized = lambda: True
    module.current_device = lambda: 0
    module._is_in_bad_fork = lambda: False
    module._lazy_init = module.manual_seed_all = lambda *_: None
    module.get_device_properties = lambda i: SimpleNamespace(uuid=f"{os.environ.get('PRETEND_MACHINE', '')}-{i}")
    for function in (busy, synchronize, empty_cache):
        setattr(module, function.__name__, function)
    backend_registration._setup_privateuseone_for_python_backend("pretend", module)
    sys.modules["torch.pretend"] = module
    torch.Generator = Generator  # type: ignore[misc]
    Everywhere().__enter__()
    torch.autograd.set_multithreading_enabled(False)  # its threads know the first device alone
