"""Compiled dense layers against NumPy."""

import numpy as np
import pytest

from spacy_crf_tagger.models.kernels import dense

rng = np.random.default_rng(0)


def make(n_inputs: int, n_outputs: int) -> tuple:
    weights = rng.standard_normal((n_outputs, n_inputs)).astype("f")
    return weights, rng.standard_normal(n_outputs).astype("f")


# More and fewer rows than are computed at once, and as many.
@pytest.mark.parametrize("n_rows", [0, 1, 5, 6, 7, 47, 48, 49, 100])
# Some columns more than blocks of sixteen, and than four of these.
@pytest.mark.parametrize(
    ("n_inputs", "n_outputs"), [(0, 3), (1, 1), (7, 70), (33, 288)]
)
def test_products(n_rows: int, n_inputs: int, n_outputs: int) -> None:
    weights, bias = make(n_inputs, n_outputs)
    rows = rng.standard_normal((n_rows, n_inputs)).astype("f")
    found = dense.pack(weights, bias)(rows)
    assert found.flags.c_contiguous
    expected = rows.astype("d") @ weights.T.astype("d") + bias
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_what_is_multiplied_beside_a_row_changes_no_bit() -> None:
    layer = dense.pack(*make(50, 100))
    rows = rng.standard_normal((61, 50)).astype("f")
    together = layer(rows)
    for n, row in enumerate(rows):
        assert layer(row[None]).tobytes() == together[n].tobytes()


def test_outputs_that_were_added_are_zero() -> None:
    layer = dense.pack(*make(4, 5))
    padded = layer.padded(np.ones((3, 4), dtype="f"))
    assert padded.shape == (3, 16)
    assert (padded[:, 5:] == 0.0).all()
    np.testing.assert_array_equal(padded[:, :5], layer(np.ones((3, 4), dtype="f")))


def test_columns_of_other_arrays_are_read() -> None:
    layer = dense.pack(*make(4, 5))
    wide = rng.standard_normal((3, 9)).astype("f")
    np.testing.assert_array_equal(layer(wide[:, 2:6]), layer(wide[:, 2:6].copy()))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_is_not_lost(number: float) -> None:
    weights, bias = make(4, 5)
    weights[3, 2] = number
    found = dense.pack(weights, bias)(np.ones((7, 4), dtype="f"))
    assert not np.isfinite(found[:, 3]).any()
    assert np.isfinite(np.delete(found, 3, axis=1)).all()


@pytest.mark.parametrize("width", [0, 3, 5])
def test_rows_of_another_width_are_refused(width: int) -> None:
    layer = dense.pack(*make(4, 5))
    with pytest.raises(ValueError, match=f"has 4 inputs, .* {width} wide"):
        layer(np.ones((7, width), dtype="f"))
