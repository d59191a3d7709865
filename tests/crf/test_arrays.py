"""What is done to arrays comes to the same for both kinds of them."""

from typing import Any, Callable

import numpy as np
import pytest
import torch

from spacy_crf_tagger.crf import arrays

SCORES = np.array([[0.0, -1.0], [2.0, -np.inf], [0.5, 3.0]])
KINDS = [
    pytest.param(np.array, id="numpy"),
    pytest.param(lambda values: torch.from_numpy(np.array(values)), id="torch"),
]
both_kinds = pytest.mark.parametrize("make", KINDS)
Make = Callable[[Any], Any]


def assert_is(found: Any, like: Any, expected: Any) -> None:
    """Of the kind of another one, with these numbers."""
    assert type(found) is type(like)
    np.testing.assert_array_equal(np.asarray(found), expected)


@both_kinds
@pytest.mark.parametrize("make_other", KINDS)
def test_numbers_in_the_form_of_others(make: Make, make_other: Make) -> None:
    array, other = make(SCORES), make_other(np.zeros(1, dtype=np.float32))
    assert_is(arrays.to_numpy(array), SCORES, SCORES)
    assert_is(arrays.like_array(array, other), other, SCORES)
    single = make(SCORES.astype(np.float32))
    doubles = arrays.doubles_like(single, other)
    assert_is(doubles, other, SCORES)
    assert "float64" in str(doubles.dtype)
    assert arrays.are_together(array, other) == (type(array) is type(other))


@both_kinds
def test_new_arrays(make: Make) -> None:
    array = make(SCORES.astype(np.float32))
    zeros = arrays.zeros_like(array, (2, 3))
    assert_is(zeros, array, np.zeros((2, 3)))
    assert zeros.dtype == array.dtype
    both = arrays.concatenate([array, array])
    assert_is(both, array, np.concatenate([SCORES, SCORES]))


@both_kinds
@pytest.mark.parametrize("make_mask", KINDS)
def test_what_is_forbidden(make: Make, make_mask: Make) -> None:
    allowed = SCORES > 0.0
    array = make(SCORES)
    forbidden = arrays.forbid(array, make_mask(allowed))
    assert_is(forbidden, array, np.where(allowed, SCORES, -np.inf))
    np.testing.assert_array_equal(np.asarray(array), SCORES)
    assert arrays.count_true(make(allowed)) == 3
    assert arrays.is_boolean(make(allowed))
    assert not arrays.is_boolean(array)


@both_kinds
def test_rows_are_added_up(make: Make) -> None:
    array = make(np.ones((3, 2), dtype=np.float32))
    values = make(np.arange(6, dtype=np.float32).reshape(3, 2))
    rows = np.array([2, 0, 2])
    total = arrays.add_rows(array, rows, values, np.array([[1.0], [0.5], [-1.0]]))
    assert total is array
    assert_is(total, array, [[2.0, 2.5], [1.0, 1.0], [-3.0, -3.0]])


def test_kinds_of_tensors() -> None:
    dense = torch.zeros(2, 2)
    assert arrays.is_dense_tensor(dense)
    assert arrays.is_tensor_of_reals(dense)
    assert not arrays.is_dense_tensor(dense.to_sparse())
    assert not arrays.is_dense_tensor(np.zeros(2))
    for unusual in (dense.to_sparse(), dense.to(torch.complex64), dense.to("meta")):
        assert not arrays.is_tensor_of_reals(unusual)
    for dtype in (torch.float16, torch.int64, torch.bool, torch.float64):
        assert arrays.float_tensor(dense.to(dtype)).dtype == torch.float64
    learned = dense.requires_grad_()
    assert arrays.float_tensor(learned).dtype == torch.float32
    for tensor in (arrays.float_tensor(learned), arrays.without_history(learned)):
        assert not tensor.requires_grad
    assert type(arrays.read_array(learned)) is np.ndarray


def test_where_arrays_are() -> None:
    assert arrays.place_of(SCORES) == "a NumPy array"
    assert arrays.place_of(torch.zeros(1)) == "a tensor on cpu"
