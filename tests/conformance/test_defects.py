"""`bench check` names each of many planted defects, and raises no alarm at sound algorithms of other styles."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import bench
from bench.api.checks import check
from bench.conformance.check import Verdict

HERE = Path(__file__).parent
EVERYTHING = "BENCH_FUZZ_CASES" in os.environ  # else some of each sort
SOUND = sorted((HERE / "sound").glob("*.py"))
OFTEN = {  # of the sound ones
    "a_list_of_optimisers",
    "a_model_in_float64",
    "a_weight_near_a_size",
    "all_the_data",
    "float64_inside",
    "no_encoder_langevin_chains",
    "no_optimiser",
    "own_loop_over_samples",
    "scheduler_and_warm_up",
    "pairs_of_datapoints",
    "sgd_with_momentum",
    "the_score_function",
    "two_optimisers",
    "wake_sleep_all_in_one",
}
RARELY = {  # of the defects, those that are much like another one
    "global seed of NumPy",
    "global seed of Python",
    "state in the module",
    "state_dict without the optimiser",
    "wrong sign in the formula of the KL",
    "wrong sign of the entropy",
    "mean over everything",
    "log sigma in draws and in the KL",
    "log sigma in the variance of the KL",
    "log sigma in draws, honest report",
    "an unseeded generator",
    "noise of torch.distributions",
    "the same noise in each update",
    "a stream of Python that begins anew in each update",
    "log p(x|z) of the wrong axis",
    "NaN after a while",
    "gradient through the sample, one optimiser",
}

# The lines of planted/auto_encoder.py that defects change.
NOISE = "torch.randn(mean.shape, generator=self.generator)"
LIKELIHOOD = 'cross_entropy(logits, batch.x, reduction="none").sum(-1)'
KL = "0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)"
BOUND = "bound = (log_likelihood - kl).mean()"
REPORT = "StepInfo(bound.detach(), 2"
HONEST = (REPORT, "StepInfo(self.model.elbo(batch.x, self.generator).mean().detach(), 3")
SETUP = "self.seen = 0"
STEP = "self.seen += len(batch.x)"
CLASS = "class AutoEncoder(Algorithm):"

FORKED = """    def drawn(self, mean):
        with torch.random.fork_rng():
            torch.manual_seed(self.seen)
            return torch.randn(mean.shape)

