"""Process-wide state that plugins can change, and its restoration for all other code.

The project's random streams use their own generators; only foreign code draws from the global ones.
"""

from __future__ import annotations

import gc
import locale
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """A global setting: how to read it, how to change it, and the ``standard`` value that trials start with, if any."""

    get: Callable[[], Any]
    set: Callable[[Any], object]
    standard: Any = None


@contextmanager
def preserved() -> Iterator[None]:
    """Restore process-wide state when the block ends.

    PyTorch and NumPy are considered only if they are imported; if the block imports them, they get the standard
    settings.
    """
    before = {name: (setting, setting.get()) for name, setting in _settings().items()}
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for name, setting in _settings().items():
            value = before[name][1] if name in before else setting.standard
            if value is not None:
                with suppress(Exception):  # a folder that no longer exists, for instance
                    setting.set(value)


@contextmanager
def standard(threads: int) -> Iterator[None]:
    """Context manager that applies the standard settings and computes with ``threads`` threads; see `preserved`.

    Within the block, convolutions on CUDA are reproducible bit for bit.
    """
    import torch

    with preserved():
        for setting in _settings().values():
            if setting.standard is not None:
                setting.set(setting.standard)
        torch.set_num_threads(threads)
        torch.backends.cudnn.deterministic = True
        yield


def _settings() -> dict[str, Setting]:
    return {**_OF_PYTHON, **(_of_numpy() if "numpy" in sys.modules else {}), **(_of_torch() if _has_torch() else {})}


def _set_environment(variables: dict[str, str]) -> None:
    if variables != dict(os.environ):
        os.environ.clear()
        os.environ.update(variables)


def _complete_path(places: list[str]) -> None:
    """Restore missing entries; a plugin that is kept for later trials may need the entries that it has added."""
    sys.path.extend(place for place in places if place not in sys.path)


def _set_attributes(owner: object, values: dict[str, object]) -> None:
    for name, value in values.items():
        setattr(owner, name, value)


_OF_PYTHON = {
    "working directory": Setting(os.getcwd, os.chdir),
    "environment": Setting(lambda: dict(os.environ), _set_environment),
    "module search path": Setting(lambda: list(sys.path), _complete_path),
    "locale": Setting(lambda: locale.setlocale(locale.LC_ALL), lambda value: locale.setlocale(locale.LC_ALL, value)),
    "streams": Setting(
        lambda: {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr", "excepthook")},
        lambda values: _set_attributes(sys, values),
    ),
    "recursion limit": Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    "garbage collection": Setting(gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()),
    "random numbers": Setting(random.getstate, random.setstate),
}


def _of_numpy() -> dict[str, Setting]:
    import numpy as np

    default = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
    return {
        "NumPy's errors": Setting(np.geterr, lambda values: np.seterr(**values), default),
        "NumPy's random numbers": Setting(np.random.get_state, np.random.set_state),
        "NumPy's printing": Setting(np.get_printoptions, lambda values: np.set_printoptions(**values)),
    }


def _has_torch() -> bool:
    return hasattr(sys.modules.get("torch"), "get_default_device")  # False while it is still being imported


def _of_torch() -> dict[str, Setting]:
    import torch
    from torch.backends import cudnn

    def set_device(device: torch.device) -> None:
        torch.set_default_device(None if device.type == "cpu" else device)

    def get_determinism() -> tuple[bool, bool]:
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )

    def set_determinism(value: tuple[bool, bool]) -> None:
        if value != get_determinism():  # this call imports PyTorch's compiler, which takes a second
            torch.use_deterministic_algorithms(value[0], warn_only=value[1])

    return {
        "default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        "default device": Setting(torch.get_default_device, set_device, torch.device("cpu")),
        "threads": Setting(torch.get_num_threads, torch.set_num_threads),
        "gradients": Setting(torch.is_grad_enabled, torch.set_grad_enabled, True),
        "anomaly detection": Setting(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly, False),
        "determinism": Setting(get_determinism, set_determinism, (False, False)),
        "precision": Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
        "cuDNN": Setting(
            lambda: {name: getattr(cudnn, name) for name in ("enabled", "benchmark", "deterministic")},
            lambda values: _set_attributes(cudnn, values),
            {"enabled": True, "benchmark": False, "deterministic": False},
        ),
        "PyTorch's random numbers": Setting(torch.get_rng_state, torch.set_rng_state),
    }
