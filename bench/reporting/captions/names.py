"""Algorithms in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bench.reporting.tables import formatting


def listed(algorithms: Iterable[str], trials: pd.DataFrame) -> str:
    """These algorithms of the trials; the name of a reference appears once after several algorithms that belong to it.

    >>> known = ["mine", "aevb (ref)", "mcem (ref)", "aae (ref)"]
    >>> trials = pd.DataFrame({"algorithm": known, "reference": ["", "ref", "ref", "ref"]})
    >>> listed(["mine", "mcem (ref)"], trials)
    'mine, mcem (ref)'
    >>> listed(["mcem (ref)", "mine", "aevb (ref)"], trials)
    'mine, mcem and aevb (ref)'
    >>> listed(known, trials)
    'mine, all of ref'
    """
    names = list(dict.fromkeys(algorithms))
    if "reference" not in trials:
        return ", ".join(names)
    for key, group in trials.drop_duplicates("algorithm").groupby("reference", sort=False)["algorithm"]:
        known = set(group)
        reference, of_it = str(key), [name for name in names if name in known]
        if not reference or len(of_it) < 2:
            continue
        suffix = f" ({reference})"
        bare = [name.removesuffix(suffix) for name in of_it]
        together = f"all of {reference}" if len(of_it) == len(group) else f"{formatting.listed(bare)}{suffix}"
        names = [*(name for name in names if name not in of_it), together]
    return ", ".join(names)