"""

Change = tuple[str, str]

# name: the checks of which at least one must fail, words of which one must be in its lesson, and the changes
DEFECTS: dict[str, tuple[set[str], str, list[Change]]] = {
    "global seed in setup": (
        {"no_global_seed"},
        "seeds the global",
        [(SETUP, SETUP + "\n        torch.manual_seed(0)")],
    ),
    "global seed in step": (
        {"no_global_seed"},
        "seeds the global",
        [(STEP, STEP + "\n        torch.manual_seed(1)"), (NOISE, "torch.randn_like(mean)")],
    ),
    "global seed of NumPy": ({"no_global_seed"}, "numpy", [(SETUP, SETUP + "\n        np.random.seed(problem.seed)")]),
    "global seed of Python": ({"no_global_seed"}, "random", [(STEP, STEP + "\n        random.seed(self.seen)")]),
    "global seed at import": ({"no_global_seed"}, "torch", [(CLASS, "torch.manual_seed(42)\n\n\n" + CLASS)]),
    "state on the class": (
        {"resumes"},
        "left out of the checkpoint",
        [
            (SETUP, "type(self).count = 0"),
            (STEP, "type(self).count += 1"),
            (BOUND, "bound = (log_likelihood - min(1, type(self).count / 30) * kl).mean()"),
        ],
    ),
    "state in the module": (
        {"resumes"},
        "left out of the checkpoint",
        [
            (CLASS, 'STATE = {"mean": 0.0}\n\n\n' + CLASS),
            (SETUP, 'STATE["mean"] = 0.0'),
            (STEP, 'STATE["mean"] = 0.9 * STATE["mean"] + 0.1 * float(batch.x.mean())'),
            (BOUND, 'bound = (log_likelihood - (1 + STATE["mean"]) * kl).mean()'),
        ],
    ),
    "state that cannot be saved": ({"resumes"}, "cannot be saved", [(SETUP, SETUP + "\n        self.name = object()")]),
    "state_dict without the optimiser": (
        {"resumes"},
        "left out of the checkpoint",
        [
            (
                "    def step(self, batch):",
                """    def state_dict(self):
        model = {name: value.clone() for name, value in self.model.state_dict().items()}
        return {"model": model, "generator": self.generator.get_state(), "seen": self.seen}

    def step(self, batch):""",
            )
        ],
    ),
    "wrong sign of the KL": ({"kl_sign"}, "wrong sign", [(BOUND, "bound = (log_likelihood + kl).mean()")]),
    "wrong sign of the KL, honest report": (
        {"kl_sign"},
        "wrong sign",
        [(BOUND, "bound = (log_likelihood + kl).mean()"), HONEST],
    ),
    "wrong sign in the formula of the KL": (
        {"kl_sign"},
        "wrong sign",
        [(KL, "0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1)")],
    ),
    "wrong sign of the entropy": (
        {"kl_sign"},
        "wrong sign",
        [(KL, "0.5 * (mean**2 + log_variance.exp() - 1 + log_variance).sum(-1)")],
    ),
    "mean over pixels": (
        {"objective", "sum_over_pixels"},
        "mean over pixels",
        [(LIKELIHOOD, LIKELIHOOD[:-8] + ".mean(-1)")],
    ),
    "mean over pixels, honest report": (
        {"sum_over_pixels"},
        "mean over pixels",
        [(LIKELIHOOD, LIKELIHOOD[:-8] + ".mean(-1)"), HONEST],
    ),
    "mean over everything": (
        {"objective", "sum_over_pixels"},
        "mean over pixels",
        [(LIKELIHOOD, "cross_entropy(logits, batch.x)")],
    ),
    "mean over everything in both terms, honest report": (
        {"sum_over_pixels"},
        "one over latent dimensions",
        [(LIKELIHOOD, "cross_entropy(logits, batch.x)"), (KL, KL.replace(".sum(-1)", ".mean()")), HONEST],
    ),
    "mean over latent dimensions": (
        {"sum_over_pixels"},
        "mean over latent dimensions",
        [(KL, KL.replace(".sum(-1)", ".mean(-1)")), HONEST],
    ),
    "KL divided by batch size times pixels": (
        {"sum_over_pixels"},
        "divided by minibatch size times pixels",
        [(KL, KL + " / batch.x.numel()")],
    ),
    "log sigma in draws": ({"log_variance"}, "log-sigma", [("(0.5 * log_variance).exp()", "log_variance.exp()")]),
    "log sigma in the KL": (
        {"log_variance"},
        "log-sigma",
        [(KL, "0.5 * (mean**2 + (2 * log_variance).exp() - 1 - 2 * log_variance).sum(-1)")],
    ),
    "log sigma in draws and in the KL": (
        {"log_variance"},
        "log-sigma",
        [
            ("(0.5 * log_variance).exp()", "log_variance.exp()"),
            (KL, "0.5 * (mean**2 + (2 * log_variance).exp() - 1 - 2 * log_variance).sum(-1)"),
        ],
    ),
    "log sigma in the variance of the KL": (
        {"log_variance"},
        "log-sigma",
        [(KL, "0.5 * (mean**2 + log_variance.exp() ** 2 - 1 - log_variance).sum(-1)")],
    ),
    "log sigma in draws, honest report": (
        {"log_variance"},
        "log-sigma",
        [("(0.5 * log_variance).exp()", "log_variance.exp()"), HONEST],
    ),
    "the time": ({"deterministic"}, "same seeds", [(BOUND, BOUND + " + 1e-3 * (time.perf_counter() % 1)")]),
    "an unseeded generator": (
        {"deterministic"},
        "same seeds",
        [(NOISE, "torch.as_tensor(np.random.default_rng().standard_normal(mean.shape)).float()")],
    ),
    "a generator seeded by chance": (
        {"deterministic"},
        "same seeds",
        [(SETUP, SETUP + "\n        self.generator.seed()")],
    ),
    "global noise": ({"no_global_draws"}, "ignores the generator", [(NOISE, "torch.randn_like(mean)")]),
    "global noise of NumPy": (
        {"no_global_draws"},
        "numpy",
        [(NOISE, "torch.as_tensor(np.random.standard_normal(mean.shape)).float()")],
    ),
    "noise of torch.distributions": (
        {"no_global_draws"},
        "ignores the generator",
        [(NOISE, "torch.distributions.Normal(0.0, 1.0).sample(mean.shape)")],
    ),
    "a generator of its own": (
        {"own_generator"},
        "ignores the generator",
        [
            (SETUP, SETUP + "\n        self.own = torch.Generator().manual_seed(0)"),
            (NOISE, "torch.randn(mean.shape, generator=self.own)"),
        ],
    ),
    "a generator of NumPy's of its own": (
        {"own_generator"},
        "ignores the generator",
        [
            (
                SETUP,
                SETUP + "\n        self.noise = torch.as_tensor(np.random.default_rng(0).standard_normal((500, 2)))",
            ),
            (NOISE, "torch.as_tensor(self.noise[self.seen % 100 :][: len(mean)]).float()"),
        ],
    ),
    "the same noise in each update": (
        {"own_generator"},
        "ignores the generator",
        [(NOISE, "torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))")],
    ),
    "the generator that is given is seeded": (
        {"own_generator"},
        "seeds the generator that `setup` is given",
        [(SETUP, SETUP + "\n        self.generator.manual_seed(0)")],
    ),
    "a stream of NumPy that begins anew in each update": (
        {"own_generator"},
        "ignores the generator",
        [(NOISE, "torch.as_tensor(np.random.RandomState(self.seen).standard_normal(mean.shape)).float()")],
    ),
    "a stream of Python that begins anew in each update": (
        {"own_generator"},
        "ignores the generator",
        [(NOISE, "torch.full(mean.shape, random.Random(self.seen).gauss(0, 1))")],
    ),
    "a fork of the global stream": (
        {"own_generator"},
        "ignores the generator",
        [(NOISE, "self.drawn(mean)"), ("    def step(self, batch):", FORKED + "    def step(self, batch):")],
    ),
    "an objective for each datapoint": (
        {"runs"},
        "wrong shape",
        [(REPORT, "StepInfo((log_likelihood - kl).detach(), 2")],
    ),
    "a fixed minibatch size": ({"shapes"}, "wrong shape", [(NOISE, "torch.randn(24, 2, generator=self.generator)")]),
    "log p(x|z) of the wrong axis": ({"runs"}, "wrong shape", [(LIKELIHOOD, LIKELIHOOD[:-4] + "(0)")]),
    "gradients that add up from update to update": (
        {"resumes"},
        "zero_grad() missing",
        [("        self.optimiser.zero_grad()\n", "")],
    ),
    "log 0": (
        {"finite"},
        "NaN",
        [(LIKELIHOOD, "-(batch.x * logits.sigmoid().log() + (1 - batch.x) * (1 - logits.sigmoid()).log()).sum(-1)")],
    ),
    "NaN after a while": (
        {"finite"},
        "NaN",
        [(BOUND, BOUND + "\n        bound = bound * float('nan') if self.seen > 2000 else bound")],
    ),
}

LEAK = (".detach()\n        log_joint", "\n        log_joint")
SLEEPS: dict[str, tuple[set[str], str, list[Change]]] = {
    "gradient through the sample": ({"wake_gradient"}, "wake phase", [LEAK]),
    "gradient through the sample, one optimiser": (
        {"wake_gradient"},
        "wake phase",
        [
            LEAK,
            ("self.of_decoder = self.make_optimiser(self.model.theta, problem)", "pass"),
            ("self.of_encoder = self.make_optimiser(self.model.phi, problem)",
             "self.of_encoder = torch.optim.Adam(self.model.parameters(), lr=0.01)"),
            ("        self.of_decoder.zero_grad()\n", ""),
            ("        self.of_decoder.step()\n", ""),
        ],
    ),
}  # fmt: skip
DRAWN = "posterior.rsample(self.generator, 5).detach()"
REWEIGHTED: dict[str, tuple[set[str], str, list[Change]]] = {
    "gradient through several weighted samples": ({"wake_gradient"}, "wake phase", [(DRAWN, DRAWN[:-9])]),
    "gradient through several samples, of log q alone": (
        {"wake_gradient"},
        "wake phase",
        [(DRAWN, DRAWN[:-9]), ("log_p + log_q)", "log_p.detach() + log_q)")],
    ),
}


PLANTED = [
    (source, name, *defect)
    for source, defects in (("auto_encoder", DEFECTS), ("wake_sleep", SLEEPS), ("reweighted", REWEIGHTED))
    for name, defect in defects.items()
    if EVERYTHING or name not in RARELY
]


def planted(folder: Path, source: str, changes: list[Change]) -> str:
    """A sound plugin with these changes, as a file."""
    text = (HERE / "planted" / f"{source}.py").read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "planted.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.filterwarnings("ignore:std")  # of a single value
def test_a_minibatch_of_one_datapoint_may_be_too_small_and_that_is_said(tmp_path: Path) -> None:
    """A user can avoid it, and the algorithm may need two."""
    spread = "bound = (log_likelihood - kl).mean() + 0 * (log_likelihood - kl).std()"
    results = check(planted(tmp_path, "auto_encoder", [(BOUND, spread)]), only="shapes")
    (result,) = (each for each in results if each.check.name == "shapes")
    assert result.verdict is Verdict.SKIPPED
    assert "a minibatch of a single datapoint" in result.reason
    assert "is nan" in result.reason


@pytest.mark.parametrize(
    ("source", "checks", "words", "changes"),
    [(source, checks, words, changes) for source, _, checks, words, changes in PLANTED],
    ids=[each[1] for each in PLANTED],
)
def test_a_planted_defect_is_named(
    tmp_path: Path, source: str, checks: set[str], words: str, changes: list[Change]
) -> None:
    results = check(planted(tmp_path, source, changes), only=sorted(checks))
    lessons = {each.check.name: each.lesson for each in results if each.verdict is Verdict.FAILED}
    assert any(words.lower() in lesson.lower() for name, lesson in lessons.items() if name in checks), results
    assert all(lesson.count("\n") == 3 for lesson in lessons.values())


def test_a_state_that_cannot_be_saved_is_one_failure(tmp_path: Path) -> None:
    """The other check of the state would tell to return clones of it."""
    unsaved = planted(tmp_path, "auto_encoder", [(SETUP, SETUP + "\n        self.name = object()")])
    results = check(unsaved, only=["resumes", "state_copy"])
    results = [each for each in results if each.check.name != "runs"]
    assert [each.verdict for each in results] == [Verdict.FAILED, Verdict.SKIPPED]
    assert "of which `resumes` tells" in results[1].reason


@pytest.mark.parametrize("source", ["auto_encoder", "wake_sleep"])
def test_without_its_defect_every_check_holds(tmp_path: Path, source: str) -> None:
    results = check(planted(tmp_path, source, []))
    assert [each.lesson for each in results if each.verdict is Verdict.FAILED] == []
    terms = ("kl_sign", "sum_over_pixels", "log_variance", "wake_gradient")
    assert all(each.verdict is Verdict.HOLDS for each in results if each.check.name in terms)  # and are not skipped


def test_several_samples_that_are_no_option_raise_no_alarm(tmp_path: Path) -> None:
    """The expectations of their terms are not known, but where nothing is left to learn the gradient is 0."""
    results = check(planted(tmp_path, "reweighted", []))
    assert [each.lesson for each in results if each.verdict is Verdict.FAILED] == []
    (wake,) = (each for each in results if each.check.name == "wake_gradient")
    assert wake.verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", [path.stem for path in SOUND if EVERYTHING or path.stem in OFTEN])
def test_another_style_raises_no_alarm(name: str) -> None:
    assert [each.lesson for each in check(str(HERE / "sound" / f"{name}.py")) if each.verdict is Verdict.FAILED] == []


def test_importance_weights_are_checked_with_one_sample(tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    text = (HERE.parent / "plugins" / "mine.py").read_text(encoding="utf-8")
    right, wrong = (
        "self.model.log_joint(batch.x, z) - posterior.log_prob(z)",
        "self.model.decoder.log_prob(batch.x, z) - self.model.log_prior(z) + posterior.log_prob(z)",
    )
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    (*_, result) = check(str(path), only="kl_sign")
    assert "the wrong sign" in result.lesson


def test_a_model_in_float64_is_trained_evaluated_and_drawn(tmp_path: Path) -> None:
    fields = {"dataset": str(HERE.parent / "plugins" / "blobs.py"), "seeds": 1, "budget": 300, "hidden": 5}
    results = bench.run(
        algos=str(HERE / "sound" / "a_model_in_float64.py"),
        z=2,
        likelihood="importance[num_samples=10]",
        likelihood_points=10,
        out=tmp_path / "run",
        execution=bench.Execution(backend="sequential", device="cpu"),
        quiet=True,
        **fields,
    )
    assert results.trials["log_likelihood_test"].notna().all()
    assert len(results.diagnosis) == 1
    made = bench.report(results, ["latent_space", "manifold"], out=tmp_path / "report", quiet=True)
    assert all(made.values())
