"""Has a change of the code changed a single number?  Compares a revision with the working tree, bit for bit.

    python docs/unchanged.py REVISION [--keep DIR] [--only RUN,RUN]

Run it inside a checkout, with the environment's Python.  The revision is exported to a temporary folder and the working
tree copied there; the same `bench` commands then run on both sides, on one core (some minutes each, with MNIST and Frey
Face).  What they export and the tensors they write are compared: every float must have the same bits, except that NaN
equals NaN.  Times are left out.  Columns that only one side has are listed and are no differences; nor are warnings
and reasons with other words but the same numbers.

``--keep DIR`` leaves the results in DIR/base and DIR/new; if DIR/base has those of the revision already, they are used.
``--only ppca,mnist`` looks at these runs alone, and at the algorithms used from Python.
Exit codes: 0 if everything is identical, 1 if anything differs or does not run.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import load_file

Values = dict[tuple[Any, ...], Any]  # numbers, texts and arrays of one run, by what they are

# One command per line, behind the name of its run folder.  A command begins with OPTIONS, which it may override.
COMMANDS = """
algorithms: run --z 2,4 --seeds 2 --budget 2e4 --likelihood-marks 5e3 --likelihood importance[num_samples=100],\
ais[num_steps=20,num_leapfrog=3] --algos aevb,aevb[estimator=A,num_samples=2,learning_rate=0.02],\
aevb[kl_warmup=5000,learning_rate=0.1],aevb[free_bits=0.1],aevb[denoise=masking,learning_rate=0.05],wakesleep,mcem,\
mcem[batch_size=100,learning_rate=0.02],fullvb[learning_rate=0.05],vqvae[learning_rate=0.1],\
vqvae[codebook=ema,num_codes=8,num_groups=2],aae[learning_rate=0.05]
mnist: run --algos aevb,wakesleep,mcem --dataset mnist --n-train 1000 --model mlp --hidden 100 --z 3 --seeds 0,1
mnist: estimate mnist --likelihood importance[proposal=variational] --points 20 --split train
estimators: run --algos aevb[learning_rate=0.1],mcem[learning_rate=0.1] --likelihood importance,\
importance[proposal=variational],importance[proposal=encoder],ais[num_steps=20],ais[num_steps=20,start=encoder],\
ais[num_steps=20,start=prior],bdmc[num_steps=20,num_points=10],hmc,quadrature
estimators: estimate estimators --likelihood hmc[num_samples=20],quadrature --points 5 --split train
ppca: run --dataset ppca --model linear --likelihood exact,importance,ais[num_steps=20],quadrature,hmc
deep-bernoulli: run --model deep[hidden=30] --decoder bernoulli --dataset digits[binarize=dynamic] \
--algos aevb,mcem[batch_size=100,optimiser=adam]
deep-bernoulli: estimate deep-bernoulli --likelihood ais[num_steps=20],importance[proposal=variational] --points 5
deep-gaussian: run --model deep[hidden=30,min_deviation=0.1] --decoder gaussian \
--algos aevb[optimiser=adam],wakesleep,aevb[learning_rate=100]
deep-unit-gaussian: run --model deep[hidden=30] --decoder unit_gaussian --dataset digits[binarize=static] \
--algos aevb,fullvb
freyface: run --dataset freyface --decoder gaussian --algos aevb[optimiser=adam],wakesleep
extended: run --backend loky --jobs 1 --budget 4e3 --dataset digits[binarize=threshold] --algos aevb,mcem
extended: run --backend loky --jobs 1 --budget 1e4 --dataset digits[binarize=threshold] --algos aevb,mcem
"""
OPTIONS = {
    "run": "run --backend sequential --device cpu --out {name} --algos aevb,wakesleep --z 2 --seeds 1 --budget 1e4 "
    "--model mlp[hidden=30] --eval-points 300 --likelihood importance[num_samples=100] --likelihood-points 10",
    "estimate": "estimate --backend sequential --device cpu",
}
NAMES = list(dict.fromkeys(line.partition(": ")[0] for line in COMMANDS.strip().splitlines()))
RAN = (0, 3)  # exit codes: all trials are done; some have not ended well (aevb[learning_rate=100] diverges)

# By table of `bench export`: what identifies a row.
TABLES = {
    "trials": ["trial"],
    "trace": ["trial", "samples"],
    "diagnostics": ["trial", "samples", "name"],
    "likelihoods": ["trial", "estimator", "split"],
    "likelihood_trace": ["trial", "samples", "estimator", "split"],
    "diagnosis": ["trial"],
    "latents": ["trial", "dimension"],
    "rate_distortion": ["trial", "estimator", "split", "beta"],
}
TENSORS = ("model.safetensors", "likelihoods*.safetensors")  # of each trial: weights; estimates per datapoint
TIMES = {"train_seconds", "eval_seconds", "seconds", "samples_per_second", "cpu_share", "machine"}
PROSE = {"reason", "warnings", "pixels", "collapse"}  # texts, of which only the numbers have to be the same
ALONE = ["importance", "importance[proposal=encoder]", "ais[num_steps=20]", "hmc"]  # estimators to use from Python
NUM_SHOWN = 5  # differences of each run


@dataclass(frozen=True)
class Comparison:
    """What came of comparing one run."""

    base: Values
    differences: list[str]
    notes: list[str]  # what else there is to know

    def row(self) -> dict[str, str]:
        """How much was compared and the result, for the printed table."""
        tensors = {name: [value for key, value in self.base.items() if key[0] == name] for name in TENSORS}
        num_rows = {table: self.base.get((table, "rows"), 0) for table in TABLES}
        counts = {
            "trials": num_rows["trials"],
            "trace rows": num_rows["trace"],
            "weights": len(tensors["model.safetensors"]),
            "estimates": num_rows["likelihoods"] + num_rows["likelihood_trace"],
            "values per datapoint": sum(tensor.size for tensor in tensors["likelihoods*.safetensors"]),
            "all values": sum(np.size(value) for value in self.base.values()),
        }
        result = f"{len(self.differences)} differ" if self.differences else "identical"
        return {**{name: f"{count:,}" for name, count in counts.items()}, "result": result}


def compare(base: Values, new: Values) -> Comparison:
    """Compare every value that either side has, except for columns that only one side has."""
    columns, others = ({(key[0], key[-1]) for key in side if key[0] in TABLES} for side in (base, new))
    lacking = columns ^ others  # all columns of a table without rows, whose number is compared too
    notes = {
        f"only {'the base' if (table, column) in columns else 'the working tree'} has the column `{column}` of {table}"
        for table, column in lacking
        if base[table, "rows"] and new[table, "rows"]
    }
    differences = []
    for key in (key for key in dict.fromkeys([*base, *new]) if (key[0], key[-1]) not in lacking):
        name = " ".join(map(str, key))
        if key not in base or key not in new:
            differences.append(f"{name}: only {'the base' if key in base else 'the working tree'} has it")
        elif (difference := unlike(base[key], new[key])) and key[-1] in PROSE and same_numbers(base[key], new[key]):
            notes.add(f"`{key[-1]}` has other words: {difference}")
        elif difference:
            differences.append(f"{name}: {difference}")
    return Comparison(base, differences, sorted(notes))


def unlike(base: Any, new: Any) -> str:
    """How two values differ; empty if all bits are the same, NaN being equal to NaN."""
    if not (isinstance(base, np.ndarray) and isinstance(new, np.ndarray)):
        return "" if canonical(base) == canonical(new) else f"{base!r} -> {new!r}"
    if (base.dtype, base.shape) != (new.dtype, new.shape):
        return f"{base.dtype} {base.shape} -> {new.dtype} {new.shape}"
    bits = f"u{base.itemsize}"
    where = np.argwhere((base.view(bits) != new.view(bits)) & ~(np.isnan(base) & np.isnan(new)))
    first = tuple(where[0]) if len(where) else ()
    return f"{len(where)} of {base.size} values, the first {base[first]} -> {new[first]}" if len(where) else ""


def canonical(value: Any) -> str:
    """Text that tells all bits of a number; a whole number reads alike as int and float, NaN like what is missing."""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else value.hex()
    return "nan" if value is None else str(value)


def same_numbers(base: Any, new: Any) -> bool:
    """Whether two texts hold the same numbers, and both or neither are empty (or missing)."""
    texts = [canonical(text).removeprefix("nan") for text in (base, new)]
    numbers = [re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", text) for text in texts]
    return numbers[0] == numbers[1] and bool(texts[0]) == bool(texts[1])


def values(side: Path, name: str) -> Values:
    """All that is compared of a run: exit codes, tables, tensors."""
    everything: Values = {("exit codes",): json.loads((side / "exit_codes.json").read_text())[name]}
    for table, keys in TABLES.items():
        path = side / name / f"{table}.parquet"
        frame = pd.read_parquet(path) if path.exists() else pd.DataFrame(columns=keys)
        everything[table, "rows"] = len(frame)
        for key, row in frame.set_index(keys, drop=False).to_dict("index").items():
            place = key if isinstance(key, tuple) else (key,)
            everything |= {(table, *place, column): value for column, value in row.items() if column not in TIMES}
    for path in sorted((side / name).glob("trials/*/*.safetensors")):
        kind = next((name for name in TENSORS if path.match(name)), None)
        if kind is not None:
            everything |= {(kind, path.parent.name, *key): array for key, array in _tensors(path).items()}
    return everything


def _tensors(path: Path) -> dict[tuple[str, ...], Any]:
    """The tensors of a file; those of an estimate by estimator, split and quantity, in the names of format 2 too."""
    with safe_open(path, framework="numpy") as file:
        record = json.loads((file.metadata() or {}).get("record", "{}"))
    of = (record["estimator"], record["split"]) if record else ()
    return {(*of, *name.rsplit("/", 2)): array for name, array in load_file(path).items()}


def read_alone(side: Path) -> Values:
    """What was written by `read_out` of algorithms alone."""
    return {(name,): value for name, value in json.loads((side / "alone.json").read_text()).items()}


def make(root: Path, side: Path, request: dict[str, Any]) -> None:
    """Run the commands of ``request["runs"]`` by the `bench` in ``root``, with their results in ``side``.

    What was requested is written to request.json, last, and only if all commands ran.
    Raises SystemExit if `import bench` finds another one, or if results cannot be read.
    """
    shutil.rmtree(side, ignore_errors=True)
    side.mkdir(parents=True)
    script = "import bench, importlib.util as u; print(bench.__file__, u.find_spec('bench.algorithms.aevb').origin)"
    printed = _python(root, side, "-c", script)
    if printed.returncode or not all(Path(path).is_relative_to(root) for path in printed.stdout.split()):
        raise SystemExit(f"`import bench` does not find {root}, but: {printed.stdout}{printed.stderr}")
    exit_codes: dict[str, list[int]] = {name: [] for name in request["runs"]}
    for name, _, command in (line.partition(": ") for line in COMMANDS.strip().splitlines()):
        if name in exit_codes:
            exit_codes[name].append(_bench(root, side, name, command))
    (side / "exit_codes.json").write_text(json.dumps(exit_codes))
    finished = _python(root, side, __file__, "--read-out", str(side))
    if finished.returncode:
        raise SystemExit(f"The results of {side.name} cannot be read:\n{finished.stderr}")
    if all(code in RAN for codes in exit_codes.values() for code in codes):
        (side / "request.json").write_text(json.dumps(request))


def _bench(root: Path, side: Path, name: str, command: str) -> int:
    """Run one command and return its exit code; shows what went wrong."""
    verb, *arguments = shlex.split(command)
    started = time.perf_counter()
    finished = _python(root, side, "-m", "bench", *OPTIONS[verb].format(name=name).split(), *arguments)
    _tell(f"{side.name}: {name}: bench {verb}, {time.perf_counter() - started:.0f} s")
    if finished.returncode not in RAN:
        _tell(f"exit code {finished.returncode}: bench {command}\n{finished.stderr[-2000:]}")
    return finished.returncode


def _python(root: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(  # noqa: S603  # this Python, on files of the checkout
        [sys.executable, "-P", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def read_out(side: Path) -> None:
    """In a process that imports the side's `bench`: export every run, and use algorithms alone."""
    for name, exit_codes in json.loads((side / "exit_codes.json").read_text()).items():
        for table in TABLES if exit_codes[-1] in RAN else ():
            # Not `--format json`, which rounds to 15 digits.
            sys.argv = ["bench", "export", name, "--what", table, "-o", f"{name}/{table}.parquet"]
            try:
                runpy.run_module("bench", run_name="__main__")
            except SystemExit as ended:
                if ended.code:
                    raise
    (side / "alone.json").write_text(json.dumps(alone(), indent=1))


