"""Which estimators can evaluate which algorithm: each checks the model that the algorithm builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import OptionError
from bench.execution.backend import Workers
from bench.execution.backends.sequential import Sequential
from bench.execution.suitability import Suitability, check_suitability
from bench.execution.survey import SAMPLE
from bench.studies.study import Study

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
REFUSAL = "ais requires continuous z, but z of this model is one of 128 codes"
FAILS = '''from bench.algorithms.aevb import AEVB


class Fails(AEVB):
    """Cannot be set up."""

    def setup(self, problem, generator):
        raise RuntimeError("no such thing")
'''


def checked(
    *likelihood: str, algos: tuple[str, ...], z: tuple[int, ...] = (2,)
) -> tuple[Suitability, dict[str, list[str]]]:
    """The suitability, and the names of the estimators by trial."""
    study = Study(algos=algos, dataset=BLOBS, z=z, likelihood=likelihood, seeds=(0, 1), n_train=(20, 50))
    data = study.load_data()
    specs = study.expand(data)
    found = check_suitability(study.estimators, specs, data.sample(SAMPLE), Sequential(), Workers())
    return found, {f"{spec.algorithm.name} {spec.z}": [each.name for each in found.of(spec)] for spec in specs}


def test_each_algorithm_has_the_estimators_that_can_judge_it() -> None:
    found, by_trial = checked("ais", "importance", algos=("aevb", "vqvae"))
    assert by_trial == {"aevb 2": ["importance", "ais"], "vqvae 2": ["importance"]}  # first those that suit both
    assert found.notes == [f"ais is not used for vqvae: {REFUSAL}: use exact or importance."]


def test_the_order_asked_for_is_kept_among_those_that_all_have() -> None:
    assert checked("ais", "importance", algos=("aevb", "mcem"))[1]["mcem 2"] == ["ais", "importance"]


def test_latent_sizes_and_algorithms_are_told_apart() -> None:
    found, by_trial = checked("importance", "quadrature", algos=("aevb", "vqvae"), z=(2, 4))
    assert [name for name, those in by_trial.items() if "quadrature" in those] == ["aevb 2"]
    assert [note.partition(":")[0] for note in found.notes] == [
        "quadrature is not used for vqvae",
        "quadrature is not used for aevb at z = 4",
    ]
    assert checked("importance", "quadrature", algos=("aevb", "mcem"), z=(2, 4))[0].notes == [
        "quadrature is not used at z = 4: quadrature is for up to 3 latent dimensions (got 4): use ais or importance."
    ]


def test_many_codes_are_not_enumerated() -> None:
    _, by_trial = checked("importance", "exact", algos=("vqvae", "vqvae[num_groups=4]"), z=(4,))
    assert list(by_trial.values()) == [["importance", "exact"], ["importance"]]


def test_an_estimator_that_can_judge_nothing_is_an_error() -> None:
    with pytest.raises(OptionError, match=r"`likelihood` ais cannot be used here: ais requires continuous z"):
        checked("importance", "ais", algos=("vqvae", "vqvae[num_codes=8]"))


def test_an_algorithm_that_cannot_be_set_up_breaks_no_plan(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    broken = str(tmp_path / "fails.py")
    assert checked("ais", algos=(broken,))[1] == {"fails 2": ["ais"]}
    _, by_trial = checked("importance", "ais", algos=(broken, "aevb", "vqvae"))
    assert by_trial["vqvae 2"] == ["importance"]
    with pytest.raises(OptionError, match="exact cannot be used here"):
        checked("exact", algos=(broken, "aevb"))
