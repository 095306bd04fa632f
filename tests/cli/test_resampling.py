"""Training points that each seed draws for itself: through the command line, on data with a standard split."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import bench as library
from bench.errors import OptionError
from bench.execution.setup import trained_model
from bench.store.run_folder import Store
from bench.studies.study import Study

Bench = Callable[..., subprocess.CompletedProcess[str]]

# The value of a training image is its number, over 100; the split is the same for all seeds.
NUMBERED = '''
"""Numbered images."""
import torch
from bench.dataset import Data, Dataset

class Numbered(Dataset):
    """Numbered images."""
    hidden = 5
    def load(self, generator):
        x = (torch.arange(100) / 100)[:, None].expand(100, 4).contiguous()
        return Data(x, x[:20].clone(), (2, 2), "bernoulli", pixels="numbers", labels_train=torch.arange(100))
'''
RUN = (
    *("run", "--dataset", "./numbered.py", "--algos", "aevb[learning_rate=0.05]", "--z", "2", "--n-train", "30"),
    *("--seeds", "2", "--budget", "200", "--likelihood", "importance[num_samples=5]", "--backend", "sequential"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "numbered.py").write_text(NUMBERED)
    return tmp_path


def rows(study: Study, seed: int) -> list[int]:
    """The numbers of the images that a seed is trained on."""
    spec = next(spec for spec in study.expand(study.load_data()) if spec.seed == seed)
    data = spec.load_data()
    numbers = [round(float(x) * 100) for x in data.x_train[: spec.n_train, 0]]
    assert data.labels_train is not None
    assert data.labels_train[: spec.n_train].tolist() == numbers  # labels go with their images
    return numbers


def test_each_seed_trains_on_points_of_its_own(folder: Path) -> None:
    asked = {"dataset": str(folder / "numbered.py"), "algos": "aevb", "n_train": 30, "seeds": 2}
    same, own = Study(**asked), Study(**asked, resample_train=True)  # type: ignore[arg-type]
    assert rows(same, 0) == rows(same, 1) == list(range(30))
    drawn = rows(own, 0), rows(own, 1)
    assert len(set(drawn[0])) == len(set(drawn[1])) == 30  # without replacement
    assert set(drawn[0]) != set(drawn[1])
    assert max(drawn[0]) > 60  # of all the training data, not of the first ones
    assert {spec.id for spec in own.expand(own.load_data())}.isdisjoint(s.id for s in same.expand(same.load_data()))


def test_all_algorithms_have_the_same_points_and_fewer_are_the_first_of_more(folder: Path) -> None:
    asked = {"dataset": str(folder / "numbered.py"), "algos": "aevb,vqvae", "n_train": "30,50", "resample_train": True}
    study = Study(**asked)  # type: ignore[arg-type]
    specs = [spec for spec in study.expand(study.load_data()) if spec.seed == 1]
    small, same, large, _ = (spec.load_data().x_train[: spec.n_train, 0].tolist() for spec in specs)
    assert small == same == large[:30]


def test_tables_say_that_intervals_are_over_training_data(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    bench(*RUN, "--resample-train", "--out", "own")
    asked = {"algos": "aevb[learning_rate=0.05]", "z": 2, "n_train": 30, "seeds": 2, "budget": 200, "quiet": True}
    asked |= {"likelihood": "importance[num_samples=5]", "execution": library.Execution(backend="sequential")}
    library.run(dataset="./numbered.py", out="same", **asked)
    words = {name: said(folder, name) for name in ("own", "same")}
    assert words["own"] == "seeds and 20 test points; training data drawn by seed"
    shown = " ".join(bench("report", "own", "--only", "convergence").stdout.split())
    assert "intervals over: seeds; training data drawn by seed" in shown
    assert words["same"] == "seeds and 20 test points; same training data"
    trials = library.load(folder / "own").trials
    assert trials["data"].nunique() == 2
    assert trials["data_version"].nunique() == 1  # the data set is the same
    again = library.run(dataset="./numbered.py", out="own", resample_train=True, **asked)
    assert again.changed_since == {}  # it is not taken for another version of the data
    assert again.trials["samples_per_second"].tolist() == trials["samples_per_second"].tolist()  # nor run again
    assert "resample_train is False there and True here" in bench(
        *RUN, "--resample-train", "--out", "same", code=2
    ).stderr.replace("\n", " ")


def said(folder: Path, name: str) -> str:
    library.report(folder / name, "log_likelihood", "md", quiet=True)
    table = (folder / name / "report" / "tables" / "log_likelihood.md").read_text()
    return next(cell.strip() for cell in table.splitlines()[2].split("|") if cell.strip().startswith("seeds and"))


def test_figures_of_models_have_the_data_that_they_were_trained_on(bench: Bench, folder: Path) -> None:
    bench(*RUN, "--resample-train", "--out", "own")
    models, missing = library.load(folder / "own", trust=True).models
    assert not missing
    store = Store.open(folder / "own")
    trial = next(each for each in store.read().trials if each.labels.seed == models[0].seed)
    assert trial.contents.spec is not None
    assert models[0].data.fingerprint() == trial.contents.spec.load_data().fingerprint()
    assert trained_model(trial.contents.spec, trial.folder, models[0].data, models[0].data.x_train.device)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--n-train", "100"), "has no more than 100: give an --n-train below that"),
        (("--n-train", "101"), "at most 100"),
    ],
)
def test_there_must_be_something_to_draw(bench: Bench, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in " ".join(bench(*RUN, *arguments, "--resample-train", "--out", "run", code=2).stderr.split())
    assert not (folder / "run").exists()


def test_its_value_is_checked() -> None:
    with pytest.raises(OptionError, match="`resample_train` must be true or false"):
        Study(resample_train="often")  # type: ignore[arg-type]
