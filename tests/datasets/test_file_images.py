"""Folders of images: what one grey image cannot hold is kept, or refused; never dropped without a word."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bench import seeds
from bench.dataset import Data
from bench.datasets.file import File
from bench.errors import DataError

G = np.random.default_rng(0).integers(0, 256, (4, 6), dtype=np.uint8)
DEEP = np.random.default_rng(0).integers(0, 65536, (4, 6), dtype=np.uint16)
GREY, OTHER = Image.fromarray(G), Image.fromarray(255 - G)
INK = Image.merge("RGBA", [Image.new("L", (6, 4))] * 3 + [GREY])  # black, as thick as G
TURNED = Image.fromarray(np.ascontiguousarray(np.rot90(G)))  # upright again after a quarter turn clockwise


def load(
    folder: Path, *images: Image.Image, suffix: str = "png", how: dict[str, Any] | None = None, **options: object
) -> Data:
    (folder / "images").mkdir()
    for i, image in enumerate(images):
        image.save(folder / "images" / f"{i}.{suffix}", **(how or {}))
    return read(folder / "images", **options)


def read(folder: Path, **options: object) -> Data:
    return File(path=str(folder), **options).load(seeds.generator("data", 0))


def levels(data: Data, white: float = 255) -> np.ndarray:
    """[N, D], sorted."""
    return np.array(sorted((torch.cat([data.x_train, data.x_test]).double() * white).round().tolist()))


@pytest.mark.parametrize(
    "image",
    [
        INK,
        Image.merge("LA", (GREY, OTHER)),
    ],
    ids=["RGBA", "LA"],
)
def test_transparency_needs_a_background(tmp_path: Path, image: Image.Image) -> None:
    with pytest.raises(DataError, match=r"0.png has transparent pixels.*background=white or background=black"):
        load(tmp_path, image, image)
    white, black = (
        levels(read(tmp_path / "images", background=ground, divide_by=255))[0] for ground in ("white", "black")
    )
    alpha, ink = np.asarray(image)[..., -1].ravel() / 255, np.asarray(image)[..., 0].ravel()
    np.testing.assert_allclose(white, alpha * ink + (1 - alpha) * 255, atol=1.01)
    np.testing.assert_allclose(black, alpha * ink, atol=1.01)
    assert "transparent pixels on white" in read(tmp_path / "images", background="white").understood


def test_transparency_of_palettes_and_single_colours_counts(tmp_path: Path) -> None:
    palette = GREY.convert("RGB").quantize(8)
    for name, image, how in (("p", palette, {"transparency": 0}), ("l", GREY, {"transparency": int(G[0, 0])})):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match="transparent"):
            load(tmp_path / name, image, image, how=how)
        assert levels(read(tmp_path / name / "images", background="white")).max() == 255


def test_opaque_images_with_an_alpha_channel_are_images(tmp_path: Path) -> None:
    solid = Image.merge("RGBA", [GREY] * 3 + [Image.new("L", (6, 4), 255)])
    np.testing.assert_array_equal(levels(load(tmp_path, solid, solid)), [G.ravel()] * 2)


@pytest.mark.parametrize("suffix", ["tiff", "gif", "webp", "png"])
def test_several_frames_are_refused(tmp_path: Path, suffix: str) -> None:
    how = {"save_all": True, "append_images": [OTHER.convert("RGB"), GREY.convert("RGB")]}
    with pytest.raises(DataError, match=rf"0.{suffix} must be a single image \(it has 3 frames or pages\)"):
        load(tmp_path, GREY.convert("RGB"), suffix=suffix, how=how)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_photographs_stand_upright(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    data = load(tmp_path, TURNED, TURNED, suffix=suffix, how={"exif": exif})
    assert data.image_shape == (4, 6)
    np.testing.assert_array_equal(levels(data), [G.ravel()] * 2)
    assert "turned as the camera says" in data.understood


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_grey_keeps_all_bits(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(DEEP)
    np.testing.assert_array_equal(levels(load(tmp_path, image, image, suffix=suffix), white=65535), [DEEP.ravel()] * 2)


def test_12_of_16_bits_are_ambiguous(tmp_path: Path) -> None:
    image = Image.fromarray(DEEP >> 4)
    with pytest.raises(DataError, match=r"16-bit integers .* divide_by=65535 for pixels"):
        load(tmp_path, image, image)
    np.testing.assert_array_equal(levels(read(tmp_path / "images", divide_by=4095), white=4095)[0], DEEP.ravel() >> 4)


def png_of_16_bit_colours(path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    lines = b"".join(b"\0" + bytes(range(36)) for _ in range(4))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 6, 4, 16, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def test_16_bit_colours_are_not_cut(tmp_path: Path) -> None:
    png_of_16_bit_colours(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a.png must have 8 bits per channel, or be grey with 16 \(got mode RGB from"):
        read(tmp_path)
    (tmp_path / "a.png").unlink()
    (tmp_path / "a.ppm").write_bytes(b"P6 6 4 65535\n" + bytes(range(144)))
    with pytest.raises(DataError, match=r"a.ppm must have 8 bits per channel"):
        read(tmp_path)


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", "jpg"), ("F", "tiff"), ("I", "tiff"), ("LAB", "tiff")])
def test_other_modes_are_refused(tmp_path: Path, mode: str, suffix: str) -> None:
    image = Image.new(mode, (6, 4))
    with pytest.raises(DataError, match=rf"got mode {mode}\): convert it"):
        load(tmp_path, image, image, suffix=suffix)


def test_1_bit_images_are_bits_and_white_beside_grey_ones(tmp_path: Path) -> None:
    bits = Image.fromarray(G > 127)
    np.testing.assert_array_equal(levels(load(tmp_path, bits, bits), white=1), [(G > 127).ravel()] * 2)
    GREY.save(tmp_path / "images" / "0.png")
    found = levels(read(tmp_path / "images")).tolist()
    assert sorted(found) == sorted([G.ravel().tolist(), ((G > 127) * 255).ravel().tolist()])


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image.new("L", (6, 4)), "are all black"),
        (Image.fromarray((G > 127).astype(np.uint8)), "which may be bits or dark pixels"),
        (Image.fromarray(G // 20), "which may be numbers as they are or dark pixels"),
    ],
    ids=["black", "mask", "classes"],
)
def test_masks_are_no_dark_images(tmp_path: Path, image: Image.Image, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(tmp_path, image, image)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    load(tmp_path, GREY, OTHER)
    (tmp_path / "images" / "3.png").symlink_to("gone.png")
    with pytest.raises(DataError, match=r"3.png must be an image \(it is a pipe, a device or a link to nothing\)"):
        read(tmp_path / "images")
    (tmp_path / "images" / "3.png").unlink()
    (tmp_path / "images" / "more").mkdir()
    assert "1 subfolders not searched" in read(tmp_path / "images").understood


def test_an_image_of_absurd_size_is_not_decoded(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 2**30, 2**30, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(head)) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 5) + b"IDAT" + b"12345")
    with pytest.raises(DataError, match=r"a.png must be an image|at most 1,000,000,000 values"):
        read(tmp_path)
