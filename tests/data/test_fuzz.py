"""Files that were damaged or made up: every reader returns data or raises UsageError, nothing else.

Each test tries 60 cases, the same ones every time; BENCH_FUZZ in the environment sets another number,
of new ones.
"""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from bench import options, plugins
from bench.datasets.file import File
from bench.errors import UsageError
from bench.studies.spec import Choice
from bench.values import calls

ASKED = os.environ.get("BENCH_FUZZ")
fuzzed = settings(
    max_examples=int(ASKED or 60),
    derandomize=not ASKED,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Pillow warns of large images and damaged metadata, SciPy of repeated names, and NumPy of odd headers.
pytestmark = pytest.mark.filterwarnings("ignore")

SIZES = st.one_of(st.integers(-2, 9), st.integers(-(2**70), 2**70), st.sampled_from([2**31, 2**32, 2**63, 10**12]))
LEVELS = np.random.default_rng(0).integers(0, 256, (5, 4, 6), dtype=np.uint8)


def survives(path: Path, content: bytes, **chosen: Any) -> None:
    """Writing the content and reading it gives data, or UsageError with one line of bounded length."""
    path.write_bytes(content)
    given_path = path.parent if path.parent.name == "images" else path
    try:
        data = File(path=str(given_path), **chosen).load(torch.Generator())
    except UsageError as error:
        assert 20 < len(str(error)) < 2000  # noqa: PT017  # what it says is what is tested
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert data.understood


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A file of which bytes were changed, cut out, repeated, or put in."""
    content = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.sampled_from([1, 1, 2, 4, 8, 100]))
        kind = draw(st.sampled_from(["change", "cut", "repeat", "insert", "end"]))
        if kind == "change":
            content[place : place + length] = draw(st.binary(min_size=length, max_size=length))
        elif kind == "cut":
            del content[place : place + length]
        elif kind == "repeat":
            content[place:place] = content[place : place + length]
        elif kind == "insert":
            content[place:place] = draw(st.sampled_from([b"\0" * 8, b"\xff" * 8, b"\x7f\xff\xff\xff", b"1e999", b"-"]))
        else:
            del content[place:]
    return bytes(content)


def made(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


@st.composite
def npy_files(draw: st.DrawFn) -> bytes:
    """A .npy file with any shape, type and order in its header."""
    shape = tuple(draw(st.lists(SIZES, max_size=4)))
    kinds = ["<f8", ">f4", "|u1", "|b1", "<i8", "|O", "<U9", "<c16", "<M8[s]", "|V7", "<f2", "<U999999999", "nonsense"]
    header = {"descr": draw(st.sampled_from(kinds)), "fortran_order": draw(st.booleans()), "shape": shape}
    text = repr(header).encode() + b"\n"
    version = draw(st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"]))
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + draw(st.binary(max_size=200))


ARRAYS = st.sampled_from([LEVELS, LEVELS / 255, LEVELS > 99, LEVELS.reshape(5, 24), np.float16(LEVELS), LEVELS.T])
NPY = st.one_of(npy_files(), ARRAYS.map(lambda array: made(lambda stream: np.save(stream, array))))


@fuzzed
@given(content=damaged(NPY))
def test_npy(content: bytes, tmp_path: Path) -> None:
    survives(tmp_path / "a.npy", content)


@st.composite
def npz_files(draw: st.DrawFn) -> bytes:
    names = draw(
        st.lists(st.sampled_from(["x.npy", "y.npy", "../x.npy", "x", "/x.npy", "é.npy"]), max_size=3, unique=True)
    )
    packing = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))

    def write(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w", packing) as archive:
            for name in names:
                archive.writestr(name, draw(damaged(NPY)))

    return made(write)


@fuzzed
@given(content=damaged(npz_files()), key=st.sampled_from(["", "x", "y", "../x"]))
def test_npz(content: bytes, key: str, tmp_path: Path) -> None:
    survives(tmp_path / "a.npz", content, key=key)


@st.composite
def mat_files(draw: st.DrawFn) -> bytes:
    values = st.sampled_from(
        [LEVELS[0], LEVELS, LEVELS / 255, LEVELS > 99, "text", {"a": 1}, np.array([1, "b"], object)]
    )
    variables = draw(st.dictionaries(st.sampled_from(["x", "y"]), values, max_size=2))
    version = draw(st.sampled_from(["4", "5"]))
    if version == "4":
        variables = {name: value for name, value in variables.items() if getattr(value, "ndim", 0) == 2}
    is_packed = version == "5" and draw(st.booleans())
    return made(lambda stream: savemat(stream, variables, format=version, do_compression=is_packed))


@fuzzed
@given(content=damaged(mat_files()), axis=st.sampled_from(["auto", "first", "last"]))
def test_mat(content: bytes, axis: str, tmp_path: Path) -> None:
    survives(tmp_path / "a.mat", content, datapoints=axis)


@st.composite
def idx_files(draw: st.DrawFn) -> bytes:
    shape = draw(st.one_of(st.just(LEVELS.shape), st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 6), max_size=5)))
    kind = draw(st.sampled_from([8, 9, 11, 12, 13, 14, 0, 255]))
    content = bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + LEVELS.tobytes()
    return gzip.compress(content) if draw(st.booleans()) else content


@fuzzed
@given(content=damaged(idx_files()))
def test_idx(content: bytes, tmp_path: Path) -> None:
    survives(tmp_path / "a.idx", content)


CELLS = st.sampled_from(
    [
        "0",
        "1",
        "0.5",
        "-1e9",
        "1e999",
        "nan",
        "",
        "NA",
        "x",
        "0,5",
        "1.234,5",
        '"1"',
        '"',
        "# a",
        " 2",
        "1_0",
        "id",
        "٣",
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Lines of cells with any separators; usually of one width."""
    mark = draw(st.sampled_from([",", ";", "\t", " ", "|"]))
    width = draw(st.integers(1, 5))
    lines = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8))
    lines += draw(st.lists(st.lists(st.sampled_from(["0", "1", "0.25"]), min_size=width, max_size=width), max_size=8))
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\x0b"]))
    text = end.join(mark.join(line) for line in lines)
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"])))


