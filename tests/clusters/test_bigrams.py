from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.clusters import bigrams as module
from spacy_crf_tagger.clusters.bigrams import BOUNDARY, BigramCounter
from tests.clusters.texts import PLANTS, count


def pairs_of(neighbours):
    starts, symbols, counts = neighbours
    return {
        (symbol, int(symbols[position])): int(counts[position])
        for symbol in range(len(starts) - 1)
        for position in range(starts[symbol], starts[symbol + 1])
    }


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=5), max_size=9),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_counts_are_those_of_plain_counting(sentences, chunk, min_count):
    counter = BigramCounter()
    for start in range(0, len(sentences), chunk):
        numbers = []
        for words in sentences[start : start + chunk]:
            numbers += [*map(counter.number, words), BOUNDARY]
        counter.add(np.asarray(numbers))
    found = counter.bigrams(min_count)
    occurrences = Counter(word for words in sentences for word in words)
    kept = [word for word in occurrences if occurrences[word] >= min_count]
    assert found.words == sorted(kept, key=lambda word: (-occurrences[word], word))
    symbol = {word: n for n, word in enumerate(found.words)}
    left_out, boundary = len(kept), len(kept) + 1
    expected: Counter = Counter()
    for words in filter(None, sentences):
        own = [symbol.get(word, left_out) for word in words]
        expected.update(zip([boundary, *own], [*own, boundary], strict=True))
    assert pairs_of(found.after) == expected
    assert pairs_of(found.before) == {(b, a): n for (a, b), n in expected.items()}
    for symbol, total in enumerate(found.totals):
        assert total == sum(n for (a, _), n in expected.items() if a == symbol)


def test_words_that_cannot_be_written_are_left_out():
    found = count(["a tab\tinside b", "a line\nend b", "a \ud800 b"])
    assert found.words == ["a", "b"]
    assert found.totals.tolist() == [3, 3, 3, 3]


def test_too_many_words(monkeypatch):
    monkeypatch.setattr(module, "MOST_TOKENS", 10)
    with pytest.raises(ValueError, match="10 at most: give less text"):
        count(PLANTS)
