"""Standard errors cover: 200 runs of each estimator on a fixed model, by the command that makes the page."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bench.likelihood.bidirectional import error_of_upper
from bench.likelihood.estimate import Estimate, flaw, inflation

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "standard_errors.py"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = spec_from_file_location("standard_errors", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["standard_errors"] = module = module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_and_its_claims_hold(page: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    code = page.main(["--size", "smoke"])
    printed, errors = capsys.readouterr()
    assert code == 0, errors
    rows = [line for line in printed.splitlines() if line.startswith("| `")]
    assert len(rows) == 5  # importance, hmc, ais, and both bounds of bdmc


@pytest.mark.parametrize(("stated", "warnings", "broken"), [(1.0, (), False), (0.7, (), True), (0.7, ("No.",), False)])
def test_errors_that_are_too_small_break_a_claim(
    page: ModuleType, stated: float, warnings: tuple[str, ...], broken: bool
) -> None:
    off = 0.01 * torch.randn(200 * 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    estimate = Estimate(off, torch.full_like(off, 0.01 * stated), "consistent", 1, warnings=warnings)
    found = page.coverage(estimate, torch.zeros_like(off), 200)
    (of_mean, noise), _ = found.rms
    assert of_mean == pytest.approx(1 / stated, rel=0.15)
    assert noise == pytest.approx(of_mean / 400**0.5, rel=0.2)  # that of a standard deviation of 200 normal values
    assert found.is_broken == broken


@pytest.mark.parametrize("num_points", [1, 5])
def test_errors_from_few_draws_cover_for_single_points_and_for_their_mean(page: ModuleType, num_points: int) -> None:
    """The mean of 10 normal draws has Student's t with 9 degrees of freedom."""
    draws = torch.randn(4000 * num_points, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = draws.std(1) / 10**0.5 * inflation(9)
    estimate = Estimate(draws.mean(1), errors, "consistent", 1, degrees=9)
    found = page.coverage(estimate, torch.zeros_like(errors), 4000)
    (of_mean, _), (of_points, _) = found.rms
    assert of_points == pytest.approx(1, rel=0.03)
    assert of_mean == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("degrees", [2.0, float("nan"), True])
def test_degrees_of_freedom_without_a_variance_are_refused(degrees: float) -> None:
    estimate = Estimate(torch.zeros(2), torch.zeros(2), "consistent", 1, degrees=degrees)
    assert flaw(estimate, 2).startswith("`degrees` must be a number above 2 (got ")


def test_the_error_of_a_mean_includes_its_expected_bias() -> None:
    """Of 10,000 datapoints the noise is 0.001, and the bias that the estimator expects 0.005 nats."""
    zeros = torch.zeros(10_000, dtype=torch.float64)
    estimate = Estimate(zeros, zeros + 0.1, "lower", 1, summary={"looseness": 0.005})
    assert estimate.standard_error == pytest.approx((0.001**2 + 0.005**2) ** 0.5)
    assert Estimate(zeros, zeros + 0.1, "consistent", 1).standard_error == pytest.approx(0.001)


@pytest.mark.parametrize(("joint", "num_points"), [(0.0, 3), (0.0, 10), (0.0, 100), (0.2, 3), (0.5, 100), (3.0, 100)])
def test_the_error_of_upper_bounds_is_neither_too_small_nor_too_large(joint: float, num_points: int) -> None:
    """Chains of a datapoint have an error in common, of ``joint`` times the variance that their spread shows."""
    generator = torch.Generator().manual_seed(0)
    shape, off = (2000, num_points), []
    lower, upper, common = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    upper = upper + joint**0.5 * common
    normal = torch.randn(2, *shape, 9, generator=generator, dtype=torch.float64)
    of_lower, of_upper = normal.square().mean(-1).sqrt()  # from nine degrees of freedom
    for u, e_lower, e_upper, gap in zip(upper, of_lower, of_upper, upper - lower, strict=True):
        noise = 0.01  # nats, so that the bias of second order is small
        off.append(noise * u.mean() / error_of_upper(noise * gap, noise * e_lower, noise * e_upper))
    assert 0.95 < torch.stack(off).square().mean().sqrt() < 1.2


def test_gaps_that_vary_although_chains_agree_are_an_error() -> None:
    zeros = torch.zeros(4, dtype=torch.float64)
    assert error_of_upper(zeros + torch.tensor([0.1, -0.1, 0.1, -0.1]), zeros, zeros) == pytest.approx(0.0577, abs=1e-4)
    assert error_of_upper(zeros[:1], zeros[:1] + 0.3, zeros[:1]) == 0


def test_an_rms_that_may_lie_on_either_side_of_a_limit_is_open(page: ModuleType) -> None:
    """0.9 or 1.2 within two standard errors, of 0.022 after 1000 runs; a warning leaves nothing open."""
    normal = torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ones = torch.ones_like(normal)
    known = {
        scale: page.Coverage(scale * normal / normal.square().mean().sqrt(), ones, ones, ones < 0)
        for scale in (0.8, 0.93, 1.0, 1.17, 1.4)
    }
    assert [scale for scale, each in known.items() if each.is_open] == [0.93, 1.17]
    assert [scale for scale, each in known.items() if each.is_broken] == [0.8, 1.4]
    assert not page.Coverage(0.93 * normal, ones, ones, ones > 0, ("No.",)).is_open


def test_runs_without_a_warning_are_judged_by_themselves(page: ModuleType) -> None:
    """Half of the runs warn and are 10 standard errors off; of those that do not, the errors are right or half."""
    normal = torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ones = torch.ones_like(normal)
    warned = torch.arange(1000) % 2 == 0
    off = torch.where(warned, 10 * ones, normal)
    right, half = (page.Coverage(off, scale * ones, ones, warned, ("No.",)) for scale in (1.0, 0.5))
    assert right.rms[0][0] == pytest.approx(1, abs=0.1)
    assert (right.is_broken, half.is_broken) == (False, True)
    few = page.Coverage(off, ones, ones, torch.arange(1000) >= 20, ("No.",))
    assert not few.is_broken  # 20 runs tell too little
    assert few.rms[0][0] > 5


def test_if_some_runs_warn_each_is_made_by_itself(page: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning of all runs together does not say which of them has it."""
    made = []

    def repeated(text: str, case: object, repeats: int, generator: object) -> object:
        made.append(repeats)
        number = len(made)
        ones = torch.ones(repeats, dtype=torch.float64)
        warnings = (f"{number} of 3 points are bad.",) if repeats > 1 or number % 4 == 0 else ()
        off = (-1.0) ** number * ones
        return {text: page.Coverage(off, ones, ones, ones * len(warnings) > 0, warnings)}

    monkeypatch.setattr(page, "repeated", repeated)
    found = page.measured("ais", None, page.SIZES["smoke"])["ais"]
    assert made == [200, *[1] * 200]
    assert int(found.warned.sum()) == 50
    assert found.warnings == ("4 of 3 points are bad.",)
    assert len(found.counted.off) == 150


def test_what_is_open_is_repeated_and_all_runs_count(page: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 runs whose z has a root mean square of 0.93, then 600 at 1.0: 0.98 of all."""
    made = []

    def repeated(text: str, case: object, repeats: int, generator: object) -> object:
        off = torch.full((repeats,), 0.93 if repeats == 200 else 1.0, dtype=torch.float64)
        off[::10] += 1e-3 * len(made)
        made.append(repeats)
        spread = torch.linspace(0.0, 2**0.5, repeats, dtype=torch.float64)
        ones = torch.ones(repeats, dtype=torch.float64)
        return {text: page.Coverage(off * spread * (3 / 2) ** 0.5, ones, ones, ones < 0)}

    monkeypatch.setattr(page, "repeated", repeated)
    found = page.measured("ais", None, page.SIZES["full"])["ais"]
    assert made == [200, 600]
    assert len(found.off) == 800
    assert found.rms[0][0] == pytest.approx(((0.93**2 + 3) / 4) ** 0.5, rel=0.01)
    page.measured("ais", None, page.SIZES["smoke"])
    assert made == [200, 600, 200]


def test_runs_that_are_made_one_by_one_know_their_truth(page: ModuleType) -> None:
    """`bdmc` draws datapoints of its own in each, which must be drawn again for their true log p(x)."""
    case = page.linear(2, page.SIZES["smoke"])
    text = "bdmc[num_steps=20,num_chains=4]"
    for each in page.separately(text, case, 5, torch.Generator().manual_seed(0)).values():
        assert len(each.off) == 5
        assert each.rms[0][0] < 4
        assert len(each.off.unique()) == 5


def test_the_page_has_a_row_for_each_estimator_of_each_model(page: ModuleType) -> None:
    """Of the script as it is: an estimator that is added to it is measured before it is on the page."""
    size, sections = page.SIZES["full"], SCRIPT.with_suffix(".md").read_text().split("\n## ")[1:]
    assert len(sections) == len(page.models(size))
    for section in sections:
        title, _, rows = section.partition("\n")
        names = set(re.findall(r"^\| `([^`]+)`", rows, re.MULTILINE))
        both = {text for text in size.estimators if text.startswith("bdmc")}
        expected = {*size.estimators, *(f"{text}, {bound}" for text in both for bound in ("lower", "upper"))} - both
        if "mcem" in title:  # without an encoder
            expected = {name for name in expected if "encoder" not in name}
        assert names == expected, title
