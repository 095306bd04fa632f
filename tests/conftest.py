"""Fixtures of all tests."""

from __future__ import annotations

import gc
import gzip
import hashlib
import importlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import Tensor

from bench import seeds
from bench.architecture import Shape
from bench.architectures.linear import Linear
from bench.models.encoder import Encoder
from bench.models.latent import LatentVariableModel
from bench.models.observation import observation_model


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m timing`` import only the files that have such tests: importing all takes longer than some of these."""
    if config.option.markexpr != "timing" or collection_path.suffix != ".py":
        return None
    return True if "mark.timing" not in collection_path.read_text(encoding="utf-8") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Exclude tests that assert on a time, and long measurements, from parallel runs: others would run beside them."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        alone = [item for item in items if item.get_closest_marker("timing") or _is_long_measurement(item)]
        config.hook.pytest_deselected(items=alone)
        items[:] = [item for item in items if item not in alone]


def _is_long_measurement(item: pytest.Item) -> bool:
    return item.path.parent.name == "perf" and item.get_closest_marker("slow") is not None


gc.disable()  # while the tests are imported, nothing becomes garbage


def pytest_collection_finish() -> None:
    """Whatever the tests have imported is no garbage ever: looking for some took a tenth of their time."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: many a test waits for a process that it started, or for a deadline."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")  # before any test changes the environment
def data_dir() -> Path:
    """The folder of real data that BENCH_DATA_DIR names; without it a test is skipped, or fails in CI."""
    named = os.environ.get("BENCH_DATA_DIR")
    if not named:
        reason = "BENCH_DATA_DIR is not set: name the folder with the MNIST and Frey Face files"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return Path(named)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that the processes of a parallel run share: who makes something there holds a `FileLock`."""
    session = tmp_path_factory.getbasetemp()
    return session.parent if "PYTEST_XDIST_WORKER" in os.environ else session


@pytest.fixture(scope="session")
def unpacked_data_dir(data_dir: Path, shared_folder: Path) -> Path:
    """The same data, unpacked once: each short trial on MNIST would spend as long on that as on its training."""
    folder = shared_folder / "unpacked"
    with FileLock(shared_folder / "unpacked.lock"):
        if not folder.exists():
            folder.mkdir()
            for path in filter(Path.is_file, data_dir.iterdir()):
                content, packed = path.read_bytes(), path.suffix == ".gz"
                (folder / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(content) if packed else content)
    return folder


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """As trials run by default; several threads on tensors this small only wait for each other.

    The environment variable is for the processes that tests start.
    """
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache of downloads."""
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """``small_files("kmnist")``: a folder with small files of its format, which it takes for the real ones."""

    def written(name: str) -> Path:
        folder = tmp_path / "files" / name
        folder.mkdir(parents=True)
        write_omniglot(folder, monkeypatch) if name == "omniglot" else write_idx_images(folder, monkeypatch)
        return folder.parent

    return written


def write_idx_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 training and 10 test images as LeCun describes the format, whose hashes replace the published ones."""
    from bench.data import idx_images

    module = importlib.import_module(f"bench.datasets.{folder.name}")
    hashes = getattr(module, "SHA256", None) or module.PACKED_SHA256
    random = np.random.default_rng(0)
    for part, count in (("train", 40), ("t10k", 10)):
        images, labels = random.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
        for what, values in (("images-idx3", images), ("labels-idx1", labels)):
            content = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()
            name, packed = f"{part}-{what}-ubyte.gz", gzip.compress(content)
            (folder / name).write_bytes(packed)
            hashed = content if hasattr(module, "SHA256") else packed
            monkeypatch.setitem(hashes, name, hashlib.sha256(hashed).hexdigest())
            monkeypatch.setitem(idx_images.SIZES, name, len(content))


def write_omniglot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the IWAE paper's repository: double precision, one image per column and by columns, one-hot alphabets."""
    from scipy.io import savemat

    from bench.datasets import omniglot

    random, arrays = np.random.default_rng(0), {}
    for part, count in (("", 12), ("test", 5)):
        images = np.zeros((count, 28, 28))
        images[:, 3, 20] = 1  # row 3, column 20
        images[:, 5, :4] = random.random((count, 4))
        arrays[f"{part}data"] = images.swapaxes(1, 2).reshape(count, 784).T
        arrays[f"{part}target"] = np.eye(50)[:, 3 * np.arange(count)]
        arrays[f"{part}targetchar"] = np.arange(count, dtype=float)[None]
    savemat(folder / "chardata.mat", arrays, do_compression=True)
    monkeypatch.setattr(omniglot, "NUM_TRAIN", 12)
    monkeypatch.setattr(omniglot, "NUM_TEST", 5)


