"""Counts where the CPU would wait for a GPU, in code that runs on the CPU."""

from typing import Any, List

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# Operations whose result, or its size, is on the GPU and needed on the CPU.
_LOOKS = ("_local_scalar_dense", "nonzero", "masked_select", "unique")


class Waits(TorchDispatchMode):
    """A context that notes the operations in which the CPU waits, in `names`."""

    def __init__(self) -> None:
        super().__init__()
        self.names: List[str] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = function._schema.name.removeprefix("aten::")
        kwargs = kwargs or {}
        if name.startswith(_LOOKS) or self._finds_its_size(name, args, kwargs):
            self.names.append(name)
        return function(*args, **kwargs)

    def _finds_its_size(self, name: str, args: Any, kwargs: Any) -> bool:
        if name == "repeat_interleave":
            return kwargs.get("output_size") is None
        # Masks as indices are made numbers of places.
        indices = args[1] if name in ("index", "index_put", "index_put_") else ()
        return any(each is not None and each.dtype == torch.bool for each in indices)
