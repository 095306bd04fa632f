"""Open hyperparameters are chosen once per cell, for all its seeds, and never by test data."""

from __future__ import annotations

import json
import math
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import bench
from bench.errors import OptionError
from bench.execution.execution import Execution
from bench.results.frames import Results
from bench.store import contents
from bench.store.contents import Contents
from bench.store.run_folder import Store
from bench.studies.tuning import Halving, Protocol

PLUGINS = Path(__file__).parent.parent / "plugins"
UNDECIDED, BLOBS = str(PLUGINS / "undecided.py"), str(PLUGINS / "blobs.py")
HERE = Execution(backend="sequential", device="cpu")
QUICK: dict[str, Any] = {
    "dataset": BLOBS,
    "z": 2,
    "hidden": 8,
    "budget": 400,
    "likelihood": "importance[num_samples=20]",
    "likelihood_points": 20,
}


def run(out: Path, **asked: object) -> Results:
    return bench.run(out=out, execution=HERE, quiet=True, **{**QUICK, **asked})


def tuning_trials(results: Results) -> list[Contents]:
    folders = Store(results.path).tuning.path.joinpath("trials").iterdir()
    return [contents.read(Store(results.path).tuning.trial(folder.name)) for folder in sorted(folders)]


def test_the_paper_s_choice_is_that_of_all_seeds_together(tmp_path: Path) -> None:
    """A level of 2 costs every seed 1; one that is right for a half of the seeds costs the others 4."""
    results = run(tmp_path / "run", algos=UNDECIDED, seeds=6)
    alone = [each.record.tuning for each in tuning_trials(results)]
    assert {each.chosen["level"] for each in alone if each is not None} == {"1", "3"}, "otherwise nothing is shown"
    assert results.trials["chosen"].tolist() == ["level=2"] * 6
    assert results.trials["tune"].tolist() == ["paper"] * 6
    assert results.trials["tuning_samples"].tolist() == [6 * 3 * 5000] * 6
    objectives = bench.load(results.path).trace.groupby("seed")["objective"].last()
    assert set(objectives) == {-1.0}


def test_a_choice_stands_for_seeds_that_are_added_later(tmp_path: Path) -> None:
    first = run(tmp_path / "run", algos=UNDECIDED, seeds=[0])
    (level,) = first.trials["chosen"]
    before = sorted(folder.name for folder in (first.path / "tuning" / "trials").iterdir())
    later = run(tmp_path / "run", algos=UNDECIDED, seeds=6)
    assert later.trials["chosen"].tolist() == [level] * 6
    assert sorted(folder.name for folder in (first.path / "tuning" / "trials").iterdir()) == before


@pytest.mark.parametrize("num_candidates", range(2, 20))
def test_halving_spends_what_it_may_and_no_more(num_candidates: int) -> None:
    rounds = Halving(samples=100_000).rounds(num_candidates)
    counts, samples = zip(*rounds, strict=True)
    assert counts[0] == num_candidates
    assert counts[-1] == 2
    for (more, earlier), (fewer, later) in pairwise(rounds):
        assert (fewer, later) == (math.ceil(more / 2), 2 * earlier)
    spent = sum(count * (now - before) for (count, now), before in zip(rounds, (0, *samples), strict=False))
    assert 0.9 * 100_000 < spent <= 100_000


def test_rounds_that_are_one_and_the_same_update_are_refused() -> None:
    Halving(samples=800).check("mine", 12, 40)  # 25 samples in the first round, 50 in the second: two updates
    with pytest.raises(OptionError, match=r"`samples` of halving must be at least 1632 for mine \(got 800\)"):
        Halving(samples=800).check("mine", 12, 100)
    Halving(samples=1632).check("mine", 12, 100)
    Halving(samples=100).check("mine", 2, 10_000)  # a single round
    study = bench.Study(algos=("aevb[batch_size=all]",), tune="halving[samples=1000]")
    with pytest.raises(OptionError, match="twice as many are still one update of 1500"):
        study.expand(study.load_data())


