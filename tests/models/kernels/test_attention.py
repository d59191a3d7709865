"""Compiled attention and layer normalisation against torch."""

import numpy as np
import pytest
import torch
from torch.nn.functional import layer_norm, scaled_dot_product_attention

from spacy_crf_tagger.models.kernels.attention import attend, normalize

rng = np.random.default_rng(0)
# More and fewer queries than are computed at once, and keys than a vector has.
BATCHES = [[40, 17, 16, 15, 6, 5, 1], [1], [300], [3, 0, 0], []]


@pytest.mark.parametrize(("n_heads", "width"), [(4, 16), (2, 32), (1, 48)])
@pytest.mark.parametrize("lengths", BATCHES, ids=str)
def test_each_sequence_sees_itself(lengths: list, n_heads: int, width: int) -> None:
    n_tokens = sum(lengths)
    projected = rng.standard_normal((n_tokens, 3 * n_heads * width)).astype("f")
    seen = attend(projected, np.array(lengths, dtype=int), n_heads)
    limits = np.cumsum(lengths[:-1]).astype(int)
    parts = np.split(projected, limits) if lengths else []
    for own, found in zip(filter(len, parts), np.split(seen, limits), strict=False):
        by_head = torch.from_numpy(own.copy()).view(len(own), 3, n_heads, width)
        query, key, value = by_head.permute(1, 2, 0, 3)[:, None]
        expected = scaled_dot_product_attention(query, key, value, scale=1.0)
        expected = expected[0].permute(1, 0, 2).reshape(len(own), -1).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_scores_far_apart() -> None:
    projected = np.zeros((3, 48), dtype="f")
    projected[:, 0] = 1.0
    projected[:, 16] = [200.0, 0.0, -3e4]
    projected[:, 32:] = np.arange(3)[:, None]
    seen = attend(projected, np.array([3]), 1)
    np.testing.assert_allclose(seen, 0.0, atol=1e-10)


def test_what_is_no_number_is_not_lost() -> None:
    projected = rng.standard_normal((9, 48)).astype("f")
    projected[4, 3] = np.nan  # a query
    seen = attend(projected, np.array([6, 3]), 1)
    assert np.isnan(seen[4]).all()
    assert np.isfinite(np.delete(seen, 4, axis=0)).all()
    projected[2, 20] = np.nan  # a key, which all queries of the sequence look at
    seen = attend(projected, np.array([6, 3]), 1)
    assert np.isnan(seen[:6]).all()
    assert np.isfinite(seen[6:]).all()


@pytest.mark.parametrize("width", [1, 5, 256])
def test_layers_are_normalised(width: int) -> None:
    rows = (rng.standard_normal((7, width)) * 3 + 2).astype("f")
    scale, shift = (rng.standard_normal(width).astype("f") for _ in range(2))
    tensors = [torch.from_numpy(array.copy()) for array in (rows, scale, shift)]
    expected = layer_norm(tensors[0], (width,), *tensors[1:], 1e-5)
    normalize(rows, scale, shift, 1e-5)
    np.testing.assert_allclose(rows, expected.numpy(), rtol=1e-4, atol=1e-5)
