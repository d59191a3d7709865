"""Numerical precision: single by default, half where the processor supports it."""

from contextlib import nullcontext
from functools import cache
from typing import Any, ContextManager, Dict

import torch

# How parameters are created. Other libraries change torch's defaults for the process.
CREATION: Dict[str, Any] = {"device": "cpu", "dtype": torch.float32}


def lstm_precision(device: torch.device) -> ContextManager[object]:
    """Make a context in which LSTMs work inside a `torch.autocast`: on the CPU it has
    oneDNN compute them in half precision whatever the processor, and oneDNN fails on
    one without AVX-512, which multiplies matrices in half precision all the same.

    device (torch.device): Where the LSTMs are.
    RETURNS (ContextManager): A context in which there is no `torch.autocast` if LSTMs
        would fail in its precision, and nothing changes otherwise.
    """
    if device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return nullcontext()
    if can_compute_lstms(torch.get_autocast_dtype("cpu")):
        return nullcontext()
    return torch.autocast("cpu", enabled=False)


@cache
def can_compute_lstms(dtype: torch.dtype) -> bool:
    """Find out by a try whether this CPU can compute LSTMs in a precision.

    dtype (torch.dtype): The precision.
    RETURNS (bool): Whether it can.
    """
    step = torch.zeros(1, 1, 1, **CREATION)
    sizes = [(4, 1), (4, 1), (4,), (4,)]
    weights = [torch.zeros(size, **CREATION) for size in sizes]
    try:
        with torch.autocast("cpu", dtype=dtype), torch.no_grad():
            # Without a module, whose initial weights would be drawn at random.
            torch.lstm(step, (step, step), weights, True, 1, 0.0, False, False, False)
    except RuntimeError:
        return False
    return True
