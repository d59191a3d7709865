"""Contexts that shield the model from global modes of torch set by other code."""

from contextlib import contextmanager
from typing import Iterator

# By name: whoever replaces an attribute of torch does not mean us.
from torch import autocast, device, enable_grad, inference_mode


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
    """Make a context without gradients. An enclosing `torch.autocast` stays: it makes
    predictions faster at less precision, and a user has asked for it.
    """
    with inference_mode():
        yield
