"""A note of the SLURM jobs that a run has under way, for later processes of its command."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.execution.remote.slurm_jobs import under_way
from bench.store.files import read_json, write_json

FOLDER = "slurm"  # in the run folder: jobs, and what they print
NAME = "jobs.json"  # in it


@dataclass(frozen=True)
class Note:
    """The ``jobs`` by the keys of their tasks, and the maximum number of jobs of each array that run at once."""

    cluster: str  # as in `SlurmOptions`
    jobs: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, int] = field(default_factory=dict)

    @property
    def is_of_slurm(self) -> bool:
        """Whether they are SLURM jobs rather than processes of this machine."""
        return self.cluster == "slurm"

    def under_way(self, folder: Path) -> set[str]:
        """Return the ids of those jobs that have not ended, with a query to SLURM."""
        return under_way(folder, list(self.jobs.values()), is_slurm=self.is_of_slurm)

    def write(self, folder: Path) -> None:
        """Write it into the folder of the jobs, if that still exists."""
        if folder.is_dir():
            write_json(folder / NAME, asdict(self), NAME)


def folder_of(root: Path) -> Path:
    """Return the folder of the jobs of a run."""
    return (root / FOLDER).absolute()


def read(folder: Path) -> Note | None:
    """Read the note in the folder of the jobs, if there is one; raises Damaged if it is damaged."""
    if not (folder / NAME).exists():
        return None
    content = read_json(folder / NAME, NAME)
    return Note(content["cluster"], content["jobs"], content.get("arrays", {}))
