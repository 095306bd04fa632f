"""The study file of a run folder: written with a checksum, read, or reconstructed from the trials."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from bench.errors import Damaged, OptionError, StoreError
from bench.store import checksums
from bench.store.files import read_checked, sync, write_checked
from bench.store.records import TrialRecord
from bench.studies.spec import Choice, TrialSpec
from bench.studies.study import FORMAT, Study


def write(path: Path, study: Study) -> None:
    """Write the study."""
    write_toml(path, "Written by bench.", study.to_toml())


def read(path: Path) -> Study:
    """Read a study that `write` wrote; raises Damaged if the file is damaged, StoreError if it has another format."""
    check_toml(path)
    try:
        return Study.from_toml(path)
    except OptionError as error:  # written by others
        raise Damaged(path.name, str(error)) from error


def write_toml(path: Path, comment: str, text: str) -> None:
    """Write TOML that begins with a comment, the checksum and the format."""
    head = f'# {comment}\n{checksums.KEY} = "{checksums.BLANK}"\nformat = {FORMAT}\n'
    write_checked(path, f"{head}{text}".encode())
    sync(path.parent)


def check_toml(path: Path) -> None:
    """Raise Damaged if a file of `write_toml` is missing or was changed, StoreError if it has another format."""
    try:
        read_checked(path)
        damage = None
    except Damaged as error:
        damage = error
    version, has_checksum = _format(path)
    if version != FORMAT and (damage is None or not has_checksum):
        raise StoreError(
            f"{str(path)!r} is of format {version!r}, and this version of bench reads format {FORMAT}: use the "
            f"version of bench that wrote it, or run it anew: bench run {path} --out NEW."
        )
    if damage is not None:
        raise damage


def _format(path: Path) -> tuple[object, bool]:
    """Return the format that a file declares, and whether it has a checksum; files of earlier formats have none."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return FORMAT, True
    return content.get("format", FORMAT), checksums.KEY in content


def from_trials(trials: Sequence[tuple[TrialSpec | None, TrialRecord]]) -> Study | None:
    """Reconstruct the study of these trials as far as possible; None without trials."""
    known = [(spec, record) for spec, record in trials if spec is not None]
    if not known:
        return None
    specs, records = [spec for spec, _ in known], [record for _, record in known]
    first, one = specs[0], max(records, key=lambda record: len(record.estimators))
    points = [record.likelihood_points for record in records if record.likelihood_points is not None]
    return Study(
        algos=tuple(dict.fromkeys(_call(spec.algorithm) for spec in specs)),
        z=tuple(sorted({spec.z for spec in specs})),
        n_train=tuple(sorted({spec.n_train for spec in specs})),
        seeds=tuple(sorted({spec.seed for spec in specs})),
        dataset=_call(first.dataset),
        model=_call(first.model),
        decoder=_call(first.decoder),
        budget=max((record.budget for record in records if record.budget), default=Study.budget),
        likelihood=one.estimators or Study.likelihood,
        eval_points=next((r.eval_points for r in records if r.eval_points is not None), Study.eval_points),
        likelihood_points=points[0] if points else Study.likelihood_points,
        likelihood_marks=one.likelihood_marks,
        resample_train=first.resample_train,
    )


def _call(choice: Choice) -> str:
    """Return the plugin as written on the command line; a user's file is given by its path."""
    return choice.name.replace(choice.plugin.name, choice.plugin.file, 1) if choice.plugin.file else choice.name