@pytest.fixture(scope="session")
def trained_run(shared_folder: Path) -> Path:
    """A run for all tests of reports, in a folder with a hostile name: two algorithms, two latent sizes, five seeds.

    The processes of a parallel run share it: the first to ask makes it.  Tests that change it take a copy.
    """
    import bench
    from bench.execution.execution import Execution

    out = shared_folder / "trained" / "<b>run & 'co'"
    asked: dict[str, Any] = {"algos": "aevb[learning_rate=0.05],mcem", "z": [2, 3], "seeds": 5, "budget": 2000}
    asked["tune"] = "paper[samples=500]"
    asked |= {"dataset": str(Path(__file__).parent / "plugins" / "blobs.py")}
    asked |= {"likelihood": "importance[num_samples=20]", "likelihood_points": 60}
    with FileLock(shared_folder / "trained.lock"):
        if not out.exists():
            bench.run(out=out, execution=Execution(backend="sequential", device="cpu"), quiet=True, **asked)
    return out


@pytest.fixture(scope="session")
def rewrite() -> Callable[..., None]:
    """``rewrite(path, status="failed")``: other entries in a trial's JSON, with the checksum that belongs to them."""
    from bench.store.files import read_json, write_json

    def rewrite(path: Path, **entries: object) -> None:
        write_json(path, {**read_json(path, path.parent.name), **entries}, path.parent.name)

    return rewrite


NUM_PIXELS = 12
NOISE = 0.6


@dataclass(frozen=True)
class Known:
    """A model with data drawn from it, and their exact likelihood and posterior."""

    model: LatentVariableModel
    x: Tensor  # [N, D]
    log_likelihood: Tensor  # [N] nats, float64
    posterior_mean: Tensor  # [N, d]
    posterior_covariance: Tensor  # [d, d], the same for every x


def _encoder(shape: Shape, loadings: Tensor, bias: Tensor, covariance: Tensor, generator: torch.Generator) -> Encoder:
    """95 % of the exact posterior mean, and 150 % of its variances."""
    encoder = Linear().encoder(shape, generator)
    network: Any = encoder.network
    weight = 0.95 * covariance @ loadings.T / NOISE**2
    with torch.no_grad():
        network.mean.weight.copy_(weight)
        network.mean.bias.copy_(-weight @ bias)
        network.log_variance.copy_((1.5 * covariance.diagonal()).log())
    return encoder


def _known(latent_size: int, num_data: int, *, encoder: bool) -> Known:
    generator = seeds.generator("test-linear-gaussian", latent_size)
    shape = Shape(latent_size, NUM_PIXELS, observation_model("gaussian"), bounded=False)
    decoder = Linear(init_scale=0.6).decoder(shape, generator)
    network: Any = decoder.network
    loadings, bias = (p.detach() for p in network.mean.parameters())
    precision = torch.eye(latent_size) + loadings.T @ loadings / NOISE**2
    covariance = torch.linalg.inv(precision)
    with torch.no_grad():
        network.log_variance.fill_(2 * torch.tensor(NOISE).log())
        x = decoder.sample(torch.randn(num_data, latent_size, generator=generator), generator)
    found = _encoder(shape, loadings, bias, covariance, generator) if encoder else None
    wide = loadings.double()
    marginal = torch.distributions.MultivariateNormal(
        bias.double(), wide @ wide.T + NOISE**2 * torch.eye(NUM_PIXELS, dtype=torch.float64)
    )
    return Known(
        model=LatentVariableModel(latent_size, decoder, found),
        x=x,
        log_likelihood=marginal.log_prob(x.double()),
        posterior_mean=(x - bias) @ loadings @ covariance / NOISE**2,
        posterior_covariance=covariance,
    )


