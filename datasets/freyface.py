"""Frey Face: 1965 frames of one face, 28 x 20."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from bench.data import mat_files
from bench.data.downloads import RemoteFile, fetch
from bench.data.split import split
from bench.dataset import Data, Dataset
from bench.options import option

SHAPE = (560, 1965)  # one column per frame


def _frames(raw: bytes, size: int) -> bytes:  # noqa: ARG001  # the size follows from the shape
    """The C-contiguous bytes of variable ``ff``, uint8 [560, 1965], in a MATLAB file."""
    return np.ascontiguousarray(mat_files.load(raw, "ff", SHAPE, "the file")).tobytes()


FILE = RemoteFile(
    name="frey_rawface.mat",
    sha256="fbd70c2c992104024a20f4d253da1a1132eb6bf8ed142dccbe7d2b1743b705c4",
    size=math.prod(SHAPE),
    urls=(
        "https://cs.nyu.edu/~roweis/data/frey_rawface.mat",
        "https://cs.nyu.edu/home/people/in_memoriam/roweis/data/frey_rawface.mat",
        "https://web.archive.org/web/2015id_/http://www.cs.nyu.edu/~roweis/data/frey_rawface.mat",
    ),
    unpack=_frames,
)


@dataclass(frozen=True)
class FreyFaceOptions:
    """Options of `freyface`."""

    num_test: int = option(365, "how many of the 1965 frames are held out", unit="datapoints", minimum=1, maximum=1964)


class FreyFace(Dataset[FreyFaceOptions]):
    """1965 grey video frames of Brendan Frey's face, 28 x 20: continuous pixels for a Gaussian p(x|z).

    Grey values are divided by 255.  The split into 1600 training and 365 test frames is random, since the paper
    specifies none.  Neighbouring frames are similar, so a test frame has near copies among the training frames.

    Source: Roweis' data page, http://www.cs.nyu.edu/~roweis/data.html.
    """

    Options = FreyFaceOptions
    hidden: ClassVar[int] = 200

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; ``generator`` determines the split."""
        frames = np.frombuffer(fetch(FILE), np.uint8).reshape(SHAPE)
        x = torch.tensor(frames).T.float().div_(255)  # [1965, 560]
        train, test = split(len(x), self.options.num_test, generator)
        return Data(
            x_train=x[train],
            x_test=x[test],
            image_shape=(28, 20),
            observation_model="gaussian",
            pixels="grey pixels in [0, 1]",
        )
