"""Contexts that shield the model from global modes of torch set by other code."""

import warnings
from contextlib import contextmanager
from functools import cache
from typing import Any, Dict, Iterator, Tuple

# By name: whoever replaces an attribute of torch does not mean us.
from torch import (
    autocast,
    bfloat16,
    cpu,
    device,
    dtype,
    enable_grad,
    float16,
    get_autocast_dtype,
    inference_mode,
    is_autocast_enabled,
)

# As `torch.cpu.get_capabilities` calls them.
_INSTRUCTIONS: Dict[dtype, Tuple[str, ...]] = {
    bfloat16: ("avx512_bf16", "amx_bf16", "bf16"),
    float16: ("avx512_fp16", "amx_fp16", "fp16"),
}


@contextmanager
def making_tensors() -> Iterator[None]:
    """Make a context in which tensors can be trained later, also inside of a
    `torch.inference_mode`.
    """
    with inference_mode(False):
        yield


@contextmanager
def training(place: device) -> Iterator[None]:
    """Make a context in which gradients are computed, in single precision, also inside
    of a `torch.no_grad`, `torch.inference_mode` or `torch.autocast`.

    place (torch.device): Where the network is.
    """
    with inference_mode(False), enable_grad(), autocast(place.type, enabled=False):
        yield


@contextmanager
def predicting() -> Iterator[None]:
    """Make a context without gradients. An enclosing `torch.autocast` stays where it
    makes predictions faster (at less precision): a user has asked for it.
    """
    with inference_mode(), autocast("cpu", enabled=is_half_wanted()):
        yield


def is_half_wanted() -> bool:
    """Find out whether to compute in half precision on the CPU. Where the processor
    has no instructions for it, that would take twice as long, and it is not done; a
    warning says so, once.

    RETURNS (bool): Whether there is a `torch.autocast`, and it makes the CPU faster.
    """
    if not is_autocast_enabled("cpu"):
        return False
    precision = get_autocast_dtype("cpu")
    if has_instructions(precision):
        return True
    _warn_once(precision)
    return False


@cache
def has_instructions(precision: dtype) -> bool:
    """Find out whether this CPU has instructions for products in a precision.

    precision (torch.dtype): The precision, such as `torch.bfloat16`.
    RETURNS (bool): Whether it has; True on an architecture that torch says nothing of.
    """
    capabilities: Dict[str, Any] = getattr(cpu, "get_capabilities", dict)()
    names = _INSTRUCTIONS.get(precision, ())
    known = [capabilities[name] for name in names if name in capabilities]
    return any(known) or not known


@cache
def _warn_once(precision: dtype) -> None:
    warnings.warn(
        f"torch.autocast asks for {str(precision).removeprefix('torch.')}, for which "
        "this processor has no instructions: predictions would be slower, and stay in "
        "single precision. Take torch.autocast away to be rid of this warning.",
        stacklevel=2,
    )
