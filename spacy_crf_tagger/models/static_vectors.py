"""The static vectors of words, as TypeEmbed mixes them in."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.vectors import Mode, Vectors
from spacy.vocab import Vocab
from thinc.api import Ops
from thinc.types import Floats2d, Ints1d

from .piece_lookup import find_piece_rows, has_pieces


def look_up_vectors(
    ops: Ops, vocab: Vocab, keys: NDArray[np.uint64], width: int
) -> Floats2d:
    """Look up the vectors of words.

    ops (Ops): Where they are wanted.
    vocab (Vocab): The vocab that has the vectors.
    keys (NDArray[uint64]): The hashes of the words, [V].
    width (int): How wide the vectors must be.
    RETURNS (Floats2d): The vectors, [V, width]. Of a word that has none, the mean over
        its pieces, if the table has pieces, and zeros otherwise.
    RAISES (ValueError): If the vectors have another width.
    """
    vectors = vocab.vectors
    if vectors.shape[1] != width:
        has = f"those of the vocab are {vectors.shape[1]} wide"
        if not vectors.shape[1]:
            has = "the vocab has none"
        raise ValueError(
            f"TypeEmbed: it has been trained with vectors that are {width} wide, but "
            f"{has}. Load the pipeline with the vectors that it was saved with; give "
            "a component that is sourced the same ones by [initialize] vectors."
        )
    if isinstance(vectors, Vectors) and vectors.mode == Mode.default:
        return ops.as_contig(_look_up_rows(ops, vocab, keys))
    return ops.as_contig(ops.asarray2f(vectors.get_batch(keys)))


def _look_up_rows(ops: Ops, vocab: Vocab, keys: NDArray[np.uint64]) -> Floats2d:
    vectors = vocab.vectors
    data = cast(Floats2d, ops.asarray(vectors.data))
    found = ops.to_numpy(vectors.find(keys=keys)).astype(np.int64)
    rows = data[_on(ops, found)]
    unknown = np.flatnonzero(found < 0)
    rows[_on(ops, unknown)] = 0
    if len(unknown) and has_pieces(vectors):
        pieces = find_piece_rows(vocab, keys[unknown])
        of_pieces = data[_on(ops, pieces.rows)]
        usable = np.flatnonzero(pieces.lengths)
        lengths = _on(ops, pieces.lengths[usable])
        rows[_on(ops, unknown[usable])] = ops.reduce_mean(of_pieces, lengths)
    return rows


def _on(ops: Ops, numbers: NDArray[np.int64]) -> Ints1d:
    return ops.asarray1i(cast(Any, numbers))
