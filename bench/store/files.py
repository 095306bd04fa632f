"""Files that are written whole or not at all, and values that JSON cannot say.

Everything is written under a temporary name and renamed, so that a reader never sees half of it.  Nothing is pickled.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import StoreError

if TYPE_CHECKING:
    from torch import Tensor


def write_text(path: Path, text: str) -> None:
    """Write to a temporary name beside ``path``, then rename."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(_ordinary_mode())  # a temporary file is for its owner alone, this one is not
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _ordinary_mode() -> int:
    """The permissions that `open` would have given."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_json(path: Path, data: Any) -> None:
    """As `write_text`; NaN and infinities survive."""
    write_text(path, json.dumps(plain(data), indent=1) + "\n")


def read_json(path: Path, kind: type = object) -> Any:
    """Raises StoreError for a file that is not JSON, or holds something else than a ``kind``."""
    try:
        content = unplain(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # JSON or UTF-8 that is none
        raise StoreError(
            f"{path} cannot be read ({error}): delete the folder it lies in to run that trial again."
        ) from error
    if not isinstance(content, kind):
        raise StoreError(f"{path} holds no {kind.__name__}: delete the folder it lies in to run that trial again.")
    return content


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """As safetensors, to a temporary name, then renamed; tensors that share memory are each written whole."""
    import torch
    from safetensors.torch import save_file

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    separate = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in tensors.items()
    }
    save_file(separate, temporary, metadata)
    temporary.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors on the CPU, and the metadata; raises StoreError for a damaged file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path} cannot be read: {error}.") from error


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """A nest of dicts, lists and tuples of tensors and plain values: safetensors whose header holds the nest."""
    tensors: dict[str, Tensor] = {}
    outline = json.dumps(_outlined(state, tensors))
    write_tensors(path, tensors, {"outline": outline})


def read_state(path: Path) -> dict[str, Any]:
    """The inverse of `write_state`."""
    tensors, metadata = read_tensors(path)
    state: dict[str, Any] = _filled(json.loads(metadata["outline"]), tensors)
    return state


def plain(data: Any) -> Any:
    """The data with NaN and infinities, which JSON does not know, as ``{"$float": "nan"}``."""
    if isinstance(data, Mapping):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return {"$float": str(data)}
    return data


def unplain(data: Any) -> Any:
    """The inverse of `plain`."""
    if isinstance(data, dict):
        return (
            float(data["$float"]) if data.keys() == {"$float"} else {key: unplain(value) for key, value in data.items()}
        )
    return [unplain(value) for value in data] if isinstance(data, list) else data


def _outlined(state: Any, tensors: dict[str, Tensor]) -> Any:
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


def _filled(outline: dict[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    (kind, content), *_ = outline.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "items":
        return {key: _filled(value, tensors) for key, value in content}
    if kind in ("list", "tuple"):
        values = [_filled(value, tensors) for value in content]
        return tuple(values) if kind == "tuple" else values
    return unplain(content)
