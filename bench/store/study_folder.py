"""The parts of a study: one run folder each, inside a folder that names them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomli_w

from bench.errors import StoreError
from bench.store.files import write_text
from bench.store.run_folder import Store
from bench.studies.names import check_folder_name
from bench.studies.study import FORMAT, Study
from bench.texts import quoted

FILE = "parts.toml"


def create(path: Path, title: str, parts: Mapping[str, Study]) -> dict[str, Path]:
    """The folder of each part of a study, or ``path`` itself if the only part has no name; nothing runs yet.

    Raises StoreError if ``path`` holds something else.
    """
    if list(parts) == [""]:
        return {"": path}
    names = list(parts)
    if (path / FILE).is_file():
        there = _names(path)
        if there != names:
            raise StoreError(
                f"{str(path)!r} holds another study (its parts are {', '.join(there)}, here they are "
                f"{', '.join(names)}): choose another --out."
            )
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StoreError(f"{str(path)!r} exists and holds no study of several parts: choose another --out.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        text = tomli_w.dumps({"format": FORMAT, "title": title, "parts": names})
        write_text(path / FILE, f"# Written by bench: a run folder for each part.\n{text}")
    except OSError as error:
        raise StoreError(f"`out` {str(path)!r} cannot be written ({error.strerror}): choose another --out.") from error
    return {name: path / name for name in names}


def find(path: Path) -> list[Path]:
    """The run folders at ``path``: itself, or those of its parts that have begun, in the order of the study.

    Raises StoreError if there are none.
    """
    if not (path / FILE).is_file():
        return [Store.open(path).path]
    begun = [path / name for name in _names(path) if (path / name / "study.toml").is_file()]
    if not begun:
        raise StoreError(f"{str(path)!r} holds a study none of whose parts has begun: `bench run` starts them.")
    return begun


def _names(path: Path) -> list[str]:
    try:
        content = tomllib.loads((path / FILE).read_text(encoding="utf-8"))
        version, names = content.get("format"), content["parts"]
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{str(path / FILE)!r} cannot be read ({error!r}): choose another folder.") from error
    if version != FORMAT:
        raise StoreError(
            f"{str(path / FILE)!r} is of format {version!r}, and this version of bench reads format {FORMAT}: use the "
            "version of bench that wrote it."
        )
    for name in names:
        check_folder_name(str(name), f"A part in {quoted(str(path / FILE))}")
    return [str(name) for name in names]
