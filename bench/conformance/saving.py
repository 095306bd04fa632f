"""Checks of an algorithm's state: all that the next update depends on is in the checkpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch

from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.draws import seed_globally
from bench.conformance.randomness import outcome
from bench.conformance.subject import Subject
from bench.conformance.tiny import Training, blamed_on_plugin, training
from bench.store.tensors import read_state, write_state

BEFORE, AFTER = 7, 6  # updates before and after the checkpoint; an epoch has 10


def resumes(subject: Subject) -> None:
    """What is read from a checkpoint goes on as what was never interrupted."""
    if not _equal(outcome(subject), outcome(subject)):
        raise NotApplicable("two trainings with the same seeds differ in any case")
    made = training(subject)
    made.steps(BEFORE)
    with tempfile.TemporaryDirectory() as folder, blamed_on_plugin("saving its state", subject):
        write_state(Path(folder, "checkpoint"), made.algorithm.state_dict())
        saved = read_state(Path(folder, "checkpoint"))
    expected = _continued(made)
    restored = training(subject)
    with blamed_on_plugin("restoring its state", subject):
        restored.algorithm.load_state_dict(saved)
        restored.updates = BEFORE
        resumed = _continued(restored)
    if _equal(expected, resumed):
        return
    if _carries_gradients(subject, expected):
        raise Broken(
            "gradients are carried from one update to the next, and no checkpoint holds them, so training resumed from "
            "a checkpoint differs from uninterrupted training: is optimiser.zero_grad() missing?"
        )
    at = next((i for i in range(AFTER) if expected[i] != resumed[i]), None)
    seen = "its weights differ" if at is None else f"objective {resumed[at]:.6g} instead of {expected[at]:.6g}"
    raise Broken(
        f"training resumed from a checkpoint differs from uninterrupted training: {seen}"
        f"{'' if at is None else f', {at + 1} updates later'} (some state is left out of the checkpoint)."
    )


def _carries_gradients(subject: Subject, expected: list[float]) -> bool:
    """Whether training differs if nothing but the gradients of its last update is removed."""
    made = training(subject)
    made.steps(BEFORE)
    for parameter in made.algorithm.model.parameters():
        parameter.grad = None
    return not _equal(expected, _continued(made))


def state_is_a_copy(subject: Subject) -> None:
    """Further updates do not change a state that was taken before."""
    made = training(subject)
    made.steps(3)
    try:
        saved = made.algorithm.state_dict()
    except Exception as failure:
        raise NotApplicable("its state cannot be saved, of which `resumes` tells") from failure
    before = _numbers(saved)
    made.steps(3)
    if not _equal(before, _numbers(saved)):
        raise Broken("further updates change the state that `state_dict` has returned before.")


def _numbers(state: object) -> list[float]:
    """All tensors in a nest of dicts and lists, as one list."""
    if isinstance(state, torch.Tensor):
        return [float(each) for each in state.flatten().tolist()]
    inside = state.values() if isinstance(state, Mapping) else state if isinstance(state, (list, tuple)) else ()
    return [number for each in inside for number in _numbers(each)]


def _continued(made: Training) -> list[float]:
    seed_globally(0)  # another check is about the global streams
    return [*made.steps(AFTER), *made.weights().tolist()]


def _equal(one: list[float], two: list[float]) -> bool:
    """Bit for bit; NaN equals NaN, of which another check tells."""
    return torch.equal(torch.tensor(one).nan_to_num(7.7e7), torch.tensor(two).nan_to_num(7.7e7))


WHERE = (
    "what `step` changes and reads again: a value on the class, on the module or on `problem`, in a closure, in an "
    "object whose state_dict leaves it out, in an attribute that the constructor has set, or in the gradients of the "
    "last update."
)
MEND = (
    "assign it to self in `setup` or `step`, as a number, text, tensor, module, optimiser or generator, or lists and "
    "dicts of these; give an object of your own state_dict and load_state_dict; call optimiser.zero_grad() in every "
    "update."
)

CHECKS = (
    Check(
        "resumes",
        resumes,
        protects="a training that is resumed from its checkpoint goes on bit for bit",
        why="runs are interrupted and extended: the result would depend on when that happened.",
        where=WHERE,
        mend=MEND,
    ),
    Check(
        "state_copy",
        state_is_a_copy,
        protects="its state is a copy that later updates do not change",
        why="a checkpoint that changes while it is written belongs to no moment of the training.",
        where="a state_dict of your own that returns the tensors themselves.",
        mend="return clones, as copy.deepcopy makes them.",
    ),
)
