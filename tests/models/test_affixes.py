"""Affixes as attributes of TypeEmbed."""

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.strings import StringStore
from spacy.tokens import Doc
from spacy.util import fix_random_seed
from thinc.api import Adam

from spacy_crf_tagger.models import word_table
from spacy_crf_tagger.models.affixes import Affix, affix_table, find_affixes
from spacy_crf_tagger.models.type_embed import build_type_embed

BOTH = [Affix(is_prefix=True, length=2), Affix(is_prefix=False, length=3)]


def fresh():
    return affix_table.__wrapped__(tuple(BOTH))


def names_of(table, words):
    """The affixes of words as strings, "" for none."""
    strings = StringStore(words)
    for word in words:
        lower = word.lower()
        for size in range(1, 10):
            strings.add(lower[:size])
            strings.add(lower[-size:])
    ids = np.array([strings[word] for word in words], dtype=np.uint64)
    found = table.look_up(ids, strings)
    return [tuple(strings[n] if n else "" for n in row) for row in found.tolist()]


def test_affixes_are_those_of_longer_words_in_lower_case():
    found = names_of(fresh(), ["Running", "the", "of", "A", "Ünlü", "the"])
    assert found == [
        ("ru", "ing"),
        ("th", ""),
        ("", ""),
        ("", ""),
        ("ün", "nlü"),
        ("th", ""),
    ]


@given(st.lists(st.lists(st.text(min_size=1, max_size=12), max_size=20), max_size=4))
def test_table_remembers_nothing_but_affixes(texts):
    shared = fresh()
    for words in texts:
        assert names_of(shared, words) == names_of(fresh(), words)


def test_table_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(word_table, "_MOST_WORDS", 50)
    table = fresh()
    for first in range(0, 400, 20):
        words = [f"word{n}" for n in range(first, first + 30)]
        assert names_of(table, words) == names_of(fresh(), words)
        assert len(table._known[0]) <= 50


def test_names_of_affixes():
    found = find_affixes(["NORM", "PREFIX2", "PREFIX", 67, "SUFFIX9"])
    assert found == [(1, Affix(True, 2)), (4, Affix(False, 9))]


@pytest.mark.parametrize("name", ["PREFIX0", "SUFFIX10", "prefix2", "SUFFIX2 ", "MID2"])
def test_unknown_affixes(name):
    with pytest.raises(ValueError, match=f"such as 'SUFFIX4', .*, not {name!r}"):
        build_type_embed(8, ["NORM", name], [10, 10], False)


def forward(attrs, words, **settings):
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=words), Doc(nlp.vocab), Doc(nlp.vocab, words=words)]
    fix_random_seed(0)
    model = build_type_embed(8, attrs, [50] * len(attrs), False, **settings)
    model.initialize(X=docs)
    return model, docs


def test_words_that_share_affixes_share_vectors():
    words = ["walking", "Walking", "talking", "waking", "kings"]
    model, docs = forward(["PREFIX2", "SUFFIX3"], words)
    first, none, again = model.predict(docs)
    assert none.shape == (0, 8)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[0], first[1])
    np.testing.assert_array_equal(first[0], first[3])
    assert not np.allclose(first[0], first[2])
    assert not np.allclose(first[0], first[4])


@pytest.mark.parametrize("attrs", [["SUFFIX3", "SHAPE"], ["SHAPE", "SUFFIX3"]])
@pytest.mark.parametrize("kept", ["SUFFIX3", "SHAPE"])
def test_attributes_keep_their_places(attrs, kept):
    model, docs = forward(attrs, ["walking", "talking", "talked"])
    tables = [node for node in model.walk() if node.name == "hashembed"]
    for attr, table in zip(attrs, tables, strict=True):
        if attr != kept:
            table.get_param("E")[:] = 0.0
    [walking, talking, talked] = model.predict(docs)[0]
    np.testing.assert_array_equal(walking, talking)
    # Both have the shape "xxxx".
    assert np.allclose(walking, talked) == (kept == "SHAPE")


def test_affixes_are_learned():
    words = ["walking", "talking", "walked", "talked"]
    wanted = np.array([[1.0], [1.0], [-1.0], [-1.0]], dtype=np.float32)
    model, docs = forward(["SUFFIX2"], words)
    sgd = Adam(0.05)
    for _ in range(40):
        vectors, backprop = model.begin_update(docs[:1])
        gradient = np.zeros_like(vectors[0])
        gradient[:, :1] = vectors[0][:, :1] - wanted
        backprop([gradient])
        model.finish_update(sgd)
    new = Doc(docs[0].vocab, words=["barking", "barked"])
    [found] = model.predict([new])
    assert found[0, 0] > 0.5 > -0.5 > found[1, 0]


def test_hidden_forms_leave_affixes():
    words = ["walking", "cat"]
    model, docs = forward(["NORM", "SUFFIX3"], words, form_dropout=0.5)
    # No form has been seen in training, so all are hidden.
    [vectors] = model.predict(docs[:1])
    again = Doc(docs[0].vocab, words=["barking", "dog"])
    np.testing.assert_array_equal(model.predict([again])[0], vectors)