def alone() -> dict[str, str]:
    """Weights, histories and estimates of algorithms that are used from Python: hexadecimal floats, and hashes."""
    from sklearn.datasets import load_digits

    from bench.algorithms.aevb import AEVB
    from bench.algorithms.mcem import MCEM
    from bench.algorithms.wakesleep import WakeSleep

    x = load_digits().data / 16
    numbers_of: dict[str, str] = {}
    for kind, estimators in ((AEVB, ALONE), (WakeSleep, ALONE[:1]), (MCEM, ALONE[:1])):
        fitted = kind(latent_size=3, model="mlp[hidden=20]", device="cpu").fit(x[:1500], budget=3000)
        learned = {name: _hash(value) for name, value in fitted.model.state_dict().items()}
        for row in fitted.history:
            numbers = {name: float(value).hex() for name, value in row.items() if not name.endswith("seconds")}
            learned |= {f"{name} after {row['samples']}": number for name, number in numbers.items()}
        for estimator in estimators:
            estimate = fitted.estimate_log_likelihood(x[1500:1510], estimator)
            learned |= {f"{estimator} mean": estimate.mean.hex(), f"{estimator} se": estimate.standard_error.hex()}
            learned |= {f"{estimator} values": _hash(estimate.log_likelihoods)}
        numbers_of |= {f"{kind.__name__} {name}": value for name, value in learned.items()}
    return numbers_of