@pytest.fixture(scope="session")
def linear_gaussian() -> Callable[..., Known]:
    """``linear_gaussian(latent_size, num_data, encoder=True)``; the encoder is deliberately imperfect."""
    return _known


CLUSTER_SECONDS = 60.0  # seconds until a process has started


class DaskCluster:
    """A Dask scheduler on this machine, and workers that join and are lost.

    Each node has folders of its own, as if it were another machine.
    """

    def __init__(self, folder: Path) -> None:
        """Start the scheduler."""
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.file = folder / "scheduler.json"
        self._start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self.file))
        deadline = time.monotonic() + CLUSTER_SECONDS
        while not self.file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.1)
        self.address: str = json.loads(self.file.read_text())["address"]
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self, node: str = "", **environment: str) -> None:
        """One with a thread, that is, for one trial at a time; on a node of its own by default."""
        name = f"worker{len(self.workers)}"
        command = ("worker", self.address, "--nthreads", "1", "--name", name)
        self.workers.append(self._start(name, *command, node=node or name, **environment))

    def kill_worker(self, number: int) -> None:
        """As if its machine lost power: its nanny and its children die with it."""
        os.killpg(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()

    def alive(self) -> list[int]:
        """The workers that have not been killed, by their numbers."""
        return [number for number, worker in enumerate(self.workers) if worker.poll() is None]

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, name: str, *command: str, node: str = "", **more: str) -> subprocess.Popen[bytes]:
        folder = self.folder / (node or name)
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if key != "BENCH_DATA_DIR"}
        environment |= {"TMPDIR": str(folder / "tmp"), "BENCH_CACHE_DIR": str(folder / "cache"), "HOME": str(folder)}
        environment |= {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}  # which looks 100 times a second
        environment |= more
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + command[0], *command[1:], "--no-dashboard"],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process


@pytest.fixture(scope="session")
def start_dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], DaskCluster]:
    """Starts a cluster without workers, which its user stops."""
    return lambda: DaskCluster(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")  # not longer: idle processes take a tenth of a core
def shared_dask_cluster(start_dask_cluster: Callable[[], DaskCluster]) -> Iterator[DaskCluster]:
    """A cluster for all tests of a file that leave it as they found it: with two workers."""
    cluster = start_dask_cluster()
    for _ in range(2):
        cluster.add_worker()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def shared_ray_cluster() -> Iterator[Any]:
    """A Ray cluster for all tests of a file: a head without processors, and a node with two."""
    from ray.cluster_utils import Cluster

    settings = {
        "prestart_worker_first_driver": False,  # spares idle processes
        "enable_worker_prestart": False,
        "worker_niceness": 0,  # at Ray's own, 15, workers starve beside the other processes of a parallel run of tests
        "health_check_period_ms": 500,  # a node is lost after five checks that nobody answers
    }
    head = {"num_cpus": 0, "include_dashboard": False, "no_monitor": True, "_system_config": settings}

    class Patient(Cluster):  # type: ignore[misc]  # Ray has no types
        """Ray waits for a node to start for half a minute, which is short beside a parallel run of tests."""

        def add_node(self, *arguments: Any, **options: Any) -> Any:
            """Start a node, and another one if it is late."""
            for _ in range(2):
                with suppress(Exception):  # Ray raises no other
                    return super().add_node(*arguments, **options)
            return super().add_node(*arguments, **options)

    cluster = Patient(initialize_head=True, head_node_args=head)
    cluster.add_node(num_cpus=2)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def dask_cluster(start_dask_cluster: Callable[[], DaskCluster]) -> Iterator[DaskCluster]:
    """A cluster without workers."""
    cluster = start_dask_cluster()
    yield cluster
    cluster.stop()