WIDE = """
from bench.architectures.mlp import MLP, MLPOptions
from dataclasses import dataclass
from bench import option

@dataclass(frozen=True)
class Options(MLPOptions):
    depth: object = option("auto", "layers", candidates=(1, 2))

class Wide(MLP):
    Options = Options
"""


def test_options_of_networks_and_data_are_not_chosen(tmp_path: Path) -> None:
    (tmp_path / "wide.py").write_text(WIDE.replace("object", 'int | __import__("typing").Literal["auto"]'))
    study = bench.Study(model=str(tmp_path / "wide.py"))
    with pytest.raises(OptionError, match=r"`depth` of wide\S* must be given, since --tune chooses hyperparameters of"):
        study.expand(study.load_data())


ESTIMATOR = "importance[num_samples=20,proposal=encoder]"
HALVED: dict[str, Any] = {
    "algos": ["aevb[batch_size=20]", "wakesleep[batch_size=20,optimiser=adam]"],
    "z": [1, 2],
    "seeds": 2,
    "tune": "halving[samples=6000,points=30]",
    "likelihood": ESTIMATOR,
}


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two algorithms whose best step size is the largest candidate: after so few samples, more is better."""
    return run(tmp_path_factory.mktemp("halved") / "run", **HALVED)


def test_halving_chooses_for_a_cell_what_trained_best_on_held_out_data(halved: Results) -> None:
    assert (halved.trials["status"] == "done").all()
    assert halved.trials.groupby(["algorithm", "z"])["chosen"].nunique().tolist() == [1] * 4
    assert set(halved.trials["chosen"]) == {"learning_rate=0.1", "learning_rate=0.003"}
    assert (halved.trials["learning_rate"] == [float(text.partition("=")[2]) for text in halved.trials["chosen"]]).all()
    assert set(halved.trials["tune"]) == {"halving[samples=6000,points=30]"}


def test_halving_gives_every_algorithm_the_same_samples(halved: Results) -> None:
    """Two seeds: three candidates for 1200 samples each, two of them for 1200 more."""
    assert set(halved.trials["tuning_samples"]) == {2 * (3 * 1200 + 2 * 1200)}
    for each in (Store(halved.path).trial(trial).read_status().tuning for trial in halved.trials["trial"]):
        assert each is not None
        assert sorted(each.seen.values()) == [1200, 2400, 2400]
        best, *_ = sorted(each.objectives, key=lambda name: -each.objectives[name])
        assert best == f"learning_rate={each.chosen['learning_rate']}"
        (least,) = [name for name, seen in each.seen.items() if seen == 1200]
        assert each.objectives[least] == min(each.objectives.values())


def test_halving_scores_are_estimates_on_training_points_that_were_held_out(halved: Results) -> None:
    """The mean over the tuning seeds of what the trials of a candidate estimated; no test point is seen."""
    trials = tuning_trials(halved)
    seeds = {each.spec.seed for each in trials if each.spec is not None}
    assert seeds.isdisjoint(halved.trials["seed"])
    assert len(seeds) == 2
    for each in trials:
        assert each.spec is not None
        data, whole = each.spec.load_data(), bench.Study(dataset=BLOBS).load_data()
        assert (len(data.x_train), len(data.x_test)) == (170, 30)
        assert torch.equal(torch.cat([data.x_train, data.x_test]), whole.x_train)
        assert [(e.split, e.num_points) for e in each.estimates] == [("test", 30)]
    first = Store(halved.path).trial(halved.trials["trial"].iloc[0])
    spec, tuning = first.read_spec(), first.read_status().tuning
    assert tuning is not None
    estimates: dict[float, list[float]] = {}
    for each in trials:
        assert each.spec is not None
        if (each.spec.algorithm.plugin, each.spec.z) == (spec.algorithm.plugin, spec.z):
            rate = dict(each.spec.algorithm.settings)["learning_rate"]
            estimates.setdefault(rate, []).append(each.estimates[0].log_likelihood)
    expected = {f"learning_rate={rate:g}": sum(values) / 2 for rate, values in estimates.items()}
    assert tuning.objectives == pytest.approx(expected)


def test_scoring_is_counted_beside_training_in_every_round(halved: Results) -> None:
    """Two seeds: 3 candidates are scored after the first round, 2 after the second, by 20 draws of 30 points each."""
    rows = halved.tuning.drop_duplicates(["algorithm", "z"])
    one = bench.estimate_log_likelihood(halved.models[0][0].model, torch.zeros(30, 12), ESTIMATOR).model_evaluations
    assert one >= 20 * 30
    assert set(rows["scoring_model_evaluations"]) == {2 * (3 + 2) * one}
    assert (rows["scoring_seconds"] > 0).all()
    last = [sum(estimate.seconds for each in tuning_trials(halved) for estimate in each.estimates)]
    assert rows["scoring_seconds"].sum() > sum(last), "the estimates of the first round were made too"
    (written,) = bench.report(halved.path, "tuning", "md", quiet=True)["tuning"]
    text = written.read_text()
    assert "model evaluations of scoring" in text
    assert "seconds of scoring" in text


def test_a_second_time_there_is_nothing_to_choose(halved: Results) -> None:
    folder = halved.path / "tuning" / "trials"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}
    again = run(halved.path, **HALVED)
    assert again.trials["chosen"].tolist() == halved.trials["chosen"].tolist()
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}


def test_a_candidate_that_diverges_is_not_chosen(tmp_path: Path) -> None:
    """An algorithm whose largest candidate blows up at once, and whose smallest learns nothing."""
    plugin = tmp_path / "extreme.py"
    plugin.write_text(
        "from dataclasses import dataclass\nfrom typing import Literal\n"
        "from bench import option\nfrom bench.algorithms.aevb import AEVB, AEVBHyperparameters\n\n"
        "@dataclass(frozen=True)\nclass Options(AEVBHyperparameters):\n"
        "    learning_rate: float | Literal['auto'] = option('auto', 'step', candidates=(1e6, 1e-6, 0.1))\n\n"
        "class Extreme(AEVB):\n    '''AEVB.'''\n\n    Options = Options\n"
    )
    results = run(tmp_path / "run", algos=str(plugin), seeds=1, tune="halving[samples=5000,seeds=1]")
    (tuning,) = [Store(results.path).trial(trial).read_status().tuning for trial in results.trials["trial"]]
    assert tuning is not None
    assert tuning.chosen == {"learning_rate": "0.1"}
    assert tuning.objectives["learning_rate=1e+06"] == -math.inf
    assert results.trials["status"].tolist() == ["done"]


@pytest.mark.parametrize(
    ("tune", "error", "where", "status"),
    [
        ("paper[samples=200]", "RuntimeError('no luck')", "True", "failed"),
        (
            "halving[samples=1000,seeds=1,points=10]",
            "WriteFailed('no luck', 'full')",
            "self.hyperparameters.learning_rate == 0.1",
            "crashed",
        ),
    ],
)
def test_nothing_is_chosen_by_trials_that_failed_and_a_repaired_cause_leaves_no_trace(
    tune: str, error: str, where: str, status: str, tmp_path: Path
) -> None:
    """All candidates fail, or the machine fails with the best one, as long as there is a certain file."""
    plugin, cause = tmp_path / "unlucky.py", tmp_path / "cause"
    plugin.write_text(
        "from dataclasses import dataclass\nfrom pathlib import Path\nfrom typing import Literal\n"
        "from bench import option\nfrom bench.algorithms.aevb import AEVB, AEVBHyperparameters\n"
        "from bench.errors import WriteFailed\n\n"
        "@dataclass(frozen=True)\nclass Options(AEVBHyperparameters):\n"
        "    learning_rate: float | Literal['auto'] = option('auto', 'step', candidates=(1e-6, 1e-5, 0.1))\n\n"
        "class Unlucky(AEVB):\n    '''AEVB.'''\n\n    Options = Options\n\n"
        "    def step(self, batch):\n        '''Unless there is a cause.'''\n"
        f"        if Path({str(cause)!r}).exists() and {where}:\n            raise {error}\n"
        "        return super().step(batch)\n"
    )
    asked: dict[str, Any] = {"algos": str(plugin), "seeds": 1, "tune": tune}
    undisturbed = run(tmp_path / "undisturbed", **asked)
    cause.touch()
    unlucky = run(tmp_path / "run", **asked)
    assert unlucky.trials[["status", "chosen"]].to_numpy().tolist() == [[status, ""]]
    (reason,) = unlucky.trials["reason"]
    assert reason.startswith("While its hyperparameters were chosen: ")
    assert "no luck" in reason
    cause.unlink()
    repaired = run(tmp_path / "run", **asked)
    assert repaired.trials["chosen"].tolist() == undisturbed.trials["chosen"].tolist() == ["learning_rate=0.1"]
    assert repaired.likelihoods["log_likelihood"].tolist() == undisturbed.likelihoods["log_likelihood"].tolist()


def test_a_halving_that_is_resumed_ends_like_one_that_was_not(tmp_path: Path) -> None:
    """The winner of the first round spoils its model in the second, where the machine fails with another candidate."""
    plugin, cause = tmp_path / "spoiling.py", tmp_path / "cause"
    plugin.write_text(
        "from dataclasses import dataclass\nfrom pathlib import Path\nfrom typing import Literal\n\n"
        "import torch\n\nfrom bench import option\nfrom bench.algorithms.aevb import AEVB, AEVBHyperparameters\n"
        "from bench.errors import WriteFailed\n\n"
        "@dataclass(frozen=True)\nclass Options(AEVBHyperparameters):\n"
        "    learning_rate: float | Literal['auto'] = option('auto', 'step', candidates=(1e-6, 1e-5, 0.1, 0.05))\n\n"
        'class Spoiling(AEVB):\n    """AEVB."""\n\n    Options = Options\n\n'
        "    def step(self, batch):\n        info = super().step(batch)\n"
        "        rate = self.hyperparameters.learning_rate\n"
        "        if rate == 1e-6:\n            raise ArithmeticError('a candidate that always fails')\n"
        "        if self.samples > 400 and rate == 0.1:\n"
        "            with torch.no_grad():\n"
        "                for parameter in self.model.decoder.parameters():\n                    parameter.fill_(5.0)\n"
        f"        if self.samples > 400 and rate == 0.05 and Path({str(cause)!r}).exists():\n"
        "            raise WriteFailed('no luck', 'full')\n"
        "        return info\n"
    )
    asked: dict[str, Any] = {"algos": str(plugin), "seeds": 1, "tune": "halving[samples=2400,seeds=1,points=10]"}
    undisturbed = run(tmp_path / "undisturbed", **asked)
    cause.touch()
    assert run(tmp_path / "run", **asked).trials["status"].tolist() == ["crashed"]
    cause.unlink()
    resumed = run(tmp_path / "run", **asked)
    first, second = (Store(each.path).trial(each.trials["trial"].iloc[0]) for each in (undisturbed, resumed))
    tuning = first.read_status().tuning
    assert tuning is not None
    assert tuning.chosen == {"learning_rate": "0.05"}
    assert [name for name, seen in tuning.seen.items() if seen == 800] == ["learning_rate=0.1", "learning_rate=0.05"]
    again = second.read_status().tuning
    assert again is not None
    assert (again.objectives, again.seen, again.samples) == (tuning.objectives, tuning.seen, tuning.samples)
    assert again.scoring_model_evaluations == tuning.scoring_model_evaluations


@pytest.mark.parametrize(
    ("name", "what"),
    [("spec.json", "folder"), ("status.json", "file"), ("checkpoint.safetensors", "folder"), ("", "file")],
)
def test_a_trial_of_a_choice_that_is_damaged_is_made_anew(name: str, what: str, tmp_path: Path) -> None:
    """Each of its files, or its folder, is replaced by a file or a folder that says nothing; and no trial has begun."""
    asked: dict[str, Any] = {"algos": UNDECIDED, "seeds": 1, "tune": "paper[samples=200]"}
    first = run(tmp_path / "run", **asked)
    (folder,) = (first.path / "tuning" / "trials").iterdir()
    shutil.rmtree(first.path / "trials")
    place = folder / name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    if what == "file":
        place.write_text("something else")
    else:
        place.mkdir()
        (place / "content").touch()
    again = run(tmp_path / "run", **asked)
    assert again.trials[["status", "chosen"]].equals(first.trials[["status", "chosen"]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "halfing",
            "`tune` is auto, or the name of a protocol with its options in brackets (got 'halfing'). Did you mean",
        ),
        ("halving[samples=1]", "`samples` of halving must be an integer of at least 100 (got '1')"),
        ("paper[seeds=2]", "paper has no option 'seeds'"),
    ],
)
def test_protocols_that_are_none_are_one_message(text: str, words: str) -> None:
    with pytest.raises(bench.errors.OptionError) as refused:
        Protocol.parse(text)
    assert words in str(refused.value)


def test_the_default_is_halving_unless_that_costs_more_than_training(tmp_path: Path) -> None:
    """And a larger budget does not change the protocol of a run folder: it extends its trials."""
    assert bench.Study(budget=200_000).settled().tune == "halving"
    assert bench.Study(budget=199_999).settled().tune == "paper"
    assert bench.Study(budget=1000).settled("halving[samples=500]").tune == "halving[samples=500]"
    assert bench.Study(budget=1000, tune="fixed").settled("paper").tune == "fixed"
    first = run(tmp_path / "run", algos=UNDECIDED, seeds=1)
    assert first.trials["tune"].tolist() == ["paper"]
    extended = run(tmp_path / "run", algos=UNDECIDED, seeds=1, budget=200_000)
    assert extended.trials[["trial", "tune", "samples"]].to_numpy().tolist() == [
        [first.trials["trial"].iloc[0], "paper", 200_000]
    ]
    with pytest.raises(bench.errors.StoreError, match="tune is paper there and halving here"):
        run(tmp_path / "run", algos=UNDECIDED, seeds=1, tune="halving")
    (first.path / "study.toml").write_text("damage")
    again = run(tmp_path / "run", algos=UNDECIDED, seeds=1, budget=300_000)
    assert again.trials[["trial", "samples"]].to_numpy().tolist() == [[first.trials["trial"].iloc[0], 300_000]]


def test_fixed_chooses_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        bench.errors.OptionError, match=r"`tune` is fixed, and aevb leaves learning_rate open: give aevb\["
    ):
        run(tmp_path / "run", algos="aevb", tune="fixed")
    assert not (tmp_path / "run").exists()
    results = run(tmp_path / "run", algos="aevb[learning_rate=0.1]", tune="fixed", seeds=1)
    assert results.trials["tune"].tolist() == ["given"]
    assert not (tmp_path / "run" / "tuning").exists()


def test_what_is_kept_of_a_choice_can_be_read_as_json(halved: Results) -> None:
    status = json.loads((halved.path / "trials" / halved.trials["trial"].iloc[0] / "status.json").read_text())
    tuning = status["tuning"]
    assert set(tuning) == {
        *("chosen", "objectives", "seen", "rounds", "samples", "model_evaluations", "seconds"),
        *("scoring_model_evaluations", "scoring_seconds"),
    }


def test_the_scores_of_all_rounds_are_kept(halved: Results) -> None:
    """So that all candidates can be compared after equally many samples; the last score is the one of before."""
    rows = halved.tuning.drop_duplicates(["algorithm", "z", "candidate", "score_samples"])
    for _, cell in rows.groupby(["algorithm", "z"]):
        assert sorted(cell["score_samples"]) == [1200, 1200, 1200, 2400, 2400]
        first = cell[cell["score_samples"] == 1200].sort_values("score")
        assert first["last_round"].tolist() == [True, False, False]
        assert cell.loc[cell["score_samples"] == 2400, "last_round"].all()
    trial = halved.trials["trial"].iloc[0]
    tuning = Store(halved.path).trial(trial).read_status().tuning
    assert tuning is not None
    last = halved.tuning[(halved.tuning["trial"] == trial) & halved.tuning["last_round"].astype(bool)]
    assert dict(zip(last["candidate"], last["score"], strict=True)) == tuning.objectives