def _hash(tensor: Any) -> str:
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()


def export(commit: str, top: Path, folder: Path) -> None:
    """Write the files of ``commit`` to ``folder``; unlike a worktree it leaves nothing behind in the repository."""
    with zipfile.ZipFile(io.BytesIO(_git(top, "archive", "--format=zip", commit))) as archive:
        archive.extractall(folder)


def copy(top: Path, folder: Path) -> None:
    """Write the working tree to ``folder``, new files included and ignored ones not: later edits do not count."""
    listed = _git(top, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in map(os.fsdecode, filter(None, listed.split(b"\0"))):
        if (top / name).is_file():  # otherwise it is deleted, but not yet in the index
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(top / name, folder / name)


def _git(top: Path, *arguments: str) -> bytes:
    finished = subprocess.run(["git", *arguments], cwd=top, capture_output=True, check=False)  # noqa: S603, S607  # the user's own git
    if finished.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {finished.stderr.decode(errors='replace').strip()}")
    return finished.stdout


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def make_both(revision: str, runs: list[str], temporary: Path, results: Path) -> None:
    """Make ``results/base``, unless it is there already, and ``results/new``."""
    top = Path(os.fsdecode(_git(Path.cwd(), "rev-parse", "--show-toplevel")).rstrip("\n"))
    commit = _git(top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    request = {"commit": commit, "runs": runs, "commands": COMMANDS, "options": OPTIONS, "alone": ALONE}
    copy(top, temporary / "new")
    made = results / "base" / "request.json"
    earlier = json.loads(made.read_text()) if made.exists() else {"runs": []}
    if earlier != {**request, "runs": earlier["runs"]} or not {*runs} <= {*earlier["runs"]}:
        export(commit, top, temporary / "base")
        make(temporary / "base", results / "base", request)
    if not made.exists():
        raise SystemExit(f"Some commands do not run on {revision}: there is nothing to compare with.")
    make(temporary / "new", results / "new", request)


def main() -> None:
    """Make both sides, compare them, print."""
    if sys.argv[1:2] == ["--read-out"]:  # how this script calls itself
        read_out(Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="branch, tag or commit that the working tree is compared with")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder that the results of both sides stay in")
    parser.add_argument("--only", metavar="RUN,RUN", default=",".join(NAMES), help=f"of {', '.join(NAMES)}")
    arguments = parser.parse_args()
    runs = arguments.only.split(",")
    if not {*runs} <= {*NAMES}:
        parser.error(f"`--only` takes names of {', '.join(NAMES)} (got {arguments.only}).")
    with TemporaryDirectory(prefix="bench-unchanged-") as temporary:
        folder = Path(temporary).resolve()
        results = arguments.keep.resolve() if arguments.keep else folder / "results"
        make_both(arguments.revision, runs, folder, results)
        base, new = results / "base", results / "new"
        compared = {name: compare(values(base, name), values(new, name)) for name in runs}
        compared["from Python"] = compare(read_alone(base), read_alone(new))
    lines = [
        pd.DataFrame([{"run": name, **one.row()} for name, one in compared.items()]).to_markdown(index=False),
        "",
    ]
    for name, one in compared.items():
        lines += [f"- {name}: {difference}" for difference in one.differences[:NUM_SHOWN]]
        lines += [f"- {name}: and {more} more"] if (more := len(one.differences) - NUM_SHOWN) > 0 else []
    lines += [f"- no difference: {note}" for note in sorted({note for one in compared.values() for note in one.notes})]
    print("\n".join(lines))  # noqa: T201
    sys.exit(1 if any(one.differences for one in compared.values()) else 0)


if __name__ == "__main__":
    main()
