"""Compiled hash embeddings and maxout against Thinc."""

import numpy as np
import pytest
from thinc.api import NumpyOps

from spacy_crf_tagger.models.kernels.words import embed, maxout

rng = np.random.default_rng(0)
ops = NumpyOps()


@pytest.mark.parametrize(("n_rows", "seed"), [(5000, 8), (1, 9), (7, 2**32 - 1)])
def test_tables_are_looked_up_as_thinc_does(n_rows: int, seed: int) -> None:
    values = rng.integers(0, 2**64 - 1, (500, 2), dtype="uint64")
    values[0, 1] = 0
    table = rng.standard_normal((n_rows, 5)).astype("f")
    keys = ops.hash(np.ascontiguousarray(values[:, 1]), seed) % n_rows
    found = embed(values[:, 1], seed, table)
    np.testing.assert_array_equal(found, ops.gather_add(table, keys))


@pytest.mark.parametrize("has_more", [False, True])
@pytest.mark.parametrize("n_pieces", [1, 3])
def test_largest_pieces(n_pieces: int, has_more: bool) -> None:
    width, size = 5, 16
    parts = rng.standard_normal((9, size)).astype("f")
    places = rng.integers(0, 9, (20, 3))
    more = rng.standard_normal((20 if has_more else 0, size)).astype("f")
    bias = rng.standard_normal(size).astype("f")
    sums = parts[places].sum(axis=1) + bias + (more if has_more else 0.0)
    by_piece = sums[:, : n_pieces * width].reshape(20, n_pieces, width)
    found = maxout(parts, places, more, bias, width, n_pieces)
    np.testing.assert_allclose(found, by_piece.max(axis=1), rtol=1e-5, atol=1e-6)


def test_what_is_no_number_is_not_lost() -> None:
    parts = np.zeros((2, 16), dtype="f")
    parts[1, [0, 6]] = np.nan
    places = np.array([[0, 0], [0, 1]])
    found = maxout(parts, places, parts[:0], parts[0], 4, 3)
    np.testing.assert_array_equal(np.isnan(found), [[0] * 4, [1, 0, 1, 0]])
