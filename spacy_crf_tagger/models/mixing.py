"""Embed the attributes of words and mix them, with as little arithmetic as possible."""

from typing import Any, List, Optional, cast

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model, NumpyOps
from thinc.types import Floats2d

# With fewer words most values occur once, and one product is faster than several.
_FEWEST_WORDS = 128


def predict_mixed(
    embed: Model[Any, Any],
    mix: Model[Any, Any],
    values: NDArray[np.uint64],
    more: Optional[Floats2d],
) -> Floats2d:
    """Embed attributes and mix them by a maxout layer, without gradients.

    What a value of an attribute adds to the layer depends on nothing else, and many
    words share a suffix: it is computed once for each value of a batch.

    embed (Model[Ints2d, Floats2d]): One hash table, or several side by side.
    mix (Model[Floats2d, Floats2d]): A maxout layer with layer normalisation.
    values (NDArray[uint64]): The attributes of each word, [V, attrs].
    more (Optional[Floats2d]): What else is mixed in, [V, any].
    RETURNS (Floats2d): The vectors of the words, [V, width].
    """
    ops = embed.ops
    if len(values) < _FEWEST_WORDS or not isinstance(ops, NumpyOps):
        embedded = embed.predict(ops.asarray2i(cast(Any, values), dtype="uint64"))
        if more is not None:
            embedded = ops.xp.hstack([embedded, more])
        return cast(Floats2d, mix.predict(embedded))
    maxout, normalize = mix.layers
    width, n_pieces = maxout.get_dim("nO"), maxout.get_dim("nP")
    weights = ops.reshape2f(maxout.get_param("W"), width * n_pieces, -1)
    tables = embed.layers if values.shape[1] > 1 else [embed]
    parts: List[Any] = []
    places = np.empty(values.shape, dtype=np.int32)
    first, n_rows = 0, 0
    for column, table in enumerate(tables):
        distinct, place = np.unique(values[:, column], return_inverse=True)
        vectors = table.layers[-1].predict(cast(Any, distinct))  # [distinct, table]
        last = first + vectors.shape[1]
        own = weights[:, first:last]
        parts.append(ops.gemm(vectors, cast(Floats2d, own), trans2=True))
        places[:, column] = place + n_rows
        n_rows += len(distinct)
        first = last
    sums = ops.gather_add(np.concatenate(parts), cast(Any, places))  # [V, pieces]
    if more is not None:
        sums += ops.gemm(more, cast(Floats2d, weights[:, first:]), trans2=True)
    sums += ops.reshape1f(maxout.get_param("b"), width * n_pieces)
    best, _ = ops.maxout(ops.reshape3f(sums, len(values), width, n_pieces))
    return cast(Floats2d, normalize.predict(best))
