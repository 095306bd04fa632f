"""Checks of an algorithm's random numbers: they come from its generator, and from nowhere else."""

from __future__ import annotations

import importlib.util
import sys

import torch

from bench.conformance.check import Broken, Check
from bench.conformance.draws import (
    Draws,
    changed_states,
    numpy_generators,
    other_generator_lines,
    seed_globally,
    seeding_lines,
)
from bench.conformance.subject import Subject
from bench.conformance.tiny import Training, training

UPDATES = 4


def trained(subject: Subject, noise: int = 0) -> Training:
    """An algorithm after some updates."""
    made = training(subject, noise=noise)
    made.steps(UPDATES)
    return made


def outcome(subject: Subject, *, noise: int = 0, global_seed: int = 0) -> list[float]:
    """The objectives and weights after some updates, with the global random states as ``global_seed`` leaves them."""
    seed_globally(global_seed)
    made = training(subject, noise=noise)
    return [*made.steps(UPDATES), *made.weights().tolist()]


def seeds_nothing_globally(subject: Subject) -> None:
    """Whatever the global states are before, they are not the same afterwards."""
    for block in (lambda: trained(subject), lambda: _import_again(subject)):
        (changed, one), (_, two) = (changed_states(block, seed) for seed in (1, 2))
        seeded = sorted(name for name in changed if one[name] == two[name])
        if seeded:
            lines = seeding_lines(subject)
            raise Broken(
                f"it seeds the global random stream of {', '.join(seeded)}: whatever its state was before, it is the "
                "same afterwards.",
                where="; ".join(subject.at(line) for line in lines[:3]),
            )


def _import_again(subject: Subject) -> None:
    """Run the file of a plugin once more, as another program would that imports it."""
    if not subject.cls.__module__.startswith("bench_plugin_"):  # only what `bench.plugins` runs as a file
        return
    name = "bench_conformance_imported_again"
    spec = importlib.util.spec_from_file_location(name, subject.file)
    if spec is None or spec.loader is None:
        return
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]


def is_deterministic(subject: Subject) -> None:
    """Everything that is random is seeded alike, and yet the results differ."""
    one, two = outcome(subject), outcome(subject)
    if not _equal(one, two):
        at = next(i for i, (mine, other) in enumerate(zip(one, two, strict=True)) if mine != other)
        seen = f"update {at + 1} has the objective {one[at]:.6g} and then {two[at]:.6g}" if at < UPDATES else ""
        raise Broken(
            f"two trainings with the same seeds, in the same process, differ{': ' if seen else ' in their weights'}"
            f"{seen}.",
            where=_suspects(subject),
        )


def _equal(one: list[float], two: list[float]) -> bool:
    """Bit for bit; NaN equals NaN, of which another check tells."""
    return torch.equal(torch.tensor(one).nan_to_num(7.7e7), torch.tensor(two).nan_to_num(7.7e7))


def _suspects(subject: Subject) -> str:
    """Lines that name what differs between two runs."""
    words = ("time.", "default_rng()", "urandom", "id(", "hash(", "set(", "uuid", "secrets", ".seed()", "SystemRandom")
    lines = [n for n in subject.lines if any(word in subject.source[n - 1] for word in words)] if subject.source else []
    return "; ".join(subject.at(line) for line in lines[:3])


def draws_nothing_globally(subject: Subject) -> None:
    """The results do not depend on the global random state, and leave it alone."""
    (changed, one), (_, two) = (changed_states(lambda: trained(subject), seed) for seed in (1, 2))
    drawn = sorted(name for name in changed if one[name] != two[name])
    depends = not _equal(outcome(subject, global_seed=1), outcome(subject, global_seed=2))
    if not drawn and not (depends and _equal(outcome(subject), outcome(subject))):
        return
    with Draws(subject) as watched:
        trained(subject)
    lines = sorted({draw.line for draw in watched.draws if draw.seed is None and draw.line})
    raise Broken(
        f"it draws random numbers from the global stream of {', '.join(drawn) or 'a library'}"
        f"{', and its results depend on them' if depends else ''}: it ignores the generator that `setup` is given.",
        where="; ".join(subject.at(line) for line in lines[:3]),
    )


