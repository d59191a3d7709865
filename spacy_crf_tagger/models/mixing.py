"""Embed the attributes of words and mix them, with as little arithmetic as possible."""

from functools import cache
from typing import TYPE_CHECKING, Any, Callable, List, NamedTuple, Optional, Tuple, cast

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model
from thinc.types import Floats2d

from . import kernels
from .kernels.kept import Kept
from .torch_gemm import use_torch_gemm

if TYPE_CHECKING:
    from .kernels.dense import Dense

Singles = NDArray[np.float32]
# With fewer words most values occur once, and are not worth looking for.
_FEWEST_WORDS = 128
# What Thinc's layer normalisation adds to the variance.
_EPSILON = 1e-8


class MixWeights(NamedTuple):
    """The weights that words are embedded and mixed by, as they are at one moment:
    another thread may exchange those of the layers.

    tables (List[NDArray[float32]]): The hash tables, [rows, width].
    seeds (List[int]): Their seeds.
    maxout (NDArray[float32]): The weights of the maxout layer, [nO, nP, nI].
    bias (NDArray[float32]): Its bias, [nO, nP].
    norm (Tuple[NDArray, NDArray]): The scale and shift of the layer normalisation.
    """

    tables: List[Singles]
    seeds: List[int]
    maxout: Singles
    bias: Singles
    norm: Tuple[Singles, Singles]

    @property
    def arrays(self) -> List[Singles]:
        """RETURNS (List[NDArray[float32]]): All of them."""
        return [self.maxout, self.bias, *self.norm, *self.tables]


def weights_of(embed: Model[Any, Any], mix: Model[Any, Any]) -> Optional[MixWeights]:
    """Find the weights that words are embedded and mixed by.

    embed (Model[Ints2d, Floats2d]): One hash table, or several side by side.
    mix (Model[Floats2d, Floats2d]): A maxout layer with layer normalisation.
    RETURNS (Optional[MixWeights]): The weights; None if the kernels cannot compute with
        them.
    """
    maxout, norm = mix.layers
    weights = _array(maxout, "W")
    if not kernels.can_compute(weights):
        return None
    # One hash table by itself has no layer around.
    tables = [embed] if embed.layers[-1].name == "hashembed" else embed.layers
    hashed = [table.layers[-1] for table in tables]
    return MixWeights(
        [_array(table, "E") for table in hashed],
        [table.attrs["seed"] for table in hashed],
        weights,
        _array(maxout, "b"),
        (_array(norm, "G"), _array(norm, "b")),
    )


def predict_mixed(
    embed: Model[Any, Any],
    mix: Model[Any, Any],
    values: NDArray[np.uint64],
    known: Optional[Floats2d] = None,
    project: Optional[Model[Any, Any]] = None,
    weights: Optional[MixWeights] = None,
) -> Floats2d:
    """Embed attributes and mix them by a maxout layer, without gradients.

    embed (Model[Ints2d, Floats2d]): One hash table, or several side by side.
    mix (Model[Floats2d, Floats2d]): A maxout layer with layer normalisation.
    values (NDArray[uint64]): The attributes of each word, [V, attrs].
    known (Optional[Floats2d]): The static vectors of words, [V, any].
    project (Optional[Model[Floats2d, Floats2d]]): A linear layer that they go through
        before they are mixed in.
    weights (Optional[MixWeights]): The weights of the two layers; found if None.
    RETURNS (Floats2d): The vectors of the words, [V, width].
    """
    weights = weights or weights_of(embed, mix)
    if weights is not None:
        return _predict_compiled(weights, embed.ops, values, known, project)
    for layer in (embed, mix, *([] if project is None else [project])):
        use_torch_gemm(layer)
    ops = embed.ops
    embedded = embed.predict(ops.asarray2i(cast(Any, values), dtype="uint64"))
    if project is not None:
        embedded = ops.xp.hstack([embedded, project.predict(known)])
    return cast(Floats2d, mix.predict(embedded))


def _predict_compiled(
    weights: MixWeights,
    ops: Any,
    values: NDArray[np.uint64],
    known: Optional[Floats2d],
    project: Optional[Model[Any, Any]],
) -> Floats2d:
    """What a value of an attribute adds to the maxout layer depends on nothing else,
    and many words share a suffix: it is computed once for each value of a batch.
    """
    width, n_pieces, _ = weights.maxout.shape
    widths = [table.shape[1] for table in weights.tables]
    layers = _parts_of([weights.maxout], *widths)
    places = np.empty(values.shape, dtype=np.int32)
    parts: List[Singles] = []
    n_rows = 0
    for column, table in enumerate(weights.tables):
        distinct, place = _distinct(values[:, column])
        keys = ops.hash(np.ascontiguousarray(distinct), weights.seeds[column])
        vectors = ops.gather_add(table, keys % len(table))
        parts.append(layers.of_tables[column](vectors))
        places[:, column] = place + n_rows
        n_rows += len(distinct)
    sums = ops.gather_add(np.concatenate(parts), places)  # [V, width * pieces]
    if project is not None:
        projected = _linear([_array(project, "W")])(cast(Singles, known))
        sums += layers.of_rest(projected + _array(project, "b"))
    sums += weights.bias.reshape(-1)
    mixed, _ = ops.maxout(ops.reshape3f(sums, len(values), width, n_pieces))
    _normalize()(mixed, *weights.norm, _EPSILON)
    return cast(Floats2d, mixed)


@cache
def _normalize() -> Callable[..., None]:
    """RETURNS (Callable): The kernel, which is imported when it is used: that takes a
    while, and needs Numba.
    """
    from .kernels.attention import normalize

    return normalize


class _Parts(NamedTuple):
    """A maxout layer without its bias, cut by where its input comes from.

    of_tables (Tuple[Dense, …]): What the vectors of each hash table are multiplied by.
    of_rest (Dense): What all else is multiplied by.
    """

    of_tables: "Tuple[Dense, ...]"
    of_rest: "Dense"


def _array(layer: Model[Any, Any], name: str) -> Singles:
    return cast(Singles, layer.get_param(name))


def _cut(weights: Singles, *widths: int) -> _Parts:
    by_input = weights.reshape(-1, weights.shape[2])  # [width * pieces, inputs]
    *of_tables, rest = np.split(by_input, np.cumsum(widths), axis=1)
    return _Parts(tuple(map(_pack, of_tables)), _pack(rest))


def _pack(weights: Singles) -> "Dense":
    from .kernels.dense import pack

    return pack(weights, np.zeros(len(weights), dtype=np.float32))


_parts_of = Kept(_cut)
_linear = Kept(_pack)


def _distinct(
    values: NDArray[np.uint64],
) -> Tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """RETURNS (Tuple): Different values, perhaps not all different if there are few,
    and the place of each value among them.
    """
    if len(values) < _FEWEST_WORDS:
        return values, np.arange(len(values))
    return np.unique(values, return_inverse=True)
