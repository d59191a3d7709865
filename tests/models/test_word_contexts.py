import numpy as np
import pytest
import torch

from spacy_crf_tagger.models import word_contexts
from spacy_crf_tagger.models.word_contexts import ContextReader
from spacy_crf_tagger.models.word_pieces import WordPieces, keep_layers
from spacy_crf_tagger.models.word_vectors import embed_words, load_encoder
from tests.helpers.transformer import save_tiny_encoder, save_tiny_encoder_decoder

pytestmark = pytest.mark.transformers

TEXTS = [
    ["Ada", "left", "中", "Ada", "x中y"],
    ["we", "saw", "Ada"],
    [],
    ["中"],
    ["nobody", "left", "us", "in", "the", "very", "long", "winter"],
]
ALL = 1000


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(save_tiny_encoder(tmp_path_factory.mktemp("encoders") / "bert"))


def read(encoder, texts=TEXTS, wanted=None, most=ALL, **settings):
    reader = ContextReader(*encoder, wanted, most, **settings)
    reader.read(texts)
    return reader.finish()


def states_of(encoder, text, layers):
    """The states of each word in a text by itself, as pieces in the order in which they
    come: letters. Unknown ones are no part of a word.
    """
    tokenizer, model = encoder
    split = [tokenizer.tokenize(word) for word in text]
    pieces = ["[CLS]", *(piece for word in split for piece in word), "[SEP]"]
    numbers = torch.tensor([tokenizer.convert_tokens_to_ids(pieces)])
    with torch.no_grad():
        states = model(numbers, output_hidden_states=True).hidden_states
    mean = sum(states[layer][0] for layer in layers) / len(layers)
    start = 1
    for word, own in zip(text, split, strict=True):
        known = [start + n for n, piece in enumerate(own) if piece != "[UNK]"]
        if known:
            yield word, mean[known].mean(dim=0).numpy()
        start += len(own)


@pytest.mark.parametrize("layers", [(), (0,), (1, 2)])
@pytest.mark.parametrize("batch_size", [1, 30, 4096])
def test_means_of_all_occurrences(encoder, layers, batch_size):
    found = {}
    for text in filter(None, TEXTS):
        for word, state in states_of(encoder, text, layers or (-1,)):
            found.setdefault(word, []).append(state)
    contexts = read(encoder, layers=layers, batch_size=batch_size)
    assert contexts.words == list(found)
    assert contexts.counts.tolist() == [len(states) for states in found.values()]
    means = np.stack([np.mean(states, axis=0) for states in found.values()])
    np.testing.assert_allclose(contexts.means, means, atol=1e-5)
    squares = sum(
        np.square(states - np.mean(states, axis=0)).sum() for states in found.values()
    )
    n_free = sum(len(states) - 1 for states in found.values())
    assert contexts.spread == pytest.approx(squares / n_free, rel=1e-3)


def test_a_word_by_itself_is_the_word_alone(encoder):
    words = ["Ada", "left", "x中y"]
    contexts = read(encoder, [[word] for word in words])
    known, alone = embed_words(words, *encoder)
    means, counts = contexts.of(known)
    np.testing.assert_allclose(means, alone, atol=1e-5)
    assert counts.tolist() == [1, 1, 1]
    assert contexts.spread is None


def test_texts_without_a_word_that_lacks_occurrences_are_passed_over(encoder):
    texts = [["a", "b"], ["b", "c"], ["a", "d"], ["a", "e"], ["b"], ["b", "c", "b"]]
    reader = ContextReader(*encoder, ["a", "c", "f"], most=2)
    reader.read(texts)
    contexts = reader.finish()
    counts = dict(zip(contexts.words, contexts.counts.tolist(), strict=True))
    assert counts == {"a": 2, "b": 2, "c": 2, "d": 1}
    assert (reader.n_words, reader.n_encoded) == (12, 9)
    first = read(encoder, [["a", "b"], ["a", "d"]])
    np.testing.assert_allclose(contexts.of("a")[0], first.of("a")[0], atol=1e-5)


def test_few_other_words_are_taken_along(encoder, monkeypatch):
    monkeypatch.setattr(word_contexts, "_MOST_OTHERS", 2)
    contexts = read(encoder, [["a", "b", "c", "d", "b", "e"]], wanted=["e", "a"])
    assert set(contexts.words) == {"a", "b", "c", "e"}
    assert contexts.of(["b", "d"])[1].tolist() == [2, 0]


def test_long_texts_are_cut(encoder, monkeypatch):
    monkeypatch.setattr(word_contexts, "_MOST_PIECES", 70)
    monkeypatch.setattr(word_contexts, "_WAITING", 2)
    long = ["abcdefghij"] * 20  # 200 pieces, 68 of which are a window's
    whole = read(encoder, [long[:6], long[6:12], long[12:18], long[18:]])
    cut = read(encoder, [long])
    assert cut.counts.tolist() == whole.counts.tolist() == [20]
    np.testing.assert_allclose(cut.means, whole.means, atol=1e-5)


def test_words_longer_than_a_window(encoder):
    link = "x" * 5000
    assert WordPieces(encoder[0]).of([link])[0].ids == (encoder[0].unk_token_id,)
    dashes = "-" * 5000
    contexts = read(encoder, [["a", dashes, "b", dashes]])
    assert contexts.counts.tolist() == [1, 2, 1]
    assert np.isfinite(contexts.means).all()


def test_nothing_is_read(encoder):
    for texts in ([], [[]], [["中"]]):
        contexts = read(encoder, texts)
        means, counts = contexts.of(["a"])
        assert contexts.words == []
        assert counts.tolist() == [0]
        assert len(means) == 1


def test_frequent_words(encoder):
    contexts = read(encoder)
    assert contexts.frequent(2) == {"Ada", "left"}
    assert contexts.frequent(None) == set()
    assert contexts.frequent(1) == set(contexts.words)


def test_encoder_that_adds_nothing_and_has_a_decoder(tmp_path):
    tokenizer, model = load_encoder(save_tiny_encoder_decoder(tmp_path / "bart"))
    contexts = read((tokenizer, model), [["ab", "c"], ["ab"]])
    ids = tokenizer.convert_tokens_to_ids
    with torch.no_grad():
        first = model(torch.tensor([ids(["Ġab", "Ġ", "c"])])).last_hidden_state[0]
        second = model(torch.tensor([ids(["Ġab"])])).last_hidden_state[0]
    means, _ = contexts.of(["ab", "c"])
    np.testing.assert_allclose(means[0], (first[0] + second[0]) / 2, atol=1e-5)
    np.testing.assert_allclose(means[1], first[1:].mean(dim=0), atol=1e-5)


def test_layers_that_are_not_needed_are_taken_out(tmp_path):
    tokenizer, model = load_encoder(save_tiny_encoder(tmp_path / "bert", n_layers=4))
    _, whole = embed_words(["a", "bc"], tokenizer, model, layers=[1, -4])
    assert keep_layers([1, -4], model) == [1, 1]
    assert len(model.encoder.layer) == 2
    _, cut = embed_words(["a", "bc"], tokenizer, model, layers=[1, 1])
    np.testing.assert_allclose(cut, whole, atol=1e-6)


def test_layers_that_there_are(encoder):
    _, model = encoder
    assert keep_layers([], model) == []
    assert keep_layers([0, 1, 2, -1, -3], model) == [0, 1, 2, 2, 0]
    assert len(model.encoder.layer) == 2
    for layer in (3, -4):
        with pytest.raises(ValueError, match=f"from 0.* to 2, and no layer {layer}"):
            keep_layers([layer], model)