def draws_from_its_generator(subject: Subject) -> None:
    """No random numbers come from a generator whose seed is the same whatever the trial's seed is."""
    sources, seeds, is_global = [], set[int](), False
    for noise in (1, 2):
        of_numpy: set[tuple[str, int]] = set()
        with Draws(subject) as watched, numpy_generators(subject, of_numpy):
            given = trained(subject, noise).algorithm.generator.initial_seed()
        of_torch = {
            (str(draw.seed), draw.line) for draw in watched.draws if draw.seed not in (None, given) and draw.line
        }
        sources.append(of_torch | of_numpy)
        seeds.add(given)
        is_global |= any(draw.seed is None and draw.line for draw in watched.draws)
    fixed = sources[0] & sources[1]
    if fixed:
        lines = sorted({line for _, line in fixed})
        raise Broken(
            "it ignores the generator that `setup` is given and draws from one of its own, which has the same seed "
            "in every trial.",
            where="; ".join(subject.at(line) for line in lines[:3]),
        )
    lines = seeding_lines(subject)
    if len(seeds) == 1:
        raise Broken(
            "it seeds the generator that `setup` is given, which is seeded for the trial already: all trials draw the "
            "same random numbers.",
            where="; ".join(subject.at(line) for line in lines[:3]),
        )
    elsewhere = other_generator_lines(subject)
    if (is_global or elsewhere) and _equal(outcome(subject, noise=1), outcome(subject, noise=2)):
        raise Broken(
            "it ignores the generator that `setup` is given: with another seed for the trial it draws the same random "
            "numbers, from a stream that it seeds itself.",
            where="; ".join(subject.at(line) for line in (elsewhere or lines)[:3]),
        )


CHECKS = (
    Check(
        "no_global_seed",
        seeds_nothing_globally,
        protects="no global random stream is seeded",
        why="a seed that is set for the whole process gives every trial the same random numbers, and changes those of "
        "all other code in the process: five seeds are then no five independent trials.",
        where="calls such as torch.manual_seed, np.random.seed or random.seed, in `setup`, `step` or at the top of "
        "the file.",
        mend="delete the call, and pass generator=self.generator to everything that draws.",
    ),
    Check(
        "deterministic",
        is_deterministic,
        protects="the same seed gives the same numbers, bit for bit",
        why="a result that cannot be had again can be neither checked nor resumed, and two algorithms compared on the "
        "same seed would no longer be a pair.",
        where="what differs between two runs: the time, an unseeded generator, the order of a set, uninitialised "
        "memory (torch.empty), or a value that is kept on the class or the module from the training before.",
        mend="draw everything from self.generator, iterate over lists or sorted(...), and keep what changes on self.",
    ),
    Check(
        "no_global_draws",
        draws_nothing_globally,
        protects="no random numbers come from a global stream",
        why="global streams are neither seeded for a trial nor saved with it: results depend on what ran before, and "
        "a resumed trial goes on with other numbers.",
        where="calls without a generator: torch.randn_like, torch.randn, torch.rand, .normal_(), nn.Dropout, "
        "torch.distributions (.sample, .rsample), np.random.*; also a new nn.Linear in `setup`, whose initial weights "
        "are drawn globally.",
        mend="pass generator=self.generator (torch.randn(z.shape, generator=self.generator) for torch.randn_like(z)); "
        "draw initial weights with bench.models.initialisation.draw_weights(module, scale, generator).",
    ),
    Check(
        "own_generator",
        draws_from_its_generator,
        protects="random numbers come from the generator that `setup` is given",
        why="all seeds of a study would get the same noise: their spread, and with it every interval and test, would "
        "be too small.",
        where="torch.Generator() or np.random.default_rng() in `setup` or `step`.",
        mend="use the generator that `setup` is given, which is also self.generator; if another one is needed, seed it "
        "from that: torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator))).",
    ),
)
