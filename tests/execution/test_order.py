"""In which order trials are handed out: by seeds, and those of a seed from the longest to the shortest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.execution.runner import Task, _longest_first
from bench.execution.settings import Settings
from bench.studies.study import Study
from bench.training.clocks import Tuning

SECONDS = {
    "aevb": 1.0,
    "mcem": 9.0,
    "wakesleep": None,
    "vqvae": 2.0,
}  # of the choice of hyperparameters, if there is one


def test_the_longest_of_a_seed_come_first() -> None:
    study = Study(algos=tuple(SECONDS), z=(2,), seeds=(3, 1), tune="paper")
    settings = Settings(budget=100, estimators=())
    tasks = []
    for spec in study.expand(study.load_data()):
        seconds = SECONDS[spec.algorithm.plugin.name]
        tuning = Tuning({}, samples=1000, seconds=seconds) if seconds is not None else None
        tasks.append(Task(Path("run"), spec, replace(settings, tuning=tuning)))
    ordered = [(task.spec.seed, task.spec.algorithm.plugin.name) for task in _longest_first(tasks)]
    assert ordered == [(seed, name) for seed in (3, 1) for name in ("wakesleep", "mcem", "vqvae", "aevb")]
