"""`bench profile`: where the time of a step goes, and how good its gradients are."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., subprocess.CompletedProcess[str]]

QUICK = ("--after", 300, "--z", 2, "--model", "mlp[hidden=8]", "--repeats", 32)
AEVB, IWAE = "aevb[learning_rate=0.02]", "iwae[learning_rate=0.02]"
MINE = '''
import torch

from bench import Algorithm, Hyperparameters, StepInfo


class Mine(Algorithm):
    """AEVB with two draws, counted as one."""

    Options = Hyperparameters

    def setup(self, problem, generator):
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch):
        bound = self.model.elbo(batch.x, self.generator, 2).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
'''


def rows(profile: dict[str, Any], frame: str, **where: object) -> list[dict[str, Any]]:
    return [row for row in profile[frame] if all(row[key] == value for key, value in where.items())]


def test_an_own_algorithm_beside_a_reference(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    shown = bench("profile", "./mine.py[learning_rate=0.02]", "--beside", AEVB, *QUICK).stdout
    assert "mine[learning_rate=0.02]" in shown
    for text in ("its quartiles", "optimiser", "Gradient of the encoder", "Gradient of the decoder", "1 thread"):
        assert text in shown
    line = next(line for line in shown.splitlines() if line.startswith("mine[learning_rate=0.02]"))
    assert line.split()[1:] == ["4", "2", "2", "2"]  # counted, forward, backward, declared
    assert "mine[learning_rate=0.02] declares fewer model evaluations than it makes" in shown
    assert "aevb[learning_rate=0.02] declares fewer" not in shown


def test_numbers_as_json(bench: Bench) -> None:
    by = ("--by", "num_samples=1,3", "--format", "json")
    profile = json.loads(bench("profile", IWAE, "--beside", AEVB, *QUICK, *by).stdout)
    for name in (IWAE, AEVB):
        parts = [row["milliseconds"] for row in rows(profile, "times", algorithm=name) if row["part"] != "step"]
        (step,) = rows(profile, "times", algorithm=name, part="step")
        assert len(parts) == 7
        assert sum(parts) == pytest.approx(step["milliseconds"])
        assert {row["num_samples"] for row in rows(profile, "gradients", algorithm=name)} == {"1", "3"}
    assert [row["counted"] for row in profile["evaluations"]] == [10, 2]
    of_reference = rows(profile, "gradients", algorithm=AEVB, part="encoder")
    assert all(row["bias"] is None and row["signal_to_noise"] > 0 for row in of_reference)
    # With one draw both ascend the lower bound; AEVB knows the divergence in closed form, so that it varies less.
    (iwae,), (aevb,) = (
        rows(profile, "gradients", algorithm=name, part="encoder", num_samples="1") for name in (IWAE, AEVB)
    )
    assert iwae["bias"] < 4 * iwae["bias_se"]
    assert iwae["variance"] > aevb["variance"]
    assert all(row["repeats"] == 32 for row in profile["gradients"])


def test_biases_of_estimators_are_told_apart_on_a_linear_gaussian_model(bench: Bench) -> None:
    """STL is unbiased for K = 1 alone; the decoder's bias, against the gradient of log p(x), falls as 1 / K."""
    rate = "learning_rate=0.02"
    profile = json.loads(
        bench(
            *("profile", f"iwae[gradient=stl,{rate}]", "--beside", f"iwae[gradient=dreg,{rate}]"),
            *("--dataset", "ppca", "--model", "linear", "--z", 2, "--after", 5000, "--repeats", 320),
            *("--by", "num_samples=1,8", "--format", "json"),
        ).stdout
    )
    stl = f"iwae[{rate},gradient=stl]"
    (one,), (eight,) = (
        rows(profile, "gradients", algorithm=stl, part="encoder", num_samples=number) for number in ("1", "8")
    )
    assert one["bias"] == 0  # the same estimator, with the same noise
    assert eight["bias"] > 5 * eight["bias_se"] > 0
    decoders = [rows(profile, "gradients", algorithm=stl, part="decoder", num_samples=k)[0] for k in ("1", "8")]
    assert decoders[0]["bias"] > 2.5 * decoders[1]["bias"] > 0


