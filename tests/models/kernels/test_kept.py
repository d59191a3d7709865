"""What was made from weights is used until they change."""

import gc
from typing import Callable

import numpy as np
import pytest

from spacy_crf_tagger.models.kernels.kept import Kept


def test_made_once_for_each_array_and_option() -> None:
    made = []

    def make(array: np.ndarray, factor: int = 1) -> np.ndarray:
        made.append(factor)
        return array * factor

    keep = Kept(make)
    array, other = np.ones((3, 5), dtype="f"), np.ones((3, 5), dtype="f")
    for _ in range(2):
        np.testing.assert_array_equal(keep([array]), array)
        np.testing.assert_array_equal(keep([array], 2), 2 * array)
        np.testing.assert_array_equal(keep([other], 3), 3 * other)
    assert made == [1, 2, 3]


def swap_rows(array: np.ndarray) -> None:
    array[[0, 1]] = array[[1, 0]]


def swap_columns(array: np.ndarray) -> None:
    array[:, [0, 1]] = array[:, [1, 0]]


def set_one(array: np.ndarray) -> None:
    array[-1, -2] = np.nextafter(array[-1, -2], np.float32(9))


def scale(array: np.ndarray) -> None:
    array *= 1.5


def step(array: np.ndarray) -> None:
    array[::3] += 1e-4


@pytest.mark.parametrize(
    ("shape", "change"),
    [
        *[((40, 33), each) for each in (swap_rows, swap_columns, set_one, scale, step)],
        *[((288, 384), each) for each in (scale, step)],
    ],
)
def test_made_anew_when_the_array_changes(shape: tuple, change: Callable) -> None:
    keep = Kept(np.copy)
    array = np.random.default_rng(0).standard_normal(shape).astype("f")
    keep([array])
    change(array)
    np.testing.assert_array_equal(keep([array]), array)


def test_nothing_is_kept_of_arrays_that_are_gone() -> None:
    keep = Kept(np.copy)
    for _ in range(3):
        keep([np.ones(4, dtype="f")])
        gc.collect()
    assert not keep._kept
