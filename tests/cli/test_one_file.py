"""Adding a plugin takes one file, a user's or one in the shipped folder; nothing else is edited."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bench as library
from bench import plugins

ROOT = Path(__file__).parents[2]
SMALL = ["--seeds", "1", "--z", "2", "--budget", "600", "--eval-points", "50", "--likelihood-points", "5"]
SMALL += ["--backend", "sequential", "--device", "cpu", "--tune", "paper[samples=200]"]

LAPLACE = '''
"""Pixels with a Laplace distribution."""

import math
from dataclasses import dataclass

import torch

from bench import ObservationModel, option


@dataclass(frozen=True)
class Options:
    """Options of `laplace`."""

    scale: float = option(0.5, "mean absolute deviation of every pixel", above=0)


class Laplace(ObservationModel):
    """Each pixel has a Laplace distribution of one scale; the network outputs its mean."""

    Options = Options
    location_is = "mean"

    def log_prob(self, x, location, log_variance):
        return -((x - location).abs() / self.options.scale + math.log(2 * self.options.scale)).sum(-1)

    def mean(self, location, log_variance):
        return location

    def sample(self, location, log_variance, generator):
        uniform = torch.rand(location.shape, generator=generator, device=location.device, dtype=location.dtype) - 0.5
        return location - self.options.scale * uniform.sign() * torch.log1p(-2 * uniform.abs())

    def refusal(self, x):
        return "needs values up to 7 (got more)" if x.max() > 7 else ""
'''

WIDE = '''
"""One hidden layer of rectified units."""

from dataclasses import dataclass

from torch import nn

from bench import Architecture, option
from bench.models.initialisation import draw_he_weights


@dataclass(frozen=True)
class Options:
    """Options of `wide`."""

    hidden: int = option(30, "units in the hidden layer", minimum=1)


class Two(nn.Module):
    """Two outputs, the second within bounds; or one, and None."""

    def __init__(self, inputs, hidden, outputs, second, squash=False):
        super().__init__()
        self.hidden, self.location = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
        self.second = nn.Linear(hidden, outputs) if second else None
        self.squash = squash

    def forward(self, inputs):
        hidden = self.hidden(inputs).relu()
        location = self.location(hidden).sigmoid() if self.squash else self.location(hidden)
        return location, None if self.second is None else self.second(hidden).clamp(-9, 9)


class Wide(Architecture):
    """One hidden layer of rectified units."""

    Options = Options

    def decoder_network(self, shape, generator):
        second = shape.observation_model.has_log_variance
        network = Two(shape.latent_size, self.options.hidden, shape.num_pixels, second, squash=shape.squash)
        return draw_he_weights(network, generator)

    def encoder_network(self, shape, generator):
        return draw_he_weights(Two(shape.num_pixels, self.options.hidden, shape.latent_size, True), generator)
'''

PLAIN = '''
"""Importance sampling from the prior."""

from dataclasses import dataclass

import torch

from bench import Estimate, Estimator, option


@dataclass(frozen=True)
class Options:
    """Options of `plain`."""

    num_samples: int = option(100, "draws from the prior", minimum=2)


class Plain(Estimator):
    """The mean of p(x|z) over draws from the prior: a lower bound on log p(x) in expectation."""

    Options = Options

    def log_likelihood(self, model, x, generator):
        with torch.no_grad():
            z = model.sample_prior(self.options.num_samples, generator)
            log_w = model.decoder.log_prob_of_pairs(x, z).double()
        mean = log_w.logsumexp(1) - torch.tensor(self.options.num_samples).log()
        error = (log_w - mean[:, None]).exp().std(1) / self.options.num_samples**0.5
        return Estimate(mean, error, "lower", model_evaluations=self.options.num_samples)
'''

STRIPES = '''
"""Binary stripes."""

import torch

from bench import Data, Dataset


class Stripes(Dataset):
    """Images of 4 x 4 with one stripe."""

    hidden = 9

    def load(self, generator):
        rows = torch.randint(4, (130,), generator=generator)
        x = torch.zeros(130, 4, 4)
        x[torch.arange(130), rows] = 1
        return Data(x.flatten(1)[:100], x.flatten(1)[100:], (4, 4), "bernoulli", pixels="binary")
'''

# By kind: its option of `bench run`, its shipped folder, the file, and options in brackets.
FILES = {
    "decoder": ("--decoder", "bench/models/observations", "laplace", LAPLACE, "[scale=0.3]"),
    "model": ("--model", "bench/architectures", "wide", WIDE, "[hidden=12]"),
    "estimator": ("--likelihood", "bench/estimators", "plain", PLAIN, "[num_samples=50]"),
    "dataset": ("--dataset", "datasets", "stripes", STRIPES, ""),
}


def shown(run: Path, kind: str) -> str:
    """How the frames of a run name what was used."""
    results = library.load(run)
    assert (results.trials["status"] == "done").all()
    assert results.likelihoods["log_likelihood"].map(math.isfinite).all()
    return str((results.likelihoods if kind == "estimator" else results.trials)[kind].iloc[0])


@pytest.mark.parametrize("kind", FILES)
def test_a_users_file_is_all_it_takes(bench: Callable[..., object], tmp_path: Path, kind: str) -> None:
    option, _, name, source, brackets = FILES[kind]
    (tmp_path / f"{name}.py").write_text(source)
    asked = {"--dataset": "digits", "--likelihood": "importance[num_samples=20]", option: f"./{name}.py{brackets}"}
    command = ["run", "--algos", "aevb[learning_rate=0.01]", *SMALL, "--out", "run"]
    bench(*command, *(part for pair in asked.items() for part in pair))
    assert shown(tmp_path / "run", kind) == f"{name}{brackets}"
    bench("report", "run", "--only", "samples,log_likelihood")


def test_a_users_observation_model_serves_every_algorithm_and_estimator(
    bench: Callable[..., object], tmp_path: Path
) -> None:
    """It relies on the generic gradients, pairs and samples."""
    (tmp_path / "laplace.py").write_text(LAPLACE)
    careful = ",".join(f"{name}[learning_rate=0.01]" for name in ("aae", "iwae", "rws", "vralpha"))
    command = [
        "run",
        "--algos",
        f"aevb,wakesleep,mcem[batch_size=100],fullvb,vqvae,vimco,betavae,flowvae,svi,semiamortized,hmcvae,{careful}",
        *SMALL,
        "--out",
        "run",
    ]
    command += ["--decoder", "./laplace.py", "--likelihood", "importance[num_samples=20],ais[num_steps=5]"]
    command += ["--budget", "300", "--likelihood-points", "2"]
    bench(*command)
    results = library.load(tmp_path / "run")
    assert (results.trials["status"] == "done").all()
    assert results.likelihoods["log_likelihood"].map(math.isfinite).all()
    assert len(results.likelihoods) == 13 * 2 + 2  # ais requires continuous z
    (tmp_path / "x.csv").write_text("1,2,3,8\n" * 9)
    refused = bench("run", "--dataset", "file[path=x.csv,likelihood=./laplace.py]", "--out", "no", code=2)
    assert "laplace.py, which needs values up to 7 (got more)" in refused.stderr  # type: ignore[attr-defined]
    assert not (tmp_path / "no").exists()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout's folders, each with one more file."""
    top = tmp_path_factory.mktemp("checkout")
    for folder in ("bench", "algorithms", "datasets", "reports"):
        shutil.copytree(ROOT / folder, top / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for _, folder, name, source, _ in FILES.values():
        (top / folder / f"{name}.py").write_text(source)
    return top


def test_a_file_in_the_shipped_folder_is_all_it_takes(checkout: Path, tmp_path: Path) -> None:
    names = {kind: f"{name}{brackets}" for kind, (_, _, name, _, brackets) in FILES.items()}
    options = [part for kind, (option, *_) in FILES.items() for part in (option, names[kind])]
    for arguments in (["run", "--algos", "aevb[learning_rate=0.01]", *SMALL, *options, "--out", "run"], ["list"]):
        finished = subprocess.run(
            [sys.executable, "-P", "-m", "bench", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
    for kind, name in names.items():
        assert shown(tmp_path / "run", kind) == name
        assert f"  {FILES[kind][2]} " in finished.stdout
    assert not any(FILES[kind][2] in plugins.find(kind) for kind in FILES)  # nothing was added here
