"""Studies: what is refused, what defines a trial's identity, and their file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from bench.errors import DataError, OptionError, StoreError, UnknownName
from bench.studies.spec import Choice, TrialSpec, load_data
from bench.studies.study import Study

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
MINE = str(Path(__file__).parent.parent / "plugins" / "mine.py")


def expanded(**asked: object) -> list[TrialSpec]:
    study = Study(**{"dataset": BLOBS, "seeds": (0,), **asked})  # type: ignore[arg-type]
    return study.expand(study.load_data())


def test_the_grid_is_complete_and_ids_differ() -> None:
    specs = expanded(algos=("aevb", "wakesleep"), z=(2, 3), n_train=(50, 100), seeds=(0, 1, 2))
    assert len(specs) == 24
    assert len({spec.id for spec in specs}) == 24
    assert [spec.seed for spec in specs] == [0] * 8 + [1] * 8 + [2] * 8


def test_n_train_defaults_to_all_the_data() -> None:
    assert expanded()[0].n_train == 200
    assert expanded(n_train=(200,))[0].id == expanded()[0].id


def test_identity_is_what_defines_the_mathematics_and_nothing_else() -> None:
    base = expanded()[0]
    assert expanded(budget=10**6, likelihood=("hmc",), eval_points=7)[0].id == base.id
    for other in (
        {"z": (4,)},
        {"n_train": (50,)},
        {"seeds": (1,)},
        {"hidden": 9},
        {"model": "linear"},
        {"decoder": "gaussian"},
        {"algos": ("aevb[num_samples=2]",)},
        {"dataset": f"{BLOBS}[num_train=201]"},
    ):
        assert expanded(**other)[0].id != base.id, other


def test_a_default_spelled_out_is_the_same_trial() -> None:
    assert expanded(algos=("aevb[num_samples=1]",))[0].id == expanded(algos=("aevb",))[0].id
    assert expanded(hidden=8)[0].id == expanded()[0].id  # the data set's own width
    assert expanded(model="mlp[hidden=9]")[0].id == expanded(hidden=9)[0].id


def test_the_algorithm_column_shows_what_differs_from_the_defaults() -> None:
    names = [spec.algorithm.name for spec in expanded(algos=("aevb[num_samples=1]", "aevb[num_samples=5]", MINE))]
    assert names == ["aevb", "aevb[num_samples=5]", "mine"]


@pytest.mark.parametrize("name", ["digits", "digits[binarize=static]", "ppca", BLOBS])
def test_all_seeds_and_algorithms_have_the_same_data(name: str) -> None:
    """Drawn or split at random, once: no test point of one trial is a training point of another."""
    one, other = (load_data(Choice.parse("dataset", name)) for _ in range(2))
    specs = expanded(dataset=name, seeds=(0, 7), algos=("aevb", "wakesleep"))
    assert {spec.load_data().fingerprint() for spec in specs} == {one.fingerprint()} == {other.fingerprint()}


def test_specs_travel_as_plain_data() -> None:
    import json

    for spec in expanded(algos=("aevb[estimator=A]", MINE), model="mlp[init_scale=0.1]"):
        assert TrialSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"z": (0,)}, ["`z`", "at least 1", "got 0"]),
        ({"z": (2.5,)}, ["`z`", "2.5"]),
        ({"z": ()}, ["`z`", "empty"]),
        ({"z": (3, 3)}, ["`z`", "repeat"]),
        ({"seeds": (-1,)}, ["`seeds`", "-1"]),
        ({"budget": 0}, ["`budget`", "at least 1"]),
        ({"budget": -1}, ["`budget`", "-1"]),
        ({"eval_points": -1}, ["`eval_points`", "all"]),
    ],
)
def test_impossible_studies_are_refused(asked: dict[str, object], words: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        Study(**asked)  # type: ignore[arg-type]
    for word in words:
        assert word.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        ({"algos": ("wakeslep",)}, UnknownName, "did you mean 'wakesleep'"),
        ({"model": "mpl"}, UnknownName, "did you mean 'mlp'"),
        ({"decoder": "bernouli"}, UnknownName, "did you mean 'bernoulli'"),
        ({"dataset": "digit"}, UnknownName, "did you mean 'digits'"),
        ({"likelihood": ("importence",)}, UnknownName, "did you mean 'importance'"),
        ({"algos": ("aevb[lr=0.1]",)}, OptionError, "no option 'lr'"),
        ({"algos": ("aevb[learning_rate=fast]",)}, OptionError, "'fast'"),
        ({"algos": ("aevb", "aevb[num_samples=1]")}, OptionError, "same name"),
        ({"n_train": (201,)}, DataError, "at most 200"),
    ],
)
def test_unknown_names_and_options_are_refused(asked: dict[str, object], kind: type[Exception], words: str) -> None:
    study = Study(**{"dataset": BLOBS, **asked})  # type: ignore[arg-type]

    def expand() -> None:
        assert study.estimators
        study.expand(study.load_data())

    with pytest.raises(kind) as caught:
        expand()
    assert words.lower() in str(caught.value).lower()


def test_its_file_says_everything(tmp_path: Path) -> None:
    study = Study(algos=("aevb[num_samples=5]", MINE), z=(2, 3), n_train=(10,), seeds=(3, 7), dataset=BLOBS, budget=5)
    (tmp_path / "study.toml").write_text(study.to_toml())
    assert Study.from_toml(tmp_path / "study.toml") == study


@pytest.mark.parametrize(("text", "words"), [("z = [", "not valid TOML"), ("zz = [3]", "unknown key 'zz'")])
def test_bad_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises((StoreError, OptionError), match=words):
        Study.from_toml(tmp_path / "s.toml")
    with pytest.raises(StoreError, match="cannot be read"):
        Study.from_toml(tmp_path / "missing.toml")


def test_budget_seeds_and_estimators_may_grow_and_nothing_else() -> None:
    base = Study()
    assert not Study(budget=7, seeds=(9,), likelihood=("hmc",)).differs_from(base)
    for change in ({"z": (4,)}, {"algos": ("aevb",)}, {"dataset": "mnist"}, {"hidden": 3}, {"n_train": (5,)}):
        assert dataclasses.replace(base, **change).differs_from(base), change  # type: ignore[arg-type]
    merged = Study(budget=7, seeds=(9, 1)).merged_with(Study(budget=9, seeds=(0, 1)))
    assert (merged.budget, merged.seeds) == (9, (0, 1, 9))
    assert Study(budget=7).folder_name() == Study(budget=8, seeds=(5,)).folder_name() != Study(z=(9,)).folder_name()
    assert Study().folder_name() == "digits-aevb-wakesleep-mcem-c20f7f"  # so that a repeated command finds its run
    assert Study(resample_train=True).folder_name() != Study().folder_name()


@pytest.mark.parametrize("name", ["digits", pytest.param("mnist", marks=pytest.mark.data)])
def test_the_split_and_the_drawn_bits_do_not_depend_on_options(name: str) -> None:
    grey, threshold, static, dynamic = (
        load_data(Choice.parse("dataset", text))
        for text in (name, f"{name}[binarize=threshold]", f"{name}[binarize=static]", f"{name}[binarize=dynamic]")
    )
    assert torch.equal((grey.x_test > 0.5).float(), threshold.x_test)
    assert torch.equal((grey.x_train > 0.5).float(), threshold.x_train)
    assert torch.equal(grey.x_train, dynamic.x_train)
    assert torch.equal(static.x_test, dynamic.x_test)
    for x, probabilities in ((static.x_test, grey.x_test), (static.x_train, grey.x_train)):
        assert (x[probabilities == 0] == 0).all()  # drawn from the same images
        assert (x[probabilities == 1] == 1).all()


def test_a_larger_test_set_contains_the_smaller_one() -> None:
    small, large = (load_data(Choice.parse("dataset", f"digits[num_test={n}]")).x_test for n in (100, 297))
    assert torch.equal(small, large[:100])


@pytest.mark.data
def test_default_data_are_those_of_before() -> None:
    """Options with their default values give the data that they always gave, and trials keep their ids."""
    known = {"digits": ("74df382e7679", "992b3af430e079b4"), "mnist": ("d27fb91380ff", "d76ca4b527263ba1")}
    for name, (fingerprint, trial) in known.items():
        study = Study(dataset=name, tune="paper")
        data = study.load_data()
        assert data.fingerprint().startswith(fingerprint)
        assert study.expand(data)[0].id == trial
