"""The IWAE paper's table: what a run has reached, beside the published numbers where they are of the same thing."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from bench import plugins

PAPER = "mlp[hidden=200,layers=2,init_scale=glorot]"
ADAM = "optimiser=adam,batch_size=20"


def results(
    algorithm: str,
    *,
    dataset: str = "mnist[binarize=dynamic]",
    model: str = PAPER,
    z: int = 50,
    n_train: int = 60000,
    others: str = f"aevb[num_samples=1,{ADAM}]",
) -> SimpleNamespace:
    """Three seeds of an algorithm and of AEVB: -90, -91, -92 nats and 20, 21, 22 active units; the fourth diverged."""
    trials, diagnosis, settings = [], [], []
    for name in (others, algorithm):
        options = dict(each.split("=") for each in name.partition("[")[2].partition("]")[0].split(","))
        for seed in range(4):
            trial = f"{name}/{seed}"
            labels = {"trial": trial, "dataset": dataset, "n_train": n_train, "z": z, "algorithm": name, "seed": seed}
            done = {"status": "done", "log_likelihood_test": -90.0 - seed, "samples": 1e5, "estimator": "importance"}
            failed = {"status": "diverged", "log_likelihood_test": math.nan, "samples": 1e3, "estimator": None}
            trials.append({**labels, "model": model, "reference": "", "data": "a", **(done if seed < 3 else failed)})
            diagnosis.append({**labels, "active_units": 20 + seed if seed < 3 else math.nan})
            settings += [{"trial": trial, "hyperparameter": key, "setting": text} for key, text in options.items()]
    return SimpleNamespace(
        trials=pd.DataFrame(trials),
        diagnosis=pd.DataFrame(diagnosis),
        hyperparameters=pd.DataFrame(settings),
        by_point=lambda trials, estimator: None,
    )


def table(frames: SimpleNamespace) -> pd.DataFrame:
    numbers: pd.DataFrame = plugins.create("report", "iwae_table1").table(frames)
    return numbers.set_index("algorithm")


def test_means_and_intervals_are_those_of_the_seeds_that_are_done() -> None:
    name = f"iwae[num_samples=50,{ADAM}]"
    row = table(results(name)).loc[name]
    assert (row["nll"], row["active_units"], row["seeds"], row["num_samples"]) == (91, 21, 3, 50)
    half = 4.302653 / math.sqrt(3)  # of Student's distribution with 2 degrees of freedom, standard deviation 1
    assert [row["nll_low"], row["nll_high"]] == pytest.approx([91 - half, 91 + half], abs=1e-5)
    assert [row["active_units_low"], row["active_units_high"]] == pytest.approx([21 - half, 21 + half], abs=1e-5)


@pytest.mark.parametrize(
    ("algorithm", "dataset", "published"),
    [
        (f"iwae[num_samples=50,{ADAM}]", "mnist[binarize=dynamic]", (84.78, 25)),
        (f"iwae[num_samples=50,{ADAM}] (runs/a)", "mnist[binarize=dynamic]", (84.78, 25)),
        (f"iwae[num_samples=5,{ADAM}]", "mnist[binarize=larochelle]", (87.63, 22)),
        (f"aevb[num_samples=50,{ADAM}]", "mnist[binarize=larochelle]", (89.05, 20)),
    ],
)
def test_published_numbers_are_those_of_the_paper(algorithm: str, dataset: str, published: tuple[float, int]) -> None:
    n_train = 60000 if "dynamic" in dataset else 50000
    rows = table(results(algorithm, dataset=dataset, n_train=n_train, others="iwae[num_samples=3]"))
    row = rows.loc[algorithm]
    assert (row["published_nll"], row["published_active_units"]) == published


@pytest.mark.parametrize(
    ("algorithm", "changes"),
    [
        (f"iwae[num_samples=50,gradient=dreg,{ADAM}]", {}),  # the paper does not have it
        (f"rws[num_samples=50,{ADAM}]", {}),
        (f"iwae[num_samples=8,{ADAM}]", {}),
        (f"aevb[num_samples=50,free_bits=0.1,{ADAM}]", {}),
        (f"iwae[num_samples=50,{ADAM}]", {"n_train": 1000}),
        (f"iwae[num_samples=50,{ADAM}]", {"dataset": "mnist[binarize=static]"}),
        (f"iwae[num_samples=50,{ADAM}]", {"dataset": "mnist[binarize=dynamic] (older data)"}),
        (f"iwae[num_samples=50,{ADAM}]", {"model": "mlp[hidden=200]"}),
        (f"iwae[num_samples=50,{ADAM}]", {"z": 20}),
        (f"iwae[num_samples=50,{ADAM}]", {"dataset": "omniglot[binarize=dynamic]"}),
    ],
)
def test_no_published_number_stands_beside_something_else(algorithm: str, changes: dict[str, object]) -> None:
    frames = results(algorithm, others="iwae[num_samples=3]", **changes)  # type: ignore[arg-type]
    assert math.isnan(table(frames).loc[algorithm, "published_nll"])


def test_seeds_that_did_not_end_well_are_counted_and_their_draws_known() -> None:
    name = f"iwae[num_samples=50,{ADAM}]"
    frames = results(name)
    assert table(frames).loc[name, "not_counted"] == "diverged"
    frames.trials["status"] = "diverged"
    row = table(frames).loc[name]
    assert (row["num_samples"], row["seeds"], row["not_counted"]) == (50, 0, "diverged, diverged, diverged, diverged")


def test_runs_without_iwae_have_no_such_table() -> None:
    assert plugins.create("report", "iwae_table1").table(results(f"rws[num_samples=50,{ADAM}]")).empty


def test_names_are_shown_without_what_all_have_in_common() -> None:
    report = plugins.create("report", "iwae_table1")
    shown = report.display(report.table(results(f"iwae[num_samples=50,gradient=dreg,{ADAM}] (runs/a)")))
    assert [*shown["algorithm"]] == ["aevb", "iwae[gradient=dreg] (runs/a)"]
    assert [*shown["draws"]] == ["1", "50"]
    assert [*shown["published NLL (nats)"]] == ["86.76", "–"]
    assert [*shown["seeds"]] == ["3 of 4 (1 diverged)"] * 2
