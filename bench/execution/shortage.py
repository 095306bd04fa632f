"""When memory was too small: what to change."""

from __future__ import annotations

import torch

from bench.errors import in_words

SIGNS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")  # in messages of PyTorch, MPS, cuBLAS and cuDNN


def failure_in_words(error: BaseException, device: str, per_device: int = 1) -> str:
    """Return why a trial or an estimate failed, and what to change if it is too large for its ``device``.

    >>> failure_in_words(ZeroDivisionError("division by zero"), "cpu")
    'ZeroDivisionError: division by zero'
    """
    text = in_words(error)
    is_short = isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(sign in text for sign in SIGNS)
    )
    if not is_short:
        return text
    sharing = "--jobs" if device == "cpu" else "--jobs-per-device 1" if per_device > 1 else ""
    advice = [
        "choose a smaller batch_size, --hidden, --eval-points, --likelihood-points or num_samples of the estimator",
        *([f"fewer trials at once ({sharing})"] if sharing else []),
        "another --device",
    ]
    return f"Out of memory on {device}: {', '.join(advice[:-1])}, or {advice[-1]}. ({text})"
