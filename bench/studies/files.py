"""Study files with parts and sizes: everything that a figure of a paper needs, in one file for `bench run NAME`.

A plain study file holds the fields of `Study`, like the ``study.toml`` of a run folder. A larger one has tables:
``[study]`` for the fields that all parts share, ``[parts.NAME]`` for those of one part (another data set, for
instance), and ``[sizes.SIZE]`` or ``[sizes.SIZE.parts.NAME]`` for those that depend on the available time. Later
tables override earlier ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import OptionError, StoreError, UnknownName, did_you_mean
from bench.studies.names import check_folder_name
from bench.studies.study import Study
from bench.studies.toml import read_toml
from bench.values.paths import user_path
from bench.values.texts import printable, quoted

SHIPPED = Path(__file__).parent
DEFAULT_SIZE = "laptop"  # if a file has sizes, and this one among them
TABLES = ("study", "parts", "sizes")


@dataclass(frozen=True)
class StudyFile:
    """The content of a study file; a file without parts has a single unnamed part."""

    name: str
    title: str
    about: str
    source: str
    sizes: Mapping[str, Mapping[str, Study]]  # by size, then by part; the size of a file without sizes is ""

    def parts(self, size: str | None) -> tuple[str, Mapping[str, Study]]:
        """Return the chosen size and its studies by part; ``size`` None chooses the default.

        Raises OptionError if the file does not have this size.
        """
        known = [known for known in self.sizes if known]
        if not known:
            if size is not None:
                raise OptionError(f"`size` {quoted(size)} cannot be chosen: the study {self.name!r} has no sizes.")
            return "", self.sizes[""]
        chosen = size or (DEFAULT_SIZE if DEFAULT_SIZE in known else known[0])
        if chosen not in known:
            raise OptionError(f"`size` of {self.name} must be {' or '.join(known)} (got {quoted(chosen)}).")
        return chosen, self.sizes[chosen]


def read(name: str) -> StudyFile:
    """Read the study file at the path ``name``, or the shipped study of that name.

    Raises UnknownName if there is neither, StoreError if the file cannot be read, and OptionError if it has unknown
    keys or invalid values.

    Example:
        >>> study = read("aevb-fig5")
        >>> size, parts = study.parts("smoke")
        >>> size, [part.z for part in parts.values()]
        ('smoke', [(2, 5, 10, 20)])
    """
    path = user_path("study", name)
    if path.is_file() or path.suffix == ".toml" or len(path.parts) > 1:
        return _read(path)
    known = shipped_names()
    if name not in known:
        raise UnknownName(
            f"Unknown study {quoted(name)}.{did_you_mean(name, known)} To run your own file, give its path, such as "
            "./mine.toml."
        )
    return _read(SHIPPED / f"{name}.toml")


def shipped_names() -> list[str]:
    """Return the names of the studies that are shipped with bench."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def _read(path: Path) -> StudyFile:
    content = read_toml(path)
    if not any(table in content for table in TABLES):
        return StudyFile(path.stem, "", "", "", {"": {"": Study.from_toml(path)}})
    words = {key: printable(str(content.pop(key, ""))).strip() for key in ("title", "about", "source")}
    _refuse_unknown(path, content, TABLES)
    common, parts, sizes = (_table(path, content, table) for table in TABLES)
    for name in (*parts, *sizes):
        check_folder_name(name, f"`[parts.NAME]` and `[sizes.NAME]` in {quoted(str(path))}")
    studies = {}
    for size, settings in (sizes or {"": {}}).items():
        of_size = dict(_table(path, sizes, size)) if sizes else dict(settings)
        by_part = dict(_table(path, of_size, "parts"))
        of_size.pop("parts", None)
        _refuse_unknown(path, by_part, parts)
        studies[size] = {
            part: _study(path, {**common, **_table(path, parts, part), **of_size, **_table(path, by_part, part)})
            for part in (parts or {"": {}})
        }
    return StudyFile(path.stem, **words, sizes=studies)


def _study(path: Path, settings: Mapping[str, Any]) -> Study:
    _refuse_unknown(path, settings, [field.name for field in dataclasses.fields(Study)])
    return Study(**settings)


def _table(path: Path, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a table of the file, empty if it is missing."""
    table = content.get(name, {})
    if not isinstance(table, Mapping):
        raise StoreError(
            f"`{printable(name)}` of the study file {quoted(str(path))} must be a table (got {quoted(table)})."
        )
    return table


def _refuse_unknown(path: Path, content: Mapping[str, Any], known: Any) -> None:
    for key in content:
        if key not in known:
            raise OptionError(
                f"The study file {quoted(str(path))} has an unknown key {quoted(key)}.{did_you_mean(key, known)}"
            )
