import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.clusters.numbers import words_of_numbers
from tests.clusters.texts import random_codes


def number_of(path):
    """RETURNS what spaCy makes of a path."""
    return int(path[::-1], 2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 999), st.integers(2, 60))
def test_paths_of_a_tree_are_found_again(seed, n_classes):
    codes = random_codes(n_classes, seed)
    numbers = {f"word{n}": number_of(code) for n, code in enumerate(codes)}
    found = {word: path for path, word, _ in words_of_numbers(numbers)}
    for word, code in zip(numbers, codes, strict=True):
        # Zeros alone are what spaCy has for words without a cluster.
        assert found.get(word, code) == code
        assert (word in found) == ("1" in code)


def test_number_that_is_negative():
    with pytest.raises(ValueError, match="'b' is negative"):
        words_of_numbers({"a": 1, "b": -1})
