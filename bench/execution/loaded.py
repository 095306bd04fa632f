"""The data set of a trial, which stays loaded for the next trial of the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.dataset import Data
from bench.execution import mapped
from bench.studies.spec import Choice, TrialSpec, load_data

_kept: dict[tuple[Choice, str], Data] = {}  # at most one data set, by its name and fingerprint


def load(
    spec: TrialSpec, estimators: Sequence[Choice], version: str, *, has_neighbours: bool = False
) -> tuple[Data, str]:
    """Load the whole data set of a trial and its fingerprint; ``version`` is the version that the trial should have.

    With ``has_neighbours`` (other processes of the machine that use the same data), the memory is shared.  Foreign code
    might change values in place, so it gets its own copy of the data, which no other trial sees.
    Raises whatever loading the data raises.
    """
    key = spec.dataset, version
    choices = (spec.algorithm, spec.model, spec.decoder, spec.dataset, *estimators)
    is_kept = bool(version) and not any(each.plugin.is_foreign(dict(each.settings).values()) for each in choices)
    data = _kept.get(key) if is_kept else None
    if data is not None:
        return data, version
    data = load_data(spec.dataset)
    fingerprint = data.fingerprint()
    if is_kept and fingerprint == version:
        data = mapped.shared(data, version) if has_neighbours else data
        _kept.clear()
        _kept[key] = data
    return data, fingerprint


def forget(versions: Iterable[str] = ()) -> None:
    """Release the memory; shared memory is released as soon as the other processes end as well."""
    _kept.clear()
    for version in versions:
        mapped.remove(version)
