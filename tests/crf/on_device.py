"""Kernels for tensors on another device, asked by arrays and tensors on the CPU."""

import inspect
import os
from typing import Any, Callable

import numpy as np
import torch

from spacy_crf_tagger.crf import Lattice
from spacy_crf_tagger.crf.lattice import Marginals

from .brute_force import as_tensors

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"
if not HAS_GPU:
    # Before Triton is imported: it then interprets kernels, on the CPU.
    os.environ["TRITON_INTERPRET"] = "1"


class OnDevice:
    """A backend whose lattices, and what else it is given, are brought to a device, and
    whose answers are brought back in the form of the lattice.
    """

    def __init__(self, backend: Any, device: str = DEVICE) -> None:
        self.backend = backend
        self.device = device
        self.__name__ = backend.__name__

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self.backend, name)

        def ask(lattice: Lattice, *arguments: Any, **named: Any) -> Any:
            is_numpy = isinstance(lattice.emissions, np.ndarray)
            moved = as_tensors(lattice) if is_numpy else lattice
            moved = moved._with(
                **{
                    field: getattr(moved, field).to(self.device)
                    for field in ("emissions", "transitions", "start", "end")
                }
            )
            there = [self._send(each) for each in arguments]
            named = {key: self._send(each) for key, each in named.items()}
            answer = function(moved, *there, **named)
            for here, own in zip(arguments, there, strict=True):
                if isinstance(here, Marginals):  # which is changed
                    for old, new in zip(here, own, strict=True):
                        old[...] = _fetch(new, is_numpy)
            return _fetch(answer, is_numpy)

        ask.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return ask

    def _send(self, value: Any) -> Any:
        """Bring results and weights to the device; tags and the like stay arrays."""
        if isinstance(value, Marginals):
            return Marginals(*map(self._send, value))
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            value = torch.from_numpy(np.array(value))
        return value.to(self.device) if isinstance(value, torch.Tensor) else value


def _fetch(value: Any, is_numpy: bool) -> Any:
    if isinstance(value, tuple):
        parts = [_fetch(each, is_numpy) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if not isinstance(value, torch.Tensor):
        return value
    return value.cpu().numpy() if is_numpy else value.cpu()
