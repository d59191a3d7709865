"""The vectors of words are remembered, and are those that would be computed."""

from threading import Thread

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_crf_tagger.models import type_embed
from spacy_crf_tagger.models.clusters import WordClusters
from spacy_crf_tagger.models.type_embed import build_type_embed
from spacy_crf_tagger.models.word_memory import WordMemory

rng = np.random.default_rng(0)


def random_keys(n: int) -> np.ndarray:
    return rng.integers(1, 2**64 - 1, n, dtype="uint64")


def test_words_are_recalled() -> None:
    memory = WordMemory(3)
    keys, vectors = random_keys(50), rng.standard_normal((50, 3)).astype("f")
    assert not memory.recall(keys)[1].any()
    memory.keep(keys, vectors)
    recalled, found = memory.recall(keys)
    assert found.sum() > 45  # two may share a place
    np.testing.assert_array_equal(recalled[found], vectors[found])
    assert not memory.recall(random_keys(50))[1].any()
    assert not memory.recall(np.zeros(1, dtype="uint64"))[1].any()


def test_of_words_with_the_same_place_the_last_one_is_kept() -> None:
    memory = WordMemory(1)
    keys = np.array([3, 2, 1], dtype="uint64")  # they begin alike
    memory.keep(keys, np.array([[3.0], [2.0], [1.0]], dtype="f"))
    vectors, found = memory.recall(keys)
    assert found.tolist() == [False, False, True]
    assert vectors[2] == 1.0
    memory.keep(keys[:1], np.array([[3.0]], dtype="f"))
    assert memory.recall(keys)[1].tolist() == [True, False, False]


def test_threads_get_the_vectors_of_their_words() -> None:
    memory = WordMemory(8)
    keys = random_keys(3) & np.uint64(2**40 - 1)  # all have one place
    wrong = []

    def use(key: np.ndarray) -> None:
        vector = np.full((1, 8), key[0] % np.uint64(1000), dtype="f")
        for _ in range(2000):
            memory.keep(key, vector)
            recalled, found = memory.recall(key)
            if found[0] and (recalled != vector).any():
                wrong.append(key)

    threads = [Thread(target=use, args=(keys[n : n + 1],)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def make_model(n_words: int = 300) -> tuple:
    nlp = spacy.blank("en")
    words = [f"Word{n % 170}" for n in range(n_words)]
    docs = [Doc(nlp.vocab, words=words[:3]), Doc(nlp.vocab, words=words)]
    model = build_type_embed(8, ["NORM", "SUFFIX2", "SHAPE"], [50, 50, 50], False)
    return model.initialize(X=docs), docs


def test_nothing_is_computed_twice(monkeypatch) -> None:
    model, docs = make_model()
    n_computed = []
    predict = type_embed.predict_mixed

    def counting(embed, mix, values, *rest):
        n_computed.append(len(values))
        return predict(embed, mix, values, *rest)

    monkeypatch.setattr(type_embed, "predict_mixed", counting)
    first = model.predict(docs)
    again = model.predict(docs)
    assert n_computed[0] == 170
    assert sum(n_computed[1:]) < 10  # those that share a place
    for one, other in zip(first, again, strict=True):
        assert one.tobytes() == other.tobytes()


def test_words_are_forgotten_when_weights_change() -> None:
    model, docs = make_model()
    embed, mix = model.layers
    maxout, norm = mix.layers
    table = embed.layers[1].layers[-1]
    for node, name in ((maxout, "W"), (maxout, "b"), (norm, "G"), (table, "E")):
        before = model.predict(docs)
        node.get_param(name)[...] += 0.1
        after = model.predict(docs)
        assert (before[0] != after[0]).any()
        fresh = make_model()[0].from_bytes(model.to_bytes())
        np.testing.assert_array_equal(after[1], fresh.predict(docs)[1])
        node.set_param(name, node.get_param(name) - 0.05)
        assert (model.predict(docs)[1] != after[1]).any()


def test_words_are_forgotten_when_clusters_change(tmp_path) -> None:
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=["red", "blue", "Ada"])]
    path = tmp_path / "paths"
    path.write_text("0110\tred\t9\n0111\tblue\t8\n10\tAda\t7\n", encoding="utf8")
    attrs = ["SHAPE", "CLUSTER"]
    model = build_type_embed(8, attrs, [50, 50], False, clusters=str(path))
    model.initialize(X=docs)
    before = model.predict(docs)[0]
    model.attrs["clusters"] = WordClusters({"red": "10", "blue": "10", "Ada": "10"})
    after = model.predict(docs)[0]
    assert (after[0] != before[0]).any()
    np.testing.assert_array_equal(after[2], before[2])


def test_averages_that_come_and_go_leave_nothing_behind() -> None:
    """They are other arrays for a while, and then the same ones are there again."""
    model, docs = make_model()
    maxout = model.layers[1].layers[0]
    own = maxout.get_param("W")
    fresh, fresh_docs = make_model()
    fresh.from_bytes(model.to_bytes())
    expected = fresh.predict(fresh_docs)[1]
    values_of = type_embed._values_of

    def exchanging(*args):
        # As if another thread did, after the memory has been found.
        maxout.set_param("W", own * 2.0)
        return values_of(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type_embed, "_values_of", exchanging)
        model.predict(docs)
    maxout.set_param("W", own)
    np.testing.assert_array_equal(model.predict(docs)[1], expected)


def test_models_do_not_share_their_memory() -> None:
    model, docs = make_model()
    expected = model.predict(docs)[1]
    other = make_model()[0]
    assert (other.predict(docs)[1] != expected).any()
    np.testing.assert_array_equal(model.predict(docs)[1], expected)
    np.testing.assert_array_equal(model.copy().predict(docs)[1], expected)
