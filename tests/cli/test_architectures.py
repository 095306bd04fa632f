"""Architectures on the command line: which data and latent sizes they are for, and a user's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Bench = Callable[..., subprocess.CompletedProcess[str]]
SHORT = ("--algos", "aevb[learning_rate=0.02]", "--seeds", "1", "--budget", "200", "--out", "runs/a")
HERE = ("--backend", "sequential", "--device", "cpu", "--likelihood", "importance[num_samples=10]")
HERE = (*HERE, "--likelihood-points", "20", "--eval-points", "20")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--dataset", "ppca", "--model", "conv"],
            "at least 4 x 4 pixels (got 1 x 16 values per datapoint)",
        ),
        (
            ["--dataset", "digits", "--model", "hierarchical", "--z", "5,1"],
            "with z = 1, since it divides z between two",
        ),
        (["--model", "hierarchical[top=3]", "--z", "3"], "needs more than 3 latent dimensions (got 3)"),
        (["--model", "conv[channels=0]"], "`channels` of conv must be an integer of at least 1"),
    ],
)
def test_what_does_not_suit_is_refused_before_anything_is_made(
    bench: Bench, tmp_path: Path, arguments: list[str], words: str
) -> None:
    said = bench("run", *arguments, *SHORT, *HERE, code=2).stderr
    assert words in " ".join(said.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("model", ["conv[channels=2]", "hierarchical"])
def test_trained_estimated_and_reported(bench: Bench, tmp_path: Path, model: str) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((60, 7, 6)))
    run = bench("run", "--dataset", "x.npy", "--model", model, "--hidden", 10, "--z", 2, *SHORT, *HERE)
    assert "failed" not in run.stdout
    finer = ("--likelihood", "ais[num_steps=5,num_chains=2]", "--points", 5, "--backend", "sequential")
    bench("estimate", "runs/a", *finer)
    assert "ais" in bench("export", "runs/a", "--what", "likelihoods", "--format", "csv").stdout


MINE = """
import torch
from torch import nn

from bench import Architecture
from bench.models.initialisation import draw_he_weights


class Rows(nn.Module):
    '''x [..., D] -> (mean, log-variance), by one linear map per row of the image.'''

    def __init__(self, image_shape, latent_size):
        super().__init__()
        self.image_shape, self.by_row = image_shape, nn.Linear(image_shape[1], 2 * latent_size)

    def forward(self, x):
        mean, log_variance = self.by_row(x.unflatten(-1, self.image_shape)).mean(-2).chunk(2, -1)
        return mean, log_variance.clamp(-10, 10)


class Logits(nn.Module):
    '''z [..., d] -> logits [..., D].'''

    def __init__(self, latent_size, num_pixels):
        super().__init__()
        self.out = nn.Linear(latent_size, num_pixels)

    def forward(self, z):
        return self.out(z), None


class Mine(Architecture):
    '''Rows of the image, averaged.'''

    def refusal(self, shape):
        return "needs images" if shape.image_shape is None else "models at most 100 pixels" * (shape.num_pixels > 100)

    def encoder_network(self, shape, generator):
        return draw_he_weights(Rows(shape.image_shape, shape.latent_size), generator)

    def decoder_network(self, shape, generator):
        return draw_he_weights(Logits(shape.latent_size, shape.num_pixels), generator)
"""


def test_a_users_own_may_use_the_shape_of_images_and_refuse(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    run = bench("run", "--dataset", "digits", "--model", "./mine.py", "--z", 2, *SHORT, *HERE)
    assert "failed" not in run.stdout
    (tmp_path / "mine.py").write_text(MINE.replace("> 100", "> 10"))
    said = bench(
        "run", "--dataset", "digits", "--model", "./mine.py", "--z", 3, *SHORT[:-1], "runs/b", *HERE, code=2
    ).stderr
    assert "mine does not suit digits with z = 3, since it models at most 100 pixels" in " ".join(said.split())


PAIR = "return self.out(z), None"
DECODER = "`decoder_network` of mine must return a network that maps a tensor [3, 2, 2] to a tuple of locations "
ENCODER = "`encoder_network` of mine must return a network that maps a tensor [2, 64] to a tuple of locations "
NO_SCALE, SCALE = f"{DECODER}[3, 2, 64] and None", f"{ENCODER}[2, 2] and log-variances [2, 2]"


@pytest.mark.parametrize(
    ("change", "expected", "got"),
    [
        ((PAIR, "return self.out(z)"), NO_SCALE, "Tensor [3, 2, 64])."),
        (
            ("Linear(latent_size, num_pixels)", "Linear(latent_size, 7)"),
            NO_SCALE,
            "a tuple of (Tensor [3, 2, 7], NoneType",
        ),
        ((PAIR, "return 2 * (self.out(z),)"), NO_SCALE, "a tuple of (Tensor [3, 2, 64], Tensor"),
        ((PAIR, "return self.out(z.flatten(0, -2)), None"), NO_SCALE, "a tuple of (Tensor [6, 64], NoneType"),
        (("return mean, log_variance", "return mean; log_variance"), SCALE, "Tensor [2, 2])."),
        (("2 * latent_size)", "4 * latent_size)"), SCALE, "a tuple of (Tensor [2, 4], Tensor [2, 4]))."),
    ],
)
def test_networks_that_break_the_contract_are_named(
    bench: Bench, tmp_path: Path, change: tuple[str, str], expected: str, got: str
) -> None:
    (tmp_path / "mine.py").write_text(MINE.replace(*change))
    said = bench("run", "--dataset", "digits", "--model", "./mine.py", "--z", 2, *SHORT, *HERE, code=3)
    assert f"{expected} (got {got}" in " ".join((said.stdout + said.stderr).split())
