"""Running a study."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api import arguments
from bench.api.loading import load
from bench.errors import OptionError, did_you_mean
from bench.execution.execution import Execution
from bench.process.state import preserved
from bench.store import study_folder
from bench.store.references import Reference
from bench.store.run_folder import Store
from bench.studies import files as study_files
from bench.studies.study import Study
from bench.values.paths import user_path
from bench.values.texts import quoted

if TYPE_CHECKING:
    from bench.execution.planning import Plan
    from bench.execution.staleness import OnStale
    from bench.results.frames import Results


def run(
    study: Study | str | PathLike[str] | None = None,
    *,
    size: str | None = None,
    out: str | PathLike[str] | None = None,
    execution: Execution | None = None,
    on_stale: OnStale = "keep",
    against: str | PathLike[str] | None = None,
    quiet: bool = False,
    **fields: object,
) -> Results:
    """Run a study, given as such or by the ``fields`` of `Study` (``algos``, ``z``, ...), and return its results.

    ``study`` may be the name of a shipped study (``"aevb-fig2"``, with a ``size``) or the path of a study file;
    ``fields`` override its values, and are written as on the command line or as lists.  ``out`` is the run folder, by
    default ``runs/NAME``; trials that it already holds are not run again.  Unless ``quiet``, progress is printed to the
    standard error stream.

    ``on_stale`` determines the treatment of stale trials, which the folder holds from code or data that have changed
    since: ``keep`` keeps those that are finished, and tables and figures list them separately; ``rerun`` runs all of
    them again; ``error`` raises StoreError.

    ``against`` is a run to compare with: a shipped one (``"reference-mnist"``) or a run folder.  Everything except
    ``algos``, ``budget`` and ``tune`` is taken from it, its results are copied into the run folder, and only ``algos``
    are trained.  ``fields`` may select among its latent sizes, numbers of training points and seeds.

    Every trial is a row of ``Results.trials``, with the reason if it did not end well.  Raises UsageError if the
    request is invalid; nothing is written in this case.

    >>> import bench, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = bench.run(
    ...         algos="aevb[learning_rate=0.02]", z=2, seeds=1, n_train=100, budget=200, hidden=8,
    ...         likelihood="importance[num_samples=10]", likelihood_points=10,
    ...         out=f"{folder}/run", execution=bench.Execution(backend="sequential"), quiet=True,
    ...     )
    ...     results.trials[["algorithm", "status", "samples"]].values.tolist()
    [['aevb[learning_rate=0.02]', 'done', 200]]
    """
    arguments.one_of("on_stale", on_stale, ("keep", "rerun", "error"))
    reference = Reference.find(against) if against is not None else None
    request = _Request.parse(study, size, fields, reference)
    execution = arguments.execution_or_default(execution)
    folder = user_path("out", out) if out is not None else request.folder
    if reference is not None and folder.resolve() == reference.path.resolve():
        raise OptionError(f"`out` {quoted(str(folder))} is the run to compare with: choose another `out`.")
    num_tasks = request.num_trials() if execution.is_remote else request.num_likely(folder)  # engines are always asked
    with ExitStack() as stack, preserved(), execution.start(num_tasks) as backend:
        collecting = gc.isenabled()
        gc.disable()  # imports and plans make many objects that stay: searching them for garbage takes a tenth
        from bench.api import announcements
        from bench.api.console import Notes
        from bench.execution import planning, runner
        from bench.execution.progress import progress
        from bench.execution.tuning.chooser import choose

        study_folder.create(folder, request.title, request.parts)
        plans: list[Plan] = []
        for name, part in request.parts.items():
            plans.append(planning.plan(part, folder, name, execution, backend, on_stale, reference))
            stack.callback(plans[-1].store.leave)
        if not any(plan.todo for plan in plans):
            backend.stop()
        if collecting:
            gc.enable()
        console = Notes(quiet=quiet)
        for plan in plans:
            announcements.announce(plan, execution, console)
        with announcements.tuning(console) as tried:
            chosen = choose(plans, execution, backend, tried)
        announcements.announce_choices(chosen, console)
        tasks = runner.tasks_of(plans, execution, chosen.by_cell)
        with progress(tasks, console, execution) as shown:
            runner.run(plans, tasks, execution, backend, shown.ended)
    return load(folder, trust=True)  # whoever runs a study has named its plugins' files


@dataclasses.dataclass(frozen=True)
class _Request:
    """The run that was requested: the study of each part, by the part's name, and its folder."""

    parts: Mapping[str, Study]
    folder: Path
    title: str = ""

    @classmethod
    def parse(
        cls,
        study: Study | str | PathLike[str] | None,
        size: str | None,
        fields: Mapping[str, object],
        reference: Reference | None = None,
    ) -> _Request:
        """Read the study, or that of a ``reference``, and override its ``fields`` in all parts."""
        changes = _checked(fields)
        if reference is not None:
            if study is not None or size is not None:
                name = "study" if study is not None else "size"
                raise OptionError(f"`{name}` cannot be given with `against`: {reference.name} says all but `algos`.")
            return cls._against(reference, changes)
        if isinstance(study, (str, PathLike)):
            file = study_files.read(str(study))
            chosen, parts = file.parts(size)
            changed = {name: dataclasses.replace(part, **changes) for name, part in parts.items()}
            folder = Path("runs", f"{file.name}-{chosen}") if chosen else _folder(next(iter(changed.values())))
            return cls(changed, folder, file.title)
        if size is not None:
            raise OptionError(
                f"`size` {quoted(size)} needs the name of a study, such as bench run aevb-fig2 --size smoke."
            )
        if not isinstance(study or Study(), Study):
            raise OptionError(f"`study` must be a name, a path or a bench Study (got {quoted(study)}).")
        changed_study = dataclasses.replace(study or Study(), **changes)
        return cls({"": changed_study}, _folder(changed_study))

    @classmethod
    def _against(cls, reference: Reference, changes: Mapping[str, Any]) -> _Request:
        """The study of a reference with other algorithms."""
        if "algos" not in changes:
            raise OptionError(f"`algos` is missing: name what is to be compared with {reference.name}.")
        changed = dataclasses.replace(reference.study, **changes)
        return cls({"": changed}, Path(f"{_folder(changed)}-against-{reference.name}"))

    def num_trials(self) -> int:
        """How many trials there are; an earlier run may have asked for more seeds in the same folder."""
        return sum(map(_num_trials, self.parts.values()))

    def num_likely(self, path: Path) -> int:
        """How many trials are likely to be run in the folder ``path``; a part that seems to be done counts as none."""
        return sum(
            count
            for name, study in self.parts.items()
            if not Store(path / name).seems_done(count := _num_trials(study), study.budget)
        )


def _num_trials(study: Study) -> int:
    return len(study.algos) * len(study.z) * len(study.n_train) * len(study.seeds)


def _folder(study: Study) -> Path:
    """The default run folder of a study."""
    return Path("runs") / study.folder_name()


def _checked(fields: Mapping[str, object]) -> Mapping[str, Any]:
    """The fields, after checking that a study has all of them."""
    known = [field.name for field in dataclasses.fields(Study)]
    for name in fields:
        if name not in known:
            raise OptionError(f"`run` has no argument {name!r}.{did_you_mean(name, known)}")
    return fields
