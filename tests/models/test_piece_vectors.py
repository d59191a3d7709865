"""Vectors of continuations are those with which pieces tell what a word is."""

import numpy as np
import pytest

from spacy_crf_tagger.models.piece_split import PieceIndex
from spacy_crf_tagger.models.piece_vectors import (
    Inventory,
    find_pieces,
    fit_continuations,
)

WIDTH, ENCODED = 6, 9
RNG = np.random.default_rng(0)
BEGINNINGS = [f"{a}{b}" for a in "abcdef" for b in "aeiou"]
CONTINUATIONS = {
    text: number
    for number, text in enumerate(f"{a}{b}" for a in "stvwxyz" for b in "aeiou")
}
INVENTORY = Inventory(BEGINNINGS, CONTINUATIONS)


def make_words(n_words):
    """Words of a beginning and some continuations."""
    words = [
        "".join([RNG.choice(BEGINNINGS), *RNG.choice([*CONTINUATIONS], size=size)])
        for size in RNG.integers(1, 4, size=n_words)
    ]
    return list(dict.fromkeys(words))


def mean_over_pieces(words, beginnings, continuations):
    table = np.concatenate([beginnings, continuations])
    pieces = [*BEGINNINGS, *(f"##{text}" for text in CONTINUATIONS)]
    index = PieceIndex((piece, number) for number, piece in enumerate(pieces))
    return np.stack([table[index.split(word)].mean(axis=0) for word in words])


@pytest.fixture
def world():
    """Words whose vectors are means over pieces, and what an encoder makes of
    continuations, from which their vectors follow.
    """
    states = RNG.normal(size=(len(CONTINUATIONS), ENCODED)) + 3
    continuations = states @ RNG.normal(size=(ENCODED, WIDTH)) + RNG.normal(size=WIDTH)
    beginnings = RNG.normal(size=(len(BEGINNINGS), WIDTH))
    words = make_words(600)
    vectors = mean_over_pieces(words, beginnings, continuations)
    known = [*BEGINNINGS, *words]
    every = np.concatenate([beginnings, vectors]).astype(np.float32)
    return known, every, states.astype(np.float32), continuations


def test_what_is_a_mean_is_found(world):
    """Longer words that are known begin with shorter ones; both are means."""
    known, vectors, states, continuations = world
    beginnings = vectors[: len(BEGINNINGS)]
    one_piece_more = [word for word in known[len(BEGINNINGS) :] if len(word) == 4]
    some = [*BEGINNINGS, *one_piece_more]
    rows = [known.index(word) for word in some]
    fitted = fit_continuations(some, vectors[rows], INVENTORY, states)
    assert fitted.n_words == len(one_piece_more)
    assert fitted.explained > 0.999
    np.testing.assert_allclose(fitted.vectors, continuations, atol=1e-2)
    new = make_words(100)
    np.testing.assert_allclose(
        mean_over_pieces(new, beginnings, fitted.vectors),
        mean_over_pieces(new, beginnings, continuations),
        atol=1e-2,
    )


def test_noise_is_not_explained(world):
    known, vectors, states, _ = world
    noise = RNG.normal(size=vectors.shape).astype(np.float32)
    noise[: len(BEGINNINGS)] = 0.0
    fitted = fit_continuations(known, noise, INVENTORY, states)
    assert fitted.explained < 0.05
    assert np.square(fitted.vectors).mean() < 0.2


def test_words_that_are_pieces_say_nothing():
    """Without a word of several pieces, continuations count as average."""
    vectors = np.ones((len(BEGINNINGS), WIDTH), np.float32)
    states = np.ones((len(CONTINUATIONS), ENCODED), np.float32)
    fitted = fit_continuations(BEGINNINGS, vectors, INVENTORY, states)
    assert fitted == (pytest.approx(np.zeros((len(states), WIDTH))), 0, 0.0)


class Tokenizer:
    """What is asked of a tokenizer."""

    all_special_tokens = ("[CLS]", "<s>")

    def __init__(self, *pieces):
        self.pieces = pieces

    def get_vocab(self):
        return {piece: number for number, piece in enumerate(self.pieces)}

    def convert_tokens_to_string(self, pieces):
        return "".join(pieces).replace("Ġ", " ").replace("Ã", "\ufffd")


@pytest.mark.parametrize(
    ("pieces", "beginnings", "continuations"),
    [
        (["[CLS]", "[unused7]", "ab", "##a", "c", "##", "中"], ["ab", "c"], {"a": 3}),
        (["<s>", "Ġab", "a", "Ġ", "Ã", "ĠB", "<extra>"], ["B", "ab"], {"a": 2}),
        (["▁ab", "a", "▁", "b", "x"], ["ab"], {"a": 1, "b": 3}),
        (["ab", "a"], [], {}),
        (["##", "Ġab", "a", "####", "ĠB", "Ġa"], ["B", "a", "ab"], {"a": 2}),
        (["Ġa", "▁ab", "a", "##b", "▁B"], ["B", "ab"], {"a": 2}),
    ],
    ids=["WordPiece", "bytes", "SentencePiece", "other", "signs", "letters"],
)
def test_pieces_of_tokenizers(pieces, beginnings, continuations):
    """Only those that are written with the letters of the words."""
    found = find_pieces(Tokenizer(*pieces), ["cab", "B"])
    assert found == (beginnings, continuations)
