"""The parts of a study: one run folder each, inside a folder that names them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomli_w

from bench.errors import Damaged, StoreError, WriteFailed
from bench.store import references
from bench.store.run_folder import Store
from bench.store.study_file import check_toml, write_toml
from bench.studies.names import check_folder_name
from bench.studies.study import Study
from bench.values.texts import quoted

FILE = "parts.toml"
REPORT = "report"  # of all parts


def create(path: Path, title: str, parts: Mapping[str, Study]) -> None:
    """Make ``path`` the folder of a study with these parts; nothing is created if the only part has no name.

    Raises StoreError if ``path`` contains something else.
    """
    if list(parts) == [""]:
        return
    names = list(parts)
    if (path / FILE).exists():
        try:
            present = _names(path)
        except Damaged:
            present = names  # each part is checked by its own study
        if present != names:
            raise StoreError(
                f"{str(path)!r} holds another study (its parts are {', '.join(present)}, here they are "
                f"{', '.join(names)}): choose another `out`."
            )
    elif path.exists() and (not path.is_dir() or any(each.name not in [*names, REPORT] for each in path.iterdir())):
        raise StoreError(f"{str(path)!r} exists and holds no study of several parts: choose another `out`.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        text = tomli_w.dumps({"title": title, "parts": names})
        if (path / FILE).is_dir():
            (path / FILE).rmdir()
        write_toml(path / FILE, "Written by bench: a run folder for each part.", text)
    except (OSError, WriteFailed) as error:
        why = error.why if isinstance(error, WriteFailed) else error.strerror
        raise StoreError(f"`out` {str(path)!r} cannot be written ({why}): choose another `out`.") from error


def find(path: Path) -> list[Path]:
    """Return the run folders at ``path``: itself, or those of its parts that have begun, in the order of the study.

    The name of a shipped reference stands for its run.

    Raises StoreError if there are none.
    """
    if not Store.is_at(path) and str(path) in references.shipped_names():
        return [references.unpacked(str(path))]
    if Store.is_at(path) or not (path / FILE).exists():
        return [Store.open(path).path]
    try:
        folders = [path / name for name in _names(path) if Store.is_at(path / name)]
    except Damaged:
        folders = sorted(each for each in path.glob("*") if Store.is_at(each))
        if not folders:
            raise
    if not folders:
        raise StoreError(f"{str(path)!r} holds a study none of whose parts has begun: `bench run` starts them.")
    return folders


def _names(path: Path) -> list[str]:
    """Return the names of the parts; raises Damaged if the file is damaged, StoreError for another format."""
    check_toml(path / FILE)
    names = tomllib.loads((path / FILE).read_text(encoding="utf-8")).get("parts", [])
    for name in names:
        check_folder_name(str(name), f"A part in {quoted(str(path / FILE))}")
    return [str(name) for name in names]