def test_an_option_in_brackets_is_not_varied(bench: Bench) -> None:
    name = "iwae[learning_rate=0.02,num_samples=2]"
    profile = json.loads(
        bench("profile", name, "--beside", "wakesleep[learning_rate=0.02]", *QUICK, "--format", "json").stdout
    )
    assert {row["num_samples"] for row in rows(profile, "gradients", algorithm=name)} == {"2"}
    assert {row["num_samples"] for row in profile["gradients"]} == {"2", ""}


def test_a_model_with_other_weights_is_measured_at_its_own(bench: Bench) -> None:
    shown = bench("profile", "svi[learning_rate=0.02]", "--beside", AEVB, *QUICK, "--by", "num_samples=1").stdout
    assert "svi[learning_rate=0.02] is measured at weights of its own" in shown


def test_one_with_a_further_network_is_measured_at_its_own_too(bench: Bench) -> None:
    """The discriminator belongs to the codes of its own encoder."""
    profile = json.loads(
        bench("profile", "aae[learning_rate=0.02]", "--beside", AEVB, *QUICK, "--format", "json").stdout
    )
    assert any("aae[learning_rate=0.02] is measured at weights of its own" in note for note in profile["notes"])


def test_one_that_only_names_a_part_of_its_model_is_not(bench: Bench, tmp_path: Path) -> None:
    model = "self.model = problem.model(encoder=True)"
    command = ("profile", "./mine.py[learning_rate=0.02]", "--beside", AEVB, *QUICK, "--format", "json")
    for line, is_more in (
        ("self.parts = {'encoder': self.model.encoder}", False),
        ("self.kept = [torch.zeros(3)]", True),
    ):
        (tmp_path / "mine.py").write_text(MINE.replace(model, f"{model}\n        {line}"))
        notes = json.loads(bench(*command).stdout)["notes"]
        assert any("weights of its own" in note for note in notes) == is_more


def test_one_without_the_option_is_compared_with_the_reference_s_default(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    name = "mine[learning_rate=0.02]"
    command = ("profile", "./mine.py[learning_rate=0.02]", *QUICK, "--format", "json", "--beside")
    profile = json.loads(bench(*command, AEVB).stdout)
    assert profile["reference"] == AEVB
    (row,) = rows(profile, "gradients", algorithm=name, part="encoder")
    assert row["bias"] is not None  # at num_samples=1
    profile = json.loads(bench(*command, IWAE).stdout)
    (row,) = rows(profile, "gradients", algorithm=name, part="encoder")
    assert row["bias"] is None
    assert any("at num_samples=5 is left out" in note for note in profile["notes"])


def test_values_that_an_option_refuses_are_left_out_by_the_algorithm_s_name(bench: Bench) -> None:
    by = ("--by", "num_samples=1,3", "--format", "json")
    profile = json.loads(bench("profile", "vimco[learning_rate=0.02]", "--beside", AEVB, *QUICK, *by).stdout)
    assert any("`num_samples` of vimco must be an integer of at least 2" in note for note in profile["notes"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("./gone.py",), "'./gone.py' does not exist"),
        (("./empty.py",), "must define exactly one algorithm"),
        (("aevbb",), "Did you mean 'aevb'?"),
        ((IWAE, "--by", "samples=1,2"), "`by` names no option of iwae[learning_rate=0.02]: 'samples'"),
        ((IWAE, "--by", "num_samples"), "must be an option and its values, such as num_samples=1,4,16,64"),
        ((IWAE, "--by", "num_samples=0"), "`num_samples` of"),
        ((IWAE, "--beside", "nobody"), "Unknown algorithm 'nobody'"),
        ((IWAE, "--model", "conv", "--dataset", "ppca"), "does not suit"),
        (("aevb[denoise=salt_and_pepper,corruption=0.1]", "--dataset", "ppca"), "these data do not lie in [0, 1]"),
        (("./broken.py",), "broken cannot be profiled: training raises KeyError: 'nothing'"),
        (("aevb[learning_rate=1e38,batch_size=20]",), "has diverged within 100 training samples"),
        ((IWAE, "--repeats", "0"), "must be at least 1"),
        ((IWAE, "--device", "abacus"), "`device` must be"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(bench: Bench, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text(MINE.replace("bound = ", "bound = {}['nothing'] + "))
    ended = bench("profile", *arguments, "--after", 100, code=2)
    assert message in ended.stderr
    assert not ended.stdout
