from __future__ import annotations

import math
from typing import Any

import pytest

from bench import plugins
from bench.errors import OptionError

Convergence = plugins.find("report")["convergence"].load()


def line(slope: float) -> list[tuple[float, float]]:
    """A bound that rises from -50 by ``slope`` nats per decade of samples."""
    return [(0, -50), *((10.0**k, -50 + slope * k) for k in range(6))]


def test_times_and_heights_worked_out_by_hand(rows: Any) -> None:
    for seed in range(2):
        rows.add("fast", seed, bound=line(8))
        rows.add("slow", seed, bound=line(4))
    fast, slow = Convergence().table(rows.results()).to_dict("records")
    assert fast["target"] == slow["target"] == pytest.approx(-50 + 0.95 * 20)  # of the way of the weaker
    assert slow["samples"] == pytest.approx(10 ** (0.95 * 5))
    assert fast["samples"] == pytest.approx(10 ** (0.95 * 2.5))
    assert fast["model_evaluations"] == pytest.approx(2 * fast["samples"])
    assert fast["train_seconds"] == pytest.approx(0.001 * fast["samples"])
    assert (fast["reference"], math.isnan(fast["speed_up_samples"])) == ("fast", True)
    for clock in ("samples", "model_evaluations", "train_seconds"):
        assert slow[f"speed_up_{clock}"] == pytest.approx(10 ** (-0.95 * 2.5))
    assert fast["mean_bound"] == pytest.approx(-50 + 8 * 4)  # the last two decades: from 10^3 to 10^5
    assert (slow["seeds"], slow["never"]) == (2, 0)


def test_a_target_and_a_reference_of_ones_own(rows: Any) -> None:
    rows.add("fast", bound=line(8))
    rows.add("slow", bound=line(4))
    report = Convergence(target="-30.0", reference="slow")
    table = report.table(rows.results())
    fast, slow = table.to_dict("records")
    assert fast["samples"] == pytest.approx(10**2.5)
    assert fast["speed_up_samples"] == pytest.approx(10**2.5)
    assert report.display(table)["speed-up in samples"].tolist() == ["x 316", "reference"]
    assert slow["samples"] == pytest.approx(10**5)


def test_a_clock_of_its_own_has_a_speed_up_of_its_own(rows: Any) -> None:
    for seed in range(5):
        rows.add("frugal", seed, bound=line(8))
        rows.add("quick", seed, bound=line(8), seconds_a_sample=0.0005)
    table = Convergence().table(rows.results())
    quick = table.to_dict("records")[1]
    assert quick["speed_up_samples"] == pytest.approx(1)
    assert quick["speed_up_train_seconds"] == pytest.approx(2)
    assert Convergence().display(table)["speed-up in seconds"].tolist() == ["reference", "x 2 (2 to 2)"]
    assert Convergence().display(table)["intervals over"].tolist() == ["seeds", "seeds"]  # these rows name no data


def test_it_says_what_intervals_are_over(rows: Any) -> None:
    for seed in range(5):
        rows.add("slow", seed, bound=line(4))
        rows.add("quick", seed, bound=line(8))
    results = rows.results()
    results.trials["data"] = results.trials["seed"].map("{} data".format)
    table = Convergence().table(results)
    assert Convergence().display(table)["intervals over"].tolist() == ["seeds; training data drawn by seed"] * 2


def test_it_says_so_of_few_seeds_too_and_has_no_such_column_for_one(rows: Any) -> None:
    for seed in range(2):
        rows.add("slow", seed, bound=line(4 + seed))
    table = Convergence().table(rows.results())
    shown = Convergence().display(table)
    assert shown["intervals over"].tolist() == ["seeds"]
    low, high = (table[f"mean_bound_{end}"].item() for end in ("low", "high"))
    assert shown["its 95 % interval (nats)"].tolist() == [f"{low:.2f} to {high:.2f}"]
    alone = rows.results()
    alone.trials, alone.trace = (each[each["seed"] == 0] for each in (alone.trials, alone.trace))
    shown = Convergence().display(Convergence().table(alone))
    assert {"intervals over", "its 95 % interval (nats)"}.isdisjoint(shown.columns)


def test_an_unknown_reference_is_refused(rows: Any) -> None:
    rows.add("fast", bound=line(8))
    with pytest.raises(OptionError, match=r"run \(got 'fats'\)\. Did you mean 'fast'"):
        Convergence(reference="fats").table(rows.results())


def test_seeds_that_never_get_there_stay_in_as_infinite(rows: Any) -> None:
    for seed in range(3):
        rows.add("fast", seed, bound=line(8))
        rows.add("mine", seed, status="diverged" if seed else "done", bound=line(4))
    report = Convergence()
    table = report.table(rows.results())
    mine = table.to_dict("records")[1]
    assert (mine["samples"], mine["never"], mine["seeds"]) == (math.inf, 2, 3)
    assert mine["samples_low"] == pytest.approx(10 ** (0.95 * 5))
    assert mine["speed_up_samples"] == 0
    shown = report.display(table)
    assert shown["samples to target"][1].startswith("never (")
    assert shown["seeds"][1] == "3 (2 never)"


def test_a_speed_up_has_an_interval_from_5_seeds_on(rows: Any) -> None:
    for seed in range(5):
        rows.add("fast", seed, bound=line(8 + 0.1 * seed))
        rows.add("slow", seed, bound=line(4 + 0.1 * seed))
    slow = Convergence().table(rows.results()).to_dict("records")[1]
    assert slow["speed_up_samples_low"] < slow["speed_up_samples"] < slow["speed_up_samples_high"] < 1


def test_algorithms_without_a_bound_are_left_out(rows: Any) -> None:
    rows.add("aevb", bound=line(8))
    rows.add("mcem", bound=line(8), encoder=False)
    assert Convergence().table(rows.results())["algorithm"].tolist() == ["aevb"]
