"""Tensors, and nests of them, as safetensors files with a checksum.  Nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import Damaged
from bench.store import checksums
from bench.store.files import plain, read_checked, unplain, write_checked

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

METADATA = "__metadata__"  # where the format keeps texts, in the header
LENGTH = 8  # bytes that say how long the header is


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], owner: str = "", metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors with a checksum, and texts as ``metadata``; tensors that share memory are each written in full."""
    import torch
    from safetensors.torch import save

    separate = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in tensors.items()
    }
    header, values = _split(save(separate))
    header = {METADATA: {checksums.KEY: checksums.BLANK, **(metadata or {})}, **header}  # the checksum comes first
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH)  # values are aligned
    write_checked(path, len(text).to_bytes(LENGTH, "little") + text + values, owner)


def read_tensors(path: Path, owner: str = "") -> dict[str, Tensor]:
    """Read tensors to the CPU; raises Damaged if the file is missing or was changed."""
    return _tensors(path, read_checked(path, owner))


def read_arrays(path: Path, owner: str = "") -> dict[str, NDArray[Any]]:
    """Like `read_tensors`, but returns NumPy arrays and does not need PyTorch."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(read_checked(path, owner))
    except SafetensorError as error:
        raise Damaged(path.name, str(error)) from error


def metadata(name: str, content: bytes) -> dict[str, str]:
    """Return the texts in the content of the file ``name``, without PyTorch; raises Damaged if it is malformed."""
    try:
        return dict(_split(content)[0][METADATA])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(name, str(error)) from error


def write_state(path: Path, state: Mapping[str, object], owner: str = "") -> None:
    """A nest of dicts, lists and tuples of tensors and plain values: safetensors whose header holds the nest."""
    tensors: dict[str, Tensor] = {}
    outline = json.dumps(_outlined(state, tensors))
    write_tensors(path, tensors, owner, {"outline": outline})


def read_state(path: Path, owner: str = "") -> dict[str, Any]:
    """Read the state that `write_state` wrote; raises Damaged as `read_tensors` does."""
    content = read_checked(path, owner)
    try:
        outline = json.loads(_split(content)[0][METADATA]["outline"])
        state: dict[str, Any] = _filled(outline, _tensors(path, content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # written by others
        raise error if isinstance(error, Damaged) else Damaged(path.name, str(error)) from error
    return state


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and its values."""
    end = LENGTH + int.from_bytes(content[:LENGTH], "little")
    return json.loads(content[LENGTH:end]), content[end:]


def _tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except SafetensorError as error:
        raise Damaged(path.name, str(error)) from error


def _outlined(state: object, tensors: dict[str, Tensor]) -> object:
    """Return the structure with tensors moved to ``tensors`` and replaced by their keys; dict keys may be numbers."""
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
