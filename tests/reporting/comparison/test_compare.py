"""Comparisons of runs with a known truth: false alarms, power, and everything that must not be compared."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import markdown_it
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.errors import OptionError
from bench.reporting.comparison import endings, words
from bench.reporting.comparison.cell_tests import CellTest
from bench.reporting.comparison.compare import Comparison, _rows, compare
from bench.reporting.comparison.measures import LOG_LIKELIHOOD
from bench.reporting.comparison.verdict import Row, Rules
from bench.reporting.writers.texts import markdown_table, markdown_text
from bench.results import curves
from bench.results.columns import DIAGNOSIS_COLUMNS, LATENT_COLUMNS, LIKELIHOOD_COLUMNS, TRACE_COLUMNS, TRIAL_COLUMNS
from bench.results.frames import Results
from bench.results.grid import Cell

FALSE_ALARMS = 0.05
OTHER_SEEDS = (5, 6, 7, 8, 9)
CELL = ("aevb", 3)
SMALL: dict[str, Any] = {"algorithms": ("aevb", "wakesleep"), "latent_sizes": (3, 5)}
ALONE: dict[str, Any] = {"algorithms": ("aevb",), "latent_sizes": (3,)}


MARKS = np.array([0, 100, 1000, 10_000, 100_000])
SPREAD = 0.5  # nats, over seeds


def results(**frames: pd.DataFrame) -> Results:
    """A run with these frames and no files."""
    made = Results(Path("synthetic"))
    made.__dict__["_log_likelihoods"] = {}
    columns = {
        "trials": TRIAL_COLUMNS,
        "trace": TRACE_COLUMNS,
        "likelihoods": LIKELIHOOD_COLUMNS,
        "diagnosis": DIAGNOSIS_COLUMNS,
        "latents": LATENT_COLUMNS,
    }
    for name, known in columns.items():
        made.__dict__[name] = frames.get(name, pd.DataFrame(columns=known))
    return made


def run(
    rng: np.random.Generator,
    *,
    algorithms: tuple[str, ...] = ("aevb", "wakesleep", "mcem"),
    latent_sizes: tuple[int, ...] = (3, 5, 10),
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4),
    loss: dict[tuple[str, int], float] | None = None,
    slower: dict[tuple[str, int], float] | None = None,
    **facts: Any,
) -> Results:
    """Trials end at -25 nats, SPREAD over seeds, with 1e5 samples per second; ``loss`` and ``slower`` are by cell."""
    trials, trace, likelihoods = [], [], []
    for z in latent_sizes:
        for algorithm in algorithms:
            for seed in seeds:
                end = rng.normal(-25, SPREAD) - (loss or {}).get((algorithm, z), 0)
                speed = 1e5 * np.exp(rng.normal(0, 0.02)) / (slower or {}).get((algorithm, z), 1)
                labels = {"trial": f"{algorithm}{z}-{seed}", "algorithm": algorithm, "dataset": "digits", "z": z}
                labels |= {"n_train": 1500, "seed": seed}
                trials.append({**labels, **TRIAL, "log_likelihood_test": end, "samples_per_second": speed, **facts})
                likelihoods.append({**labels, **ESTIMATE, "log_likelihood": end})
                rise = 20 * np.exp(rng.normal(0, 0.05)) * (1 - MARKS / MARKS[-1]) ** 8
                trace += [
                    {**labels, "samples": x, "train_seconds": x / speed, "model_evaluations": 2 * x, "elbo_test": y}
                    for x, y in zip(MARKS, end - 0.2 - rise, strict=True)
                ]
                trials[-1]["elbo_test"] = trace[-1]["elbo_test"]
    return results(
        trials=pd.DataFrame(trials).reindex(columns=TRIAL_COLUMNS),
        trace=pd.DataFrame(trace).reindex(columns=TRACE_COLUMNS),
        likelihoods=pd.DataFrame(likelihoods).reindex(columns=LIKELIHOOD_COLUMNS),
    )


TRIAL = {
    "status": "done",
    "reason": "",
    "samples": 100_000,
    "model": "mlp",
    "decoder": "bernoulli",
    "pixels": "grey",
    "machine": "here",
    "processor": "fast",
    "device": "cpu",
    "threads": 1,
    "jobs": 2,
    "cpu_share": 0.98,
    "estimator": "importance",
    "log_likelihood_test_se": 0.001,
}
ESTIMATE = {
    "estimator": "importance",
    "split": "test",
    "num_points": 300,
    "num_failed": 0,
    "bias": "lower",
    "warnings": "",
}


def rng(name: int = 0) -> np.random.Generator:
    return np.random.default_rng(name)


def changed(base: Results, where: dict[str, object] | None = None, **values: object) -> Results:
    """The same run with other values in the columns of its trials, either of all or of those that ``where`` selects."""
    trials = base.trials.copy()
    rows = pd.Series(True, index=trials.index)
    for column, value in (where or {}).items():
        rows &= trials[column] == value
    for column, value in values.items():
        trials[column] = trials[column].astype(object)
        trials.loc[rows, column] = value
    return results(trials=trials, trace=base.trace, likelihoods=base.likelihoods)


def verdicts(found: Comparison) -> Counter[str]:
    return Counter(row.verdict for row in found.rows)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(0, 1, 2, 3, 4), OTHER_SEEDS], ids=["paired", "other seeds"])
def test_false_alarms_stay_at_their_rate(seeds: tuple[int, ...]) -> None:
    """At most 3 in 100 comparisons: a rate of 8 % would fail this with a probability of 96 %, one of 10 % with 99 %."""
    random, repeats, alarms = rng(1), 100, 0
    for _ in range(repeats):
        base, new = run(random, **SMALL), run(random, seeds=seeds, **SMALL)
        alarms += bool(compare(base, new).of("better", "worse"))
    assert alarms <= 3 <= FALSE_ALARMS * repeats


def test_the_rate_holds_for_all_cells_together() -> None:
    """Without the correction 30 % of such comparisons would have a false alarm."""
    random, repeats, rate = rng(3), 500, 0.01
    row = Row(Cell("digits", 1500, 3, "aevb"), "log-likelihood", "nats", change=9.0)
    alarms = 0
    for _ in range(repeats):
        found = [CellTest(LOG_LIKELIHOOD, replace(row, p=float(p))) for p in random.random(36)]
        alarms += any(one.verdict != "no evidence" for one in _rows(found, rate, Rules()))
    assert 0 < alarms / repeats <= rate + 3 * (rate * (1 - rate) / repeats) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("grid", [ALONE, SMALL], ids=["1 cell", "4 cells"])
@pytest.mark.parametrize("seeds", [(0, 1, 2, 3, 4), OTHER_SEEDS], ids=["paired", "other seeds"])
def test_a_loss_of_2_nats_is_found(seeds: tuple[int, ...], grid: dict[str, Any]) -> None:
    """In all of 40 comparisons but one: a power of 90 % would fail this with a probability of 92 %."""
    random, repeats, found = rng(2), 40, 0
    for _ in range(repeats):
        comparison = compare(run(random, **grid), run(random, seeds=seeds, loss={CELL: 2.0}, **grid))
        found += any(
            (row.cell.algorithm, row.cell.z, row.measure) == (*CELL, "log-likelihood") for row in comparison.of("worse")
        )
    assert found >= repeats - 1


def test_a_run_with_itself_shows_nothing() -> None:
    base = run(rng())
    found = compare(base, base)
    assert verdicts(found) == {"no evidence": 9 * 5}
    assert words.verdict(found) == "No evidence of any change in 45 comparisons."
    assert {row.p for row in found.rows} == {1.0}


def test_a_gain_is_better_and_the_interval_holds_it() -> None:
    base = run(rng(3))
    found = compare(base, run(rng(3), loss={CELL: -2.0}))
    gained = {row.measure: row for row in found.of("better")}
    assert not found.of("worse")
    assert {row.cell[2:] for row in found.of("better")} == {(3, "aevb")}
    assert gained["log-likelihood"].low <= 2.0 <= gained["log-likelihood"].high
    assert (
        "Better: log-likelihood of aevb, z = 3 (digits, 1500 training points), by 2.00 nats"
        in words.sentences(found)[0]
    )


def test_significant_but_small_is_not_worse() -> None:
    found = compare(run(rng(4)), run(rng(4), loss={CELL: 0.05}))
    (row,) = [row for row in found.rows if row.cell[2:] == (3, "aevb") and row.measure == "log-likelihood"]
    assert row.verdict == "no evidence"
    assert row.why == "significant, but smaller than 0.1 nats"
    assert compare(run(rng(4)), run(rng(4), loss={CELL: 0.05}), Rules(min_nats=0.01)).of("worse")


def test_a_slow_down_is_found_on_one_machine_only() -> None:
    base, slow = run(rng(5)), run(rng(5), slower={CELL: 1.3})
    found = compare(base, slow)
    assert {(row.cell.algorithm, row.measure) for row in found.of("worse")} == {
        ("aevb", "samples per second"),
        ("aevb", "seconds to target"),
    }
    (row,) = [row for row in found.of("worse") if row.measure == "samples per second"]
    assert (row.low, row.change, row.high) == pytest.approx([1 / 1.3] * 3)
    elsewhere = compare(base, changed(slow, machine="there"))
    assert not elsewhere.of("worse")
    assert {row.why for row in elsewhere.of("not comparable")} == {
        "different machine: here in BASE, there in NEW; --timings always compares them all the same"
    }
    assert compare(base, changed(slow, machine="there"), Rules(timings="always")).of("worse")
    busy = compare(base, changed(slow, cpu_share=0.55))
    assert {row.why for row in busy.of("not comparable")} == {
        "different machine load: trials got 98% of their cores in BASE, 55% in NEW"
    }
    crowded = [changed(one, cpu_share=share) for one, share in ((base, 0.2), (slow, 0.15))]  # a quarter less
    assert not compare(*crowded).of("worse")
    assert not compare(base, slow, Rules(timings="never")).of("worse")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"pixels": "zeros and ones"}, "different pixels: grey in BASE, zeros and ones in NEW"),
        ({"model": "linear"}, "different model: mlp in BASE, linear in NEW"),
        ({"samples": 200_000}, "different budget: 100,000 training samples in BASE, 200,000 in NEW"),
        ({"data": "b"}, "different data: the data of seeds 0, 1, 2, 3, 4 differ"),
    ],
)
def test_other_conditions_are_not_compared(change: dict[str, object], why: str) -> None:
    base = changed(run(rng()), data="a")
    found = compare(base, changed(base, where={"algorithm": "aevb"}, **change))
    assert verdicts(found) == {"no evidence": 6 * 5, "not comparable": 3}
    assert {row.why for row in found.of("not comparable")} == {why}
    (said,) = [text for text in words.sentences(found) if text.startswith("Not comparable")]
    assert said.endswith(f"{why}.")


def test_another_estimator_is_not_compared_and_the_rest_is() -> None:
    base = run(rng())
    other = results(
        trials=base.trials, trace=base.trace, likelihoods=base.likelihoods.assign(estimator="hmc", num_points=100)
    )
    found = compare(base, other)
    assert verdicts(found) == {"no evidence": 9 * 4, "not comparable": 9}
    assert (
        found.of("not comparable")[0].why
        == "different estimator: importance on 300 points in BASE, hmc on 100 points in NEW"
    )


@pytest.mark.parametrize(("here", "there"), [("p", "q"), ("", "q")])
def test_other_test_points_are_not_compared(here: str, there: str) -> None:
    base = run(rng())
    runs = [
        results(trials=base.trials, trace=base.trace, likelihoods=base.likelihoods.assign(points=points))
        for points in (here, there)
    ]
    found = compare(*runs)
    assert verdicts(found) == {"no evidence": 9 * 4, "not comparable": 9}
    assert found.of("not comparable")[0].why.startswith("different test points")
    assert not compare(runs[0], runs[0]).of("not comparable")


def test_runs_that_were_tuned_in_different_ways_are_compared_with_a_caution() -> None:
    base = run(rng(), **SMALL, tune="paper")
    new = changed(changed(base, tune="halving"), where={"algorithm": "wakesleep", "z": 5}, tune="paper")
    found = compare(base, new)
    assert not found.of("not comparable")
    caution = (
        "The runs were tuned in different ways (aevb, wakesleep: paper in BASE, halving in NEW), and a change may be "
        "due to that."
    )
    assert words.sentences(found)[0] == caution
    assert words.record(found)["cautions"] == [caution]
    for same in (compare(base, base), compare(base, changed(base, tune=None))):  # nothing is known of a lost spec
        assert same.cautions == ()


def test_cells_on_one_side_are_shown() -> None:
    base, new = run(rng(), algorithms=("aevb", "mcem")), run(rng(), algorithms=("aevb", "wakesleep"))
    found = compare(base, new)
    told = {(row.cell.algorithm, row.why) for row in found.of("missing")}
    assert told == {("mcem", "only in BASE"), ("wakesleep", "only in NEW")}
    assert len(found.of("missing")) == 6


def ends(base: Results, *fates: tuple[int, str]) -> Results:
    """The same run, in which these seeds of `aevb` at z = 3 ended with these statuses."""
    for seed, status in fates:
        where = {"algorithm": "aevb", "z": 3, "seed": seed}
        base = changed(base, where=where, status=status, log_likelihood_test=np.nan)
    return base


def ending(base: Results, new: Results, rules: Rules | None = None) -> Row:
    (row,) = [row for row in compare(base, new, rules).rows if row.measure == endings.MEASURE]
    return row


def test_a_seed_that_no_longer_ends_well_is_worse_and_a_diverged_pair_is_not() -> None:
    base = run(rng(), **SMALL)
    new = ends(base, (2, "diverged"))
    found = compare(base, new)
    (row,) = found.of("worse")
    assert row.why == "1 of 5 (seed 2: diverged) in NEW, 0 of 5 in BASE"
    assert (row.base, row.new) == (5, 4)
    said = "Worse: seeds that end well of aevb, z = 3 (digits, 1500 training points): 1 of 5 (seed 2: diverged) in NEW"
    assert words.sentences(found)[0].startswith(said)
    rules = " ".join(words.rules(found))
    assert "if nothing has changed, the probability of any false alarm is at most 5%" in rules
    assert "Fisher's exact test" in rules
    pairs = [row.seeds_base for row in found.rows if row.cell[2:] == (3, "aevb") and row.unit != "seeds"]
    assert pairs == [4] * 5  # what is compared is counted
    assert ending(new, new).verdict == "no evidence"
    assert ending(new, base).verdict == "better"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((), (5,), "worse"),  # an algorithm that now diverges, even if only once
        ((), OTHER_SEEDS, "worse"),
        ((0, 1), (5, 6, 7), "no evidence"),  # the luck of other seeds
        ((0,), OTHER_SEEDS, "worse"),  # p = 0.024
        ((0, 1), (5,), "no evidence"),
        ((0,), (), "better"),
        ((0, 1, 2, 3, 4), OTHER_SEEDS, "not comparable"),
    ],
)
def test_what_the_seeds_are_called_does_not_matter(
    before: tuple[int, ...], after: tuple[int, ...], verdict: str
) -> None:
    base, new = (run(rng(i), seeds=seeds, **ALONE) for i, seeds in enumerate(((0, 1, 2, 3, 4), OTHER_SEEDS)))
    found = compare(
        ends(base, *((seed, "diverged") for seed in before)), ends(new, *((seed, "diverged") for seed in after))
    )
    (row,) = [row for row in found.rows if row.measure == endings.MEASURE]
    assert row.verdict == verdict
    assert any(row.why in text for text in words.sentences(found))  # in words, even if it is no evidence


def test_more_of_the_same_seeds_are_worse_and_others_of_them_are_not() -> None:
    base = run(rng(), **ALONE)
    one = ends(base, (1, "diverged"))
    assert ending(one, ends(one, (3, "crashed"))).verdict == "worse"
    assert ending(one, ends(base, (3, "failed"))).verdict == "no evidence"
    assert ending(one, ends(one, (3, "crashed"))).why == (
        "2 of 5 (seed 1: diverged; seed 3: crashed) in NEW, 1 of 5 (seed 1: diverged) in BASE"
    )


def test_a_seed_that_takes_too_long_is_a_matter_of_the_machine() -> None:
    base = run(rng(), **ALONE)
    slow = ends(base, (1, "timeout"))
    assert ending(base, slow).verdict == "worse"
    elsewhere = changed(slow, machine="there")
    assert ending(base, elsewhere).verdict == "not comparable"
    assert ending(base, elsewhere).why.endswith(
        "different machine: here in BASE, there in NEW; --timings always compares them all the same"
    )
    assert ending(base, elsewhere, Rules(timings="always")).verdict == "worse"
    assert ending(base, ends(elsewhere, (2, "diverged"))).verdict == "worse"


def test_a_seed_that_has_not_ended_is_told() -> None:
    base = run(rng(), **ALONE)
    row = ending(base, ends(base, (1, "running"), (4, "waiting")))
    assert (row.verdict, row.why) == ("not comparable", "seeds 1, 4 of NEW did not finish")


def test_points_without_an_estimate_are_worse() -> None:
    """Their mean is over the other points, and may even be higher."""
    base = run(rng(), **ALONE)
    lost = base.likelihoods.assign(num_failed=[0, 40, 0, 0, 0])
    new = results(trials=base.trials, trace=base.trace, likelihoods=lost)
    assert ending(base, new).why == "1 of 5 (seed 1: no log p(x) of 40 of 300 points) in NEW, 0 of 5 in BASE"
    assert ending(base, new).verdict == "worse"
    other = results(trials=base.trials, trace=base.trace, likelihoods=lost.assign(estimator="hmc"))
    assert not compare(base, other).of("worse")


def test_a_measure_that_one_run_lost_is_told() -> None:
    base = run(rng(), **ALONE)
    new = changed(base, log_likelihood_test=np.nan)
    for one, other, where in ((base, new, "NEW"), (new, base, "BASE")):
        (row,) = compare(one, other).of("not comparable")
        assert (row.measure, row.why) == ("log-likelihood", f"no log-likelihood in {where}")


def test_a_trial_that_diverged_early_does_not_touch_its_neighbours() -> None:
    """Nor does an algorithm that only one run has, with other marks."""
    base = run(rng(), **SMALL)
    trace = base.trace[(base.trace["trial"] != "aevb3-0") | (base.trace["samples"] <= 100)]
    new = ends(base, (0, "diverged"))
    new = results(trials=new.trials, trace=trace, likelihoods=new.likelihoods)
    assert curves.stretches(new) == curves.stretches(base)
    found = compare(base, new)
    assert {row.measure for row in found.of("worse")} == {endings.MEASURE}
    assert {row.p for row in found.rows if row.unit != "seeds"} == {1.0}
    fewer = new.trials[new.trials["algorithm"] == "wakesleep"]
    longer = base.trace.assign(
        samples=base.trace["samples"].where(base.trace["algorithm"] != "aevb", base.trace["samples"] * 0.7)
    )
    found = compare(
        results(trials=base.trials, trace=longer, likelihoods=base.likelihoods),
        results(trials=fewer, trace=base.trace, likelihoods=base.likelihoods),
    )
    assert {row.p for row in found.rows if row.measure == "mean bound"} == {1.0}


def test_a_change_that_could_not_be_seen_has_no_size() -> None:
    """Two seeds, whose speeds differ by a factor of a thousand."""
    base, new = (run(rng(i), seeds=seeds, **ALONE) for i, seeds in enumerate([(0, 1), (2, 3)]))
    new = changed(new, where={"seed": 3}, samples_per_second=100.0)
    found = compare(base, new)
    (row,) = [row for row in found.rows if row.measure == "samples per second"]
    assert row.verdict == "no evidence"
    assert row.least > 1e6
    *_, known, unknown = words.sentences(found)
    assert known.startswith("Smaller changes than these would not have been significant here: log-likelihood by ")
    assert unknown.startswith("Which changes of samples per second would have been significant cannot be said")
    assert "samples per second" not in known
    shown = words.frame(found).set_index("measure").loc["samples per second"]
    assert shown["95 % interval"] == "less than 0.01 to more than 100"
    assert not [line for line in words.sentences(found) if re.search(r"\d{6}\.", line)]


def test_the_least_change_is_where_significance_begins() -> None:
    base, new = run(rng(11), **ALONE), run(rng(12), **ALONE)
    (row,) = [row for row in compare(base, new).rows if row.measure == "log-likelihood"]
    for factor, verdict in ((0.999, "no evidence"), (1.001, "better")):
        shifted = new.trials["log_likelihood_test"] + factor * row.least - row.change
        found = compare(base, changed(new, log_likelihood_test=shifted), Rules(min_nats=0))
        assert [row.verdict for row in found.rows if row.measure == "log-likelihood"] == [verdict]
    assert f"log-likelihood by {row.least:.2f} nats" in words.sentences(compare(base, new))[-1]


def test_hostile_names_are_shown_as_they_are() -> None:
    name = "a|b<script>x</script>`_*[z](y)"
    base = run(rng(), algorithms=(name,), latent_sizes=(3,))
    found = compare(base, run(rng(), algorithms=(name,), latent_sizes=(3,), loss={(name, 3): 2.0}))
    page = (
        markdown_it.MarkdownIt("commonmark")
        .enable("table")
        .render("\n\n".join([markdown_text(words.sentences(found)[0]), markdown_table(words.frame(found))]))
    )
    assert "<script>" not in page
    assert "<code>" not in page
    assert page.count("a|b&lt;script&gt;x&lt;/script&gt;`_*[z](y)") == 1 + len(found.rows)


def test_runs_that_never_get_there_are_ranked() -> None:
    base = run(rng(7))
    found = compare(base, run(rng(8), loss={CELL: 3.0}))
    (row,) = [row for row in found.rows if row.cell[2:] == (3, "aevb") and row.measure == "samples to target"]
    assert row.why == (
        "0 of 5 seeds never reach the target in BASE, 5 of 5 in NEW; with so few seeds no order of them is significant"
    )
    assert row.p == pytest.approx(2 / 252)
    assert row.new == np.inf
    json.dumps(words.record(found), allow_nan=False)


def test_one_seed_says_that_it_tells_nothing() -> None:
    found = compare(run(rng(), seeds=(0,)), run(rng(1), seeds=(0,), loss={CELL: 9.0}))
    assert verdicts(found) == {"no evidence": 45}
    assert {row.why for row in found.rows} == {"fewer than 2 seeds: their spread is unknown"}
    assert words.sentences(found)[0].endswith("fewer than 2 seeds: their spread is unknown.")


def test_ranks_of_many_seeds_are_the_same_each_time() -> None:
    """There are too many orders to try all, so some are drawn, with a fixed seed."""
    seeds = tuple(range(10))
    base, new = run(rng(7), seeds=seeds, **ALONE), run(rng(8), seeds=seeds, loss={CELL: 1.0}, **ALONE)
    found = [[row.p for row in compare(base, new).rows] for _ in range(2)]
    assert found[0] == found[1]
    assert [row for row in compare(base, new).rows if "never reach the target" in row.why]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"min_nats": -1.0}, "`min_nats` must be at least 0"),
        ({"min_ratio": 0.9}, "`min_ratio` must be at least 1"),
        ({"false_alarms": 1.0}, "`false_alarms` must lie between 0 and 1"),
        ({"timings": "maybe"}, "`timings` must be auto, always or never"),
    ],
)
def test_rules_that_could_not_be_meant(given: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Rules(**given)  # type: ignore[arg-type]


# With values by test point: their error is in the interval and in the test.

NUM_POINTS = 40


def by_point(values: np.ndarray, points: str | None = "p", **grid: Any) -> Any:
    """A run of one cell whose log-likelihoods by seed and test point are ``values`` [S, N]."""
    made = run(rng(), **ALONE, **grid)
    means = values.mean(1)
    frames = {"trials": made.trials.assign(log_likelihood_test=means), "trace": made.trace}
    likelihoods = made.likelihoods.assign(log_likelihood=means, points=points, num_points=values.shape[1])
    found = results(**frames, likelihoods=likelihoods)
    stored = zip(made.trials["trial"], values, strict=True)
    found.__dict__["_log_likelihoods"] = {(trial, "importance"): lambda each=each: each for trial, each in stored}
    return found


def of(base: Any, new: Any) -> Row:
    (row,) = [row for row in compare(base, new).rows if row.measure == "log-likelihood"]
    return row


def drawn(seed: float, own: np.ndarray) -> np.ndarray:
    """Values [5, N] of models that all find the same points hard, with effects of seeds and single values."""
    return own + seed * rng(2).normal(size=(5, 1)) + 0.01 * rng(3).normal(size=(5, NUM_POINTS))


HARD = 30 * rng(1).normal(size=NUM_POINTS)
UNEVEN = rng(4).normal(size=NUM_POINTS)
UNEVEN = 5 * (UNEVEN - UNEVEN.mean()) / UNEVEN.std(ddof=1)


@pytest.mark.parametrize("seeds", [(0, 1, 2, 3, 4), OTHER_SEEDS], ids=["paired", "other seeds"])
def test_a_change_that_other_points_might_not_show_is_no_evidence(seeds: tuple[int, ...]) -> None:
    """All seeds lose 1 nat, on average over points on which it is between -11 and +9: its error is 5 / sqrt(40)."""
    base = drawn(0.01, HARD)
    new = base - 1.0 + UNEVEN + 0.001 * rng(5).normal(size=(5, 1))
    row = of(by_point(base), by_point(new, seeds=seeds))
    half = stats.t.ppf(0.975, NUM_POINTS - 1) * 5 / NUM_POINTS**0.5
    assert (row.low, row.high) == pytest.approx((-1 - half, -1 + half), abs=0.02)
    assert row.p == pytest.approx(2 * stats.t.sf(NUM_POINTS**0.5 / 5, NUM_POINTS - 1), rel=0.05)
    assert (row.verdict, row.num_points) == ("no evidence", NUM_POINTS)
    alone = of(by_point(base, points=None), by_point(new, points=None, seeds=seeds))
    assert alone.num_points == 0
    assert alone.p < 1e-4  # which points were taken is not known, and the seeds agree


@pytest.mark.parametrize("seeds", [(0, 1, 2, 3, 4), OTHER_SEEDS], ids=["paired", "other seeds"])
def test_what_is_hard_for_both_does_not_hide_a_loss(seeds: tuple[int, ...]) -> None:
    base = drawn(0.2, HARD)
    new = drawn(0.2, HARD)[::-1] - 1.0
    found = compare(by_point(base), by_point(new, seeds=seeds))
    assert [row.measure for row in found.of("worse") if row.unit == "nats"] == ["log-likelihood"]
    assert f"and {NUM_POINTS} test points; p = " in words.sentences(found)[0]
    assert of(by_point(base), by_point(base, seeds=seeds)).p == pytest.approx(1)


def test_no_more_false_alarms_than_over_seeds_alone() -> None:
    """60 reruns with other seeds on the same points, tested at 5 %."""
    random, alarms = rng(6), {"p": 0, "own": 0}
    for _ in range(60):
        base, new = (HARD + 0.5 * random.normal(size=(5, 1)) + random.normal(size=(5, NUM_POINTS)) for _ in range(2))
        for points in alarms:
            alarms[points] += of(by_point(base, points), by_point(new, points, seeds=OTHER_SEEDS)).p < 0.05
    assert alarms["p"] <= alarms["own"] <= 8
