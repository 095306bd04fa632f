"""Arrays and archives that declare, or unpack to, absurd sizes: refused before memory is taken."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from bench.data import idx_files, mat_files
from bench.data.limits import gunzip, inflate
from bench.datasets import freyface
from bench.datasets.file import File
from bench.datasets.ppca import PPCA
from bench.errors import DataError, OptionError

MILLION = 10**6


def header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    stream = io.BytesIO()
    fields = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, fields)
    return stream.getvalue()


def refusal(path: Path, **options: object) -> str:
    import torch

    with pytest.raises(DataError) as error:
        File(path=str(path), **options).load(torch.Generator())
    return str(error.value)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((10**12, 8), "must hold at most 1,000,000,000 values (it declares 1,000,000,000,000 x 8)"),
        ((2**32, 2**32), "at most"),
        ((2**62, 4, 4), "at most"),
        ((-1, 8), "sizes of at least 0"),
        ((MILLION, 100), "its header declares 100,000,000 bytes of values, and 16 are there"),
        ((2, 4), "its header declares 8 bytes of values, and 16 are there"),
    ],
)
def test_headers_of_npy_and_npz(tmp_path: Path, shape: tuple[int, ...], words: str) -> None:
    content = header(shape) + bytes(16)
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    assert words in refusal(tmp_path / "a.npy")
    assert words in refusal(tmp_path / "a.npz")


def test_a_type_of_absurd_size(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(header((2, 2), "<U500000000") + bytes(16))
    assert "its header declares" in refusal(tmp_path / "a.npy")


def test_idx(tmp_path: Path) -> None:
    start = b"\0\0\x08\x03"
    (tmp_path / "a.idx").write_bytes(start + struct.pack(">III", 2**31, 2**31, 4))
    assert "at most 1,000,000,000 values" in refusal(tmp_path / "a.idx")
    (tmp_path / "b.idx3-ubyte.gz").write_bytes(gzip.compress(start + struct.pack(">III", 9, 4, 4) + bytes(MILLION)))
    assert "unpacks to more than the 160 bytes" in refusal(tmp_path / "b.idx3-ubyte.gz")
    with pytest.raises(ValueError, match="ends within its header"):
        idx_files.parse(b"\0\0\x08\xff" + bytes(8), "x")


@pytest.mark.parametrize("name", ["a.csv", "a.npy", "a.idx", "a.mat"])
def test_a_sparse_file_is_not_read(tmp_path: Path, name: str) -> None:
    """It takes no space on the disk, and would take all of the memory."""
    start = {
        "a.csv": b"0,1\n",
        "a.npy": header((2, 2)),
        "a.idx": b"\0\0\x08\x02" + struct.pack(">II", 2, 2),
        "a.mat": b"",
    }
    with (tmp_path / name).open("wb") as stream:
        stream.write(start[name])
        stream.truncate(7_000_000_000)
    assert name in refusal(tmp_path / name)
    with (tmp_path / name).open("r+b") as stream:
        stream.truncate(50_000_000_000)
    assert "must have at most 8,000,000,000 bytes (got 50,000,000,000)" in refusal(tmp_path / name)


def test_a_small_gzip_is_not_unpacked_beyond_what_is_expected() -> None:
    packed = gzip.compress(bytes(10 * MILLION))
    with pytest.raises(ValueError, match="unpacks to more than the 1,000 bytes"):
        gunzip(packed, 1000)
    assert len(inflate(packed, 1000, zlib.MAX_WBITS | 16)) == 1000


def mat(tmp_path: Path, **variables: np.ndarray) -> bytes:
    savemat(tmp_path / "made.mat", variables, do_compression=True)
    return (tmp_path / "made.mat").read_bytes()


def test_a_matlab_variable_that_unpacks_to_more_than_it_declares(tmp_path: Path) -> None:
    raw = mat(tmp_path, ff=np.zeros((4, 5), np.uint8))
    size = struct.unpack("<I", raw[132:136])[0]
    element = zlib.decompress(raw[136 : 136 + size]) + bytes(50 * MILLION)
    packed = zlib.compress(element)
    bomb = raw[:128] + struct.pack("<II", 15, len(packed)) + packed
    with pytest.raises(ValueError, match="'ff' unpacks to more than its declared size"):
        mat_files.load(bomb, "ff", (4, 5), "x")
    assert mat_files.load(raw, "ff", (4, 5), "x").shape == (4, 5)


def test_a_matlab_file_of_other_faces(tmp_path: Path) -> None:
    raw = mat(tmp_path, ff=np.zeros((40, 50), np.uint8))
    with pytest.raises(DataError, match=r"must hold 'ff' of \[560, 1965\]"):
        freyface.FILE.unpack(raw, freyface.FILE.size)
    (tmp_path / "a.mat").write_bytes(raw)
    assert "write datapoints=first if there are 40, datapoints=last if there are 50" in refusal(tmp_path / "a.mat")


@pytest.mark.parametrize(
    "settings",
    [
        {"num_test": 10**9},
        {"num_train": 10**9},
        {"pixels": 10**9},
        {"num_test": 10**300},
        {"pixels": 10**6, "rank": 999},
    ],
)
def test_synthetic_data_of_absurd_size(settings: dict[str, int]) -> None:
    with pytest.raises(
        OptionError, match=r"must be at most 100,000,000 values|must be an integer of at least 1 and at most 9"
    ):
        PPCA(**settings)


SCRIPT = """
import resource, sys, torch
from bench.datasets.file import File
from bench.datasets.mnist import MNIST
from bench.errors import DataError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for dataset in (File(path="bomb.npz"), File(path="bomb.idx3-ubyte.gz"), MNIST()):
    try:
        dataset.load(torch.Generator())
    except DataError as error:
        print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    """Each would unpack to 400 MB; kilobytes are counted in a process of its own."""
    zeros, packer = bytes(20 * MILLION), zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    stream = packer.compress(b"\0\0\x08\x03" + struct.pack(">III", 9, 4, 4))
    stream += b"".join(packer.compress(zeros) for _ in range(20)) + packer.flush()
    for name in ("bomb.idx3-ubyte.gz", "train-images-idx3-ubyte.gz"):
        (tmp_path / name).write_bytes(stream)
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w") as member,
    ):
        member.write(header((2000, MILLION)))
        for _ in range(20):
            member.write(zeros)
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "BENCH_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    *said, kilobytes = finished.stdout.splitlines()
    for name, line in zip(("bomb.npz", "bomb.idx3", "train-images"), said, strict=True):
        assert name in line
    assert int(kilobytes) < 200_000  # MNIST is 47 MB, and unpacked that far
