"""What trials do not have in common is named: how they were tuned, and what they ran on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd

from bench.reporting.captions import caveats


def results(*tuned: tuple[str, str]) -> Any:
    return SimpleNamespace(trials=pd.DataFrame(tuned, columns=["algorithm", "tune"]))


def test_the_same_protocol_needs_no_word() -> None:
    assert caveats.tuning(results(("aevb", "halving"), ("aevb", "halving"), ("mcem", "halving"))) == []
    assert caveats.tuning(results(("aevb", "given"), ("mcem", "given"))) == []


def test_different_protocols_are_named_with_their_algorithms() -> None:
    (sentence,) = caveats.tuning(results(("aevb", "paper"), ("mine", "given"), ("mcem", "paper")))
    assert sentence == (
        "Algorithms were tuned in different ways (aevb, mcem: paper; mine: given), and a difference may be due to that."
    )


def ran(**columns: Any) -> Any:
    common = {"device": "cpu", "processor": "A", "torch": "2.13.0", "numpy": "2.4.6", "python": "3.11.4"}
    common["reference"] = ""
    return SimpleNamespace(trials=pd.DataFrame({**common, **columns}, index=range(3)))


def test_trials_of_one_machine_need_no_word() -> None:
    assert caveats.machines(ran(device=["cuda:0", "cuda:1", None])) == []
    assert caveats.machines(ran(processor=["A", "A", "B"], reference=["", "", "reference-mnist"])) == []


def test_trials_that_never_began_need_no_word() -> None:
    missing = [float("nan")] * 3
    nothing = dict.fromkeys(["device", "processor", "torch", "numpy", "python"], missing)
    assert caveats.machines(ran(**nothing)) == []


def test_machines_that_differ_are_named() -> None:
    (sentence,) = caveats.machines(ran(processor=["A", "B", "A"]))
    assert sentence == (
        "Trials ran with different processors (A: 2 trials; B: 1 trial): their seconds are not comparable, and sums "
        "may be rounded differently."
    )
    (sentence,) = caveats.machines(ran(torch=["2.13.0", "2.12.0", None]))
    assert sentence.startswith("Trials ran with different versions of torch (2.13.0: 1 trial; 2.12.0: 1 trial):")
    (sentence,) = caveats.machines(ran(numpy=["2.4.6", "2.3.0", "2.4.6"]))
    assert sentence.startswith("Trials ran with different versions of numpy (2.4.6: 2 trials; 2.3.0: 1 trial):")
    (sentence,) = caveats.machines(ran(python=["3.11.4", "3.11.9", "3.12.1"]))
    assert sentence.startswith("Trials ran with different versions of Python (3.11: 2 trials; 3.12: 1 trial):")
    (sentence,) = caveats.machines(ran(device=["cuda:0", "cpu", "cuda:1"]))
    assert sentence.startswith("Trials ran with different devices (cuda: 2 trials; cpu: 1 trial): their seconds")


def warned(*rows: tuple[Any, ...]) -> list[str]:
    names = ["dataset", "n_train", "z", "algorithm", "seed", "estimator", "split", "warnings"]
    frame = pd.DataFrame(rows, columns=names)
    none = pd.DataFrame(columns=[*names[:5], "collapse"])
    return caveats.warnings(SimpleNamespace(trials=frame, likelihoods=frame, diagnosis=none))  # type: ignore[arg-type]


PLACE = ("digits", 1000, 3, "aevb")


def test_a_warning_is_not_said_of_seeds_that_have_another() -> None:
    few, many, other = "3 of 300 points have k > 0.7.", "21 of 300 points have k > 0.7.", "No estimate."
    same = [(*PLACE, seed, "importance", "test", few) for seed in range(3)]
    assert warned(*same) == [f"importance of aevb, z=3, 3 seeds: {few}"]
    mixed = [(*PLACE, seed, "importance", "test", text) for seed, text in enumerate(["", few, many, other, None])]
    assert warned(*mixed) == [
        f"importance of aevb, z=3, 2 seeds, for example seed 1: {few}",
        f"importance of aevb, z=3, 1 seed: {other}",
    ]


def test_a_warning_names_the_place_if_there_are_several() -> None:
    text = "No estimate."
    two_sets = [(name, 1000, 3, "aevb", 0, "ais", "test", text) for name in ("digits", "mnist")]
    assert warned(*two_sets) == [f"ais of aevb, {name}, z=3, 1 seed: {text}" for name in ("digits", "mnist")]
    two_sizes = [("digits", size, 3, "aevb", 0, "ais", "test", text) for size in (100, 1000)]
    assert warned(*two_sizes) == [f"ais of aevb, {size} training points, z=3, 1 seed: {text}" for size in (100, 1000)]
    two_splits = [(*PLACE, 0, "ais", split, text) for split in ("test", "train")]
    assert warned(*two_splits) == [f"ais of aevb, z=3, 1 seed: {text}", f"ais (train) of aevb, z=3, 1 seed: {text}"]


def test_a_warning_about_a_model_is_not_said_of_the_estimator_of_its_diagnosis() -> None:
    text = "Posterior collapse."
    models = pd.DataFrame([{**dict(zip(("dataset", "n_train", "z", "algorithm"), PLACE, strict=True)), "seed": 0}])
    models = models.assign(estimator="importance", collapse=text, warnings="")
    run = SimpleNamespace(trials=models, likelihoods=models.assign(split="test"), diagnosis=models)
    assert caveats.warnings(run) == [f"aevb, z=3, 1 seed: {text}"]  # type: ignore[arg-type]
