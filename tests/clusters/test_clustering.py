import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.clusters.clustering import (
    cluster,
    find_classes,
)
from spacy_crf_tagger.clusters.merging import merge_classes
from spacy_crf_tagger.clusters.statistics import count_classes, mutual_information
from tests.clusters.texts import PLANTS, count, information, random_codes

WORDS = st.sampled_from("abcdefg")
SENTENCES = st.lists(st.lists(WORDS, min_size=1, max_size=8).map(" ".join), min_size=3)


def classes_by_word(bigrams, class_of):
    return dict(zip(bigrams.words, class_of.tolist(), strict=False))


def test_mutual_information_is_that_of_its_definition():
    bigrams = count(PLANTS)
    class_of, _ = find_classes(bigrams, 4)
    pairs = count_classes(bigrams, class_of, 4).pairs
    expected = information(PLANTS, classes_by_word(bigrams, class_of))
    assert mutual_information(pairs) == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(SENTENCES, st.integers(1, 4))
def test_no_move_of_a_word_adds_information(sentences, n_classes):
    bigrams = count(sentences)
    n_classes = min(n_classes, len(bigrams.words))
    class_of, _ = find_classes(bigrams, n_classes, least_gain=0.0)
    found = classes_by_word(bigrams, class_of)
    assert set(found.values()) == set(range(n_classes))
    best = information(sentences, found)
    for word in found:
        for other in range(n_classes):
            moved = {**found, word: other}
            assert information(sentences, moved) <= best + 1e-9


def test_sweeps_add_information():
    rng = random.Random(0)
    words = [f"w{number}" for number in range(90)]
    sentences = [" ".join(rng.choices(words, k=9)) for _ in range(60)]
    bigrams = count(sentences)
    steps = []
    values = []
    # The last of these is the first after which no word moves.
    for least_gain in (1.0, 0.02, 0.0):
        class_of, n_sweeps = find_classes(
            bigrams, 5, lambda doing, *_: steps.append(doing), least_gain=least_gain
        )
        values.append(information(sentences, classes_by_word(bigrams, class_of)))
        assert steps[-1] == f"Moving words, sweep {n_sweeps}"
    assert steps[:2] == ["Adding words", "Moving words, sweep 1"]
    assert values[0] < values[1] < values[2]


@settings(max_examples=25, deadline=None)
@given(SENTENCES)
def test_each_merge_loses_least(sentences):
    bigrams = count(sentences)
    n_classes = len(bigrams.words)
    class_of, _ = find_classes(bigrams, n_classes)
    merges = merge_classes(count_classes(bigrams, class_of, n_classes), n_classes)
    now = classes_by_word(bigrams, class_of)
    for merged in merges:
        left = sorted(set(now.values()))
        after = {
            (c, d): information(
                sentences, {word: c if own == d else own for word, own in now.items()}
            )
            for c in left
            for d in left
            if c < d
        }
        assert after[merged] == pytest.approx(max(after.values()), abs=1e-9)
        now = {word: merged[0] if c == merged[1] else c for word, c in now.items()}
    assert len(set(now.values())) == 1


def test_clusters_depend_on_nothing_but_the_sentences():
    shuffled = random.Random(1).sample(PLANTS, len(PLANTS))
    expected = cluster(count(PLANTS), 5)
    assert cluster(count(shuffled, chunk=3), 5) == expected


def test_words_that_are_used_alike_are_in_a_class():
    paths = {word: path for path, word, _ in cluster(count(PLANTS), 8).words}
    assert paths["rose"] == paths["tulip"]
    assert paths["garden"] == paths["field"]
    assert paths["rose"] != paths["garden"]


def test_large_counts_are_counted_like_small_ones():
    # Beyond the table of x log x.
    few = count(["a b", "c b", "a d"])
    many = few._replace(
        totals=few.totals * 100_000,
        after=few.after._replace(counts=few.after.counts * 100_000),
        before=few.before._replace(counts=few.before.counts * 100_000),
    )
    one, other = cluster(few, 3), cluster(many, 3)
    assert [word[:2] for word in one.words] == [word[:2] for word in other.words]
    assert one.information == pytest.approx(other.information)


@pytest.mark.parametrize(
    ("sentences", "n_classes", "expected"),
    [(["a"], 10, {"a": "0"}), (["a b"], 1, {"a": "0", "b": "0"})],
)
def test_few_words(sentences, n_classes, expected):
    found = cluster(count(sentences), n_classes)
    assert {word: path for path, word, _ in found.words} == expected


def test_no_words():
    with pytest.raises(ValueError, match="no words"):
        cluster(count([]), 3)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 999), st.integers(1, 40))
def test_no_code_is_the_beginning_of_another(seed, n_classes):
    codes = random_codes(n_classes, seed)
    # Kraft: the leaves of a tree in which each fork has two sides.
    assert n_classes == 1 or np.isclose(sum(2.0 ** -len(code) for code in codes), 1.0)
    in_order = sorted(codes)
    for code, following in pairwise(in_order):
        assert not following.startswith(code)
