import random
import sys
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pytest

from spacy_crf_tagger.models.word_vectors import (
    embed_words,
    load_encoder,
    principal_components,
)
from tests.helpers.transformer import save_tiny_encoder, save_tiny_encoder_decoder

pytestmark = pytest.mark.transformers
RNG = random.Random(0)
WORDS = ["Ada中", *("".join(RNG.choices(ascii_lowercase, k=n)) for n in range(1, 41))]


@pytest.fixture(scope="module", params=[save_tiny_encoder, save_tiny_encoder_decoder])
def encoder(request, tmp_path_factory):
    return load_encoder(request.param(tmp_path_factory.mktemp("encoders") / "tiny"))


def test_batches_change_nothing(encoder):
    tokenizer, model = encoder
    known, expected = embed_words(WORDS, tokenizer, model, 1)
    assert sorted(known) == sorted(WORDS)
    for batch_size in (7, 1000):
        same, vectors = embed_words(WORDS[::-1], tokenizer, model, batch_size)
        assert same == known
        np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_progress_sees_every_word(encoder):
    seen = []

    def watch(words):
        for word in words:
            seen.append(word)
            yield word

    known, _ = embed_words(WORDS, *encoder, batch_size=7, progress=watch)
    assert seen == known


def test_direction_of_components_is_fixed():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 8)).astype(np.float32)
    expected = principal_components(vectors, 8).project(vectors)
    for _ in range(5):
        mixed = vectors[:, rng.permutation(8)]
        same = principal_components(mixed, 8).project(mixed)
        np.testing.assert_allclose(same, expected, atol=1e-4)


@pytest.mark.parametrize(
    "vectors", [np.zeros((0, 8)), np.ones((1, 8)), np.ones((3, 8))]
)
def test_components_of_vectors_that_do_not_differ(vectors):
    with pytest.raises(ValueError, match="at least two words"):
        principal_components(vectors.astype(np.float32), 8)


def test_what_is_no_encoder(tmp_path, monkeypatch):
    # Nobody's cache or network is asked for it.
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="no directory bert-base-uncased"):
        load_encoder(Path("bert-base-uncased"))
    with pytest.raises(ValueError, match="config"):
        load_encoder(tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"spacy-crf-tagger\[transformers\]"):
        load_encoder(tmp_path)
