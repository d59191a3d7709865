"""Let torch compute the matrix products of Thinc layers on the CPU.

Its library supports more processors than the one that comes with Thinc.
"""

from typing import Any, Optional, cast

import numpy as np
import torch
from thinc.api import Model, NumpyOps
from thinc.types import Floats2d


class TorchGemmOps(NumpyOps):  # type: ignore[misc]
    """Thinc's operations on the CPU, with torch's matrix product."""

    def gemm(
        self,
        x: Floats2d,
        y: Floats2d,
        out: Optional[Floats2d] = None,
        trans1: bool = False,
        trans2: bool = False,
    ) -> Floats2d:
        """Multiply two matrices.

        x (Floats2d): The first matrix.
        y (Floats2d): The second matrix.
        out (Optional[Floats2d]): Where to write the product, or None for a new array.
        trans1 (bool): Whether to transpose the first matrix.
        trans2 (bool): Whether to transpose the second matrix.
        RETURNS (Floats2d): The product.
        """
        first, second = _as_tensor(x), _as_tensor(y)
        product = torch.mm(
            first.T if trans1 else first,
            second.T if trans2 else second,
            out=None if out is None else _as_tensor(out),
        )
        # An enclosing torch.autocast multiplies in half precision.
        return cast(Floats2d, product.float().numpy())


def use_torch_gemm(model: Model[Any, Any]) -> None:
    """Let a model's layers multiply matrices by torch, if they are on the CPU.

    model (Model): The model; changed in place.
    """
    for node in model.walk():
        if type(node.ops).gemm is NumpyOps.gemm:
            node.ops = TorchGemmOps()


def _as_tensor(array: Floats2d) -> torch.Tensor:
    """RETURNS (Tensor): The same memory; a copy, where torch could not write to it."""
    values = np.asarray(array)
    return torch.from_numpy(values if values.flags.writeable else values.copy())
