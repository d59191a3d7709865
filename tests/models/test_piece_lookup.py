"""Words without a vector have the mean over their pieces, if the table has pieces."""

import pickle

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.vectors import Vectors

from spacy_crf_tagger.models import piece_lookup
from spacy_crf_tagger.models.piece_split import MARK
from spacy_crf_tagger.models.type_embed import build_type_embed
from tests.helpers.component import SMALL_TOK2VEC, fit, make_examples, make_nlp

KEYS = ["king", "Ada", "##dom", "##s"]
WIDTH = 5


def add_vectors(nlp, keys=(*KEYS, MARK)):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(len(keys), WIDTH)).astype(np.float32)
    for key in keys:
        nlp.vocab.strings.add(key)
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, keys=keys)
    return nlp


def known_of(nlp, words):
    """What the words are embedded by, read off a model that passes it on."""
    model = build_type_embed(WIDTH, ["SHAPE"], [10], include_static_vectors=True)
    docs = [Doc(nlp.vocab, words=words)]
    model.initialize(X=docs)
    mix, linear = model.layers[1:]
    linear.set_param("W", np.eye(WIDTH, dtype=np.float32))
    seen = []
    forward = mix._func
    mix._func = lambda layer, X, is_train: (
        seen.append(X[:, WIDTH:].copy()),
        forward(layer, X, is_train),
    )[1]
    model(docs, is_train=True)
    [by_type] = seen
    rows = {word: n for n, word in enumerate(dict.fromkeys(words))}
    assert len(by_type) == len(rows)
    return docs, model, by_type


def vectors_by_word(nlp, *words):
    """RETURNS: The vector of each word, asked for one at a time."""
    return np.stack([known_of(nlp, [word])[2][0] for word in words])


def test_means_of_pieces():
    nlp = add_vectors(spacy.blank("en"))
    table = nlp.vocab.vectors
    found = vectors_by_word(nlp, "king", "kingdoms", "ADA", "Kings", "unknown")
    king, dom, s = (table[key] for key in ("king", "##dom", "##s"))
    nothing = np.zeros(WIDTH)
    expected = [king, (king + dom + s) / 3, table["Ada"], (king + s) / 2, nothing]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_tables_without_pieces_are_left_alone():
    nlp = add_vectors(spacy.blank("en"), KEYS)
    found = vectors_by_word(nlp, "king", "kingdoms")
    np.testing.assert_array_equal(found, [nlp.vocab.vectors["king"], np.zeros(WIDTH)])


def test_prediction_and_training_are_one():
    nlp = add_vectors(spacy.blank("en"))
    words = ["king", "kingdom", "x", "kings", "Ada", "Adas", "kingdom"] * 12
    docs, model, _ = known_of(nlp, words)
    [trained], _ = model(docs, is_train=True)
    np.testing.assert_allclose(model.predict(docs)[0], trained, rtol=1e-5)
    alone = [model.predict([Doc(nlp.vocab, words=[word])])[0][0] for word in words]
    np.testing.assert_allclose(alone, trained, rtol=1e-5)


def test_changed_tables_are_read_anew():
    nlp = add_vectors(spacy.blank("en"))
    before = vectors_by_word(nlp, "kingly")
    np.testing.assert_array_equal(before, [nlp.vocab.vectors["king"]])
    nlp.vocab.vectors.resize((len(KEYS) + 3, WIDTH))
    nlp.vocab.strings.add("##ly")
    nlp.vocab.vectors.add("##ly", vector=np.ones(WIDTH, np.float32))
    expected = (nlp.vocab.vectors["king"] + 1) / 2
    np.testing.assert_allclose(vectors_by_word(nlp, "kingly"), [expected], rtol=1e-6)
    nlp.vocab.vectors.data[:] = 0.0
    assert not vectors_by_word(nlp, "kingly").any()


def test_nothing_is_kept_of_tables_that_are_gone():
    before = len(piece_lookup._tables)
    nlp = add_vectors(spacy.blank("en"))
    vectors_by_word(nlp, "kingdom")
    assert len(piece_lookup._tables) == before + 1
    nlp.vocab.vectors = Vectors(shape=(0, WIDTH))
    assert len(piece_lookup._tables) == before


def test_words_are_remembered_up_to_a_number(monkeypatch):
    monkeypatch.setattr(piece_lookup, "_MOST_REMEMBERED", 3)
    nlp = add_vectors(spacy.blank("en"))
    words = ["kingdom", "kings", "kingdoms", "Adas", "Adadom"]
    [twice, again] = (vectors_by_word(nlp, *words) for _ in range(2))
    np.testing.assert_array_equal(twice, again)
    [table] = [
        table
        for table in piece_lookup._tables.values()
        if table.owner() is nlp.vocab.vectors.data
    ]
    assert len(table._split) <= 3


@pytest.fixture
def trained():
    tok2vec = {**SMALL_TOK2VEC, "include_static_vectors": True}
    nlp = add_vectors(make_nlp(tok2vec=tok2vec))
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    fit(nlp, examples, 3)
    return nlp


def scores_of(nlp):
    doc = nlp.make_doc("The kingdoms of Adas saw kings")
    return nlp.get_pipe("crf_ner").model.predict([doc]).emissions


def test_pieces_are_saved_with_the_pipeline(trained, tmp_path):
    expected = scores_of(trained)
    trained.to_disk(tmp_path)
    again = {
        "disk": spacy.load(tmp_path),
        "bytes": make_nlp(
            tok2vec={**SMALL_TOK2VEC, "include_static_vectors": True}
        ).from_bytes(trained.to_bytes()),
        "pickle": pickle.loads(pickle.dumps(trained)),
    }
    for nlp in again.values():
        np.testing.assert_allclose(scores_of(nlp), expected, rtol=1e-5)
    lost = spacy.load(tmp_path)
    del lost.vocab.vectors.key2row[lost.vocab.strings[MARK]]
    assert not np.allclose(scores_of(lost), expected)


def test_strings_in_a_memory_zone_do_no_harm(trained):
    expected = scores_of(trained)
    with trained.memory_zone():
        np.testing.assert_allclose(scores_of(trained), expected)
    np.testing.assert_allclose(scores_of(trained), expected)
