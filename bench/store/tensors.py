"""Tensors, and nests of them, as safetensors files that are written whole or not at all.  Nothing is pickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import StoreError
from bench.store.files import ordinary_mode, plain, unplain

if TYPE_CHECKING:
    from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """To a temporary name, then renamed; tensors that share memory are each written whole."""
    import torch
    from safetensors.torch import save_file

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    separate = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in tensors.items()
    }
    save_file(separate, temporary, metadata)
    temporary.chmod(ordinary_mode())  # safetensors lets nobody else read it
    temporary.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors on the CPU, and the metadata; raises StoreError for a damaged file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path} cannot be read: {error}.") from error


def write_state(path: Path, state: Mapping[str, object]) -> None:
    """A nest of dicts, lists and tuples of tensors and plain values: safetensors whose header holds the nest."""
    tensors: dict[str, Tensor] = {}
    outline = json.dumps(_outlined(state, tensors))
    write_tensors(path, tensors, {"outline": outline})


def read_state(path: Path) -> dict[str, object]:
    """The inverse of `write_state`."""
    tensors, metadata = read_tensors(path)
    state: dict[str, object] = _filled(json.loads(metadata["outline"]), tensors)
    return state


def _outlined(state: object, tensors: dict[str, Tensor]) -> object:
    """The nest with tensors moved to ``tensors`` and replaced by their keys; dict keys may be numbers."""
    import torch

    if isinstance(state, torch.Tensor):
        tensors[str(len(tensors))] = state
        return {"tensor": str(len(tensors) - 1)}
    if isinstance(state, Mapping):
        return {"items": [[key, _outlined(value, tensors)] for key, value in state.items()]}
    if isinstance(state, (list, tuple)):
        return {type(state).__name__: [_outlined(value, tensors) for value in state]}
    return {"value": plain(state)}


def _filled(outline: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    (kind, content), *_ = outline.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "items":
        return {key: _filled(value, tensors) for key, value in content}
    if kind in ("list", "tuple"):
        values = [_filled(value, tensors) for value in content]
        return tuple(values) if kind == "tuple" else values
    return unplain(content)