@fuzzed
@given(
    content=damaged(tables() | st.text(max_size=80).map(str.encode)),
    header=st.sampled_from(["auto", "yes", "no"]),
    drop=st.sampled_from(["auto", "none", "1", "id", "1,2", "9" * 40, ",", "٣"]),
)
def test_tables(content: bytes, header: str, drop: str, tmp_path: Path) -> None:
    survives(tmp_path / "a.csv", content, header=header, drop=drop, likelihood="gaussian")


@st.composite
def image_files(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "WEBP", "ICO", "JPEG2000"]))
    modes = {
        "JPEG": ["L", "RGB", "CMYK"],
        "JPEG2000": ["L", "RGB"],
        "PPM": ["1", "L", "RGB"],
        "WEBP": ["RGB", "RGBA"],
        "BMP": ["1", "L", "RGB"],
    }
    mode = draw(st.sampled_from(modes.get(kind, ["L", "LA", "P", "RGB", "RGBA"])))
    image = Image.fromarray(LEVELS[draw(st.integers(0, 4))]).convert(mode)
    return made(lambda stream: image.save(stream, kind))


@fuzzed
@given(content=damaged(image_files()), ground=st.sampled_from(["none", "black", "white"]))
def test_images(content: bytes, ground: str, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir(exist_ok=True)
    Image.fromarray(LEVELS[0]).save(folder / "0.png")
    survives(folder / "1.png", content, background=ground)


TEXTS = st.text(st.sampled_from("ab/.~,=[]'\" é\0") | st.characters(), max_size=20)


@fuzzed
@given(text=TEXTS)
def test_names_of_data_sets(text: str) -> None:
    try:
        reference, chosen = plugins.resolve("dataset", text)
        reference.load()(**chosen)
        Choice.parse("dataset", text)
    except UsageError:
        pass


@fuzzed
@given(path=TEXTS.map(str.strip).filter(lambda text: text.isprintable() and text and not {"'", '"'} <= set(text)))
def test_every_path_can_be_written_and_read_back(path: str) -> None:
    """Unless it holds both kinds of quotes."""
    shown = options.call_name("file", File(path=path).options)
    assert calls.parse_call(shown) == ("file", {"path": path})
    assert calls.split_list(f"{shown},other") == [shown, "other"]
