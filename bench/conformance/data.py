"""Checks of a data set.  Shapes, types and ranges are checked by `bench.Data` itself."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor

from bench import seeds
from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.draws import changed_states, seeding_lines
from bench.conformance.subject import Subject
from bench.conformance.tiny import blamed_on_plugin
from bench.data.train_test import Data
from bench.models.observation import observation_model

SHARED = 0.01  # of test points, at most, that may be training points: real data have duplicates


def loaded(subject: Subject) -> Data:
    """The data, loaded once."""
    if "data" not in subject.cache:
        subject.cache["data"] = _load(subject)
    return cast("Data", subject.cache["data"])


def _load(subject: Subject, seed: int = 0) -> Data:
    with blamed_on_plugin("`load`", subject):
        data: Any = subject.make().load(seeds.generator("data", seed))
    if not isinstance(data, Data):
        raise Broken(f"`load` returns {type(data).__name__}, not a bench.Data.")
    return data


def loads(subject: Subject) -> None:
    """`load` returns a Data."""
    loaded(subject)


def is_described(subject: Subject) -> None:
    """What was done to the values is said in words, there is a label for each row, and networks have a width."""
    data, hidden = loaded(subject), subject.cls.hidden
    if len(data.pixels.strip()) < 4:
        raise Broken(f"`pixels` must say in a few words what was done to the values (got {data.pixels!r}).")
    for name, labels, x in (
        ("labels_train", data.labels_train, data.x_train),
        ("labels_test", data.labels_test, data.x_test),
    ):
        if labels is not None and tuple(labels.shape) != (len(x),):
            raise Broken(f"`{name}` must be [{len(x)}], one per row (got {tuple(labels.shape)}).")
    if not isinstance(hidden, int) or hidden < 1:
        raise Broken(f"`hidden` must be a number of units of at least 1 (got {hidden!r}).")


def suits_its_observation_model(subject: Subject) -> None:
    """The observation model that it names takes its values."""
    data = loaded(subject)
    for x in (data.x_train, data.x_test):
        if refusal := observation_model(data.observation_model).refusal(x):
            raise Broken(f"`observation_model` is {data.observation_model!r}, which {refusal}.")


def is_the_same_again(subject: Subject) -> None:
    """The same seed gives the same data."""
    if loaded(subject).fingerprint() != _load(subject).fingerprint():
        raise Broken("the same seed gives other data the second time.")


def draws_nothing_globally(subject: Subject) -> None:
    """The global random states are neither read nor changed."""
    (changed, _), _ = (changed_states(lambda: _load(subject), seed) for seed in (1, 2))
    if changed:
        lines = [subject.at(line) for line in seeding_lines(subject)[:3]]
        raise Broken(
            f"`load` seeds the global random stream of {', '.join(sorted(changed))}, or draws from it.",
            where="; ".join(lines),
        )


def keeps_test_points_apart(subject: Subject) -> None:
    """For data that are not binary: those may repeat by chance."""
    data = loaded(subject)
    if _is_binary(data.x_train):
        raise NotApplicable("binary datapoints may repeat by chance")
    train = {row.tobytes() for row in data.x_train.numpy()}
    shared = sum(row.tobytes() in train for row in data.x_test.numpy())
    if shared > SHARED * len(data.x_test):
        raise Broken(f"{shared} of {len(data.x_test)} test points are training points too.")


def _is_binary(x: Tensor) -> bool:
    return bool(((x == 0) | (x == 1)).all())


CHECKS = (
    Check(
        "loads",
        loads,
        protects="`load` returns a bench.Data, whose shapes, types and ranges are right",
        why="nothing else can be tried before this works.",
        where="`load(self, generator)`.",
        mend="return Data(x_train=..., x_test=..., image_shape=(rows, columns), observation_model=..., pixels=...), "
        "with x [N, rows * columns] in float32.",
        needed=True,
    ),
    Check(
        "described",
        is_described,
        protects="its values are described, and labels and networks fit",
        why="a number without what was done to its pixels cannot be compared with any other.",
        where="`pixels`, `labels_train` and `labels_test` of the Data, and the class attribute `hidden`.",
        mend="say, for instance, pixels='grey values divided by 255'.",
    ),
    Check(
        "observation_model",
        suits_its_observation_model,
        protects="the observation model that it names takes its values",
        why="log p(x) of values that a distribution cannot have means nothing.",
        where="`observation_model` of the Data.",
        mend="name one that suits the values: bernoulli for [0, 1], gaussian for real numbers (`bench list decoders`).",
    ),
    Check(
        "deterministic",
        is_the_same_again,
        protects="the same seed gives the same data",
        why="algorithms would be compared on different data, and a trial could not be resumed.",
        where="what differs between two calls: unseeded random numbers, the order of files in a folder or of a set.",
        mend="take every random choice from `generator`, and sort what has no order.",
    ),
    Check(
        "no_global_draws",
        draws_nothing_globally,
        protects="global random streams are neither seeded nor drawn from",
        why="they are not seeded for a trial: the data would depend on what ran before.",
        where="torch.manual_seed, torch.rand without a generator, np.random.*, train_test_split.",
        mend="pass generator=generator to everything that draws.",
    ),
    Check(
        "held_out",
        keeps_test_points_apart,
        protects="no test point is a training point",
        why="a model that has learned its training data by heart would look as if it had understood them.",
        where="the split into `x_train` and `x_test`.",
        mend="split a permutation of the rows: torch.randperm(len(x), generator=generator).",
    ),
)
