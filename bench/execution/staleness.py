"""Stale trials: those that other code or other data than the present ones have made."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from bench.errors import StoreError
from bench.execution import trial_state
from bench.execution.sources import code_changes
from bench.store.contents import Contents
from bench.store.run_folder import Store
from bench.studies.spec import TrialSpec

OnStale = Literal["keep", "rerun", "error"]
Changes = Mapping[TrialSpec, Sequence[str]]  # what has changed since each of these trials ran, in words

DATA = "data"


def changes(contents_of: Mapping[TrialSpec, Contents], version: str) -> dict[TrialSpec, list[str]]:
    """Return the changes since each trial ran or began: to the data, whose present ``version`` is given, or to code.

    Trials that have not begun, and trials whose code and data are unchanged, are left out.
    """
    of_code: dict[Hashable, list[str]] = {}  # the same for most trials
    changed = {spec: _changes(spec, each, version, of_code) for spec, each in contents_of.items()}
    return {spec: each for spec, each in changed.items() if each}


def _changes(spec: TrialSpec, contents: Contents, version: str, of_code: dict[Hashable, list[str]]) -> list[str]:
    """Return the changes since a trial ran; files are read once for all trials with the same plugins and hashes."""
    made_by, estimates = contents.record.provenance, contents.estimates
    if made_by is None:
        return []
    data = [DATA] if has_other_data(contents, version) else []
    plugins = (spec.algorithm.plugin, spec.dataset.plugin, spec.model.plugin, spec.decoder.plugin)
    key = plugins, frozenset(made_by.code.items()), tuple((each.estimator, each.source) for each in estimates)
    if key not in of_code:
        of_code[key] = code_changes(spec, made_by, estimates)
    return [*data, *of_code[key]]


def has_other_data(contents: Contents, version: str) -> bool:
    """Whether a trial was trained on another version of its data."""
    made_by = contents.record.provenance
    return made_by is None or made_by.data_version != version


def edits(contents_of: Mapping[TrialSpec, Contents]) -> list[str]:
    """Return a note if the code that builds the models of these trials has been edited since they were trained."""
    changed = {spec: code_changes(spec, each.record.provenance) for spec, each in contents_of.items()}
    stale = {spec: own for spec, each in changed.items() if (own := [name for name in each if name != "harness"])}
    return [f"{in_words(stale)}: estimates are of the model that the present code builds."] if stale else []


def refuse(store: Store, specs: Iterable[TrialSpec], version: str) -> None:
    """Raise StoreError if any trial of a run folder is stale; ``specs`` are those of one seed, or of several."""
    kinds = {replace(spec, seed=0).id: spec for spec in specs}
    contents_of = {}
    for trial in store.read().trials if Store.is_at(store.path) else ():
        stored = trial.contents.spec
        if stored is not None and (kind := kinds.get(replace(stored, seed=0).id)) is not None:
            contents_of[replace(kind, seed=stored.seed)] = (
                trial.contents
            )  # its plugins may have been elsewhere at that time
    stale = changes(contents_of, version)
    if stale:
        raise StoreError(
            f"{in_words(stale)}, in {str(store.path)!r}. --on-stale rerun runs them again, --on-stale keep keeps those "
            "that are finished, apart from what is run now; another `out` leaves them alone."
        )


def settle(
    store: Store, contents_of: Mapping[TrialSpec, Contents], stale: Changes, on_stale: OnStale
) -> set[TrialSpec]:
    """Clear the stale trials that are to be run again, and return those that are kept unchanged.

    An unfinished trial is restarted in any case: no trial continues with other code or data than it began with.
    """
    kept = {spec for spec in stale if on_stale == "keep" and contents_of[spec].record.status.is_finished}
    for spec, each in contents_of.items():
        if spec in stale and spec not in kept:
            store.trial(spec.id).clear()
        elif each.record.data_changed != (DATA in stale.get(spec, ())):
            trial_state.note_data(store.trial(spec.id), changed=not each.record.data_changed)
    return kept


def in_words(stale: Changes) -> str:
    """``2 trials are stale (changed since they ran: data of x, algorithm ./mine.py)``."""
    what = ", ".join(dict.fromkeys(_named(spec, change) for spec, each in stale.items() for change in each))
    who, they = ("1 trial is", "it") if len(stale) == 1 else (f"{len(stale)} trials are", "they")
    return f"{who} stale (changed since {they} ran: {what})"


def _named(spec: TrialSpec, change: str) -> str:
    """Return a change together with the name of what has changed."""
    if change == DATA:
        return f"data of {spec.dataset.name}"
    choice = getattr(spec, change, None)
    return change if choice is None else f"{change} {choice.plugin.file or choice.plugin.name}"
