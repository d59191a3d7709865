"""What is on a document already stays; what may not be predicted never is."""

import random
from functools import cache

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import fix_random_seed, load_model_from_config

from tests.helpers.component import (
    annotated,
    entities,
    fit,
    iob,
    make_examples,
    make_nlp,
    random_document,
    randomize,
    recognizer,
    trained_nlp,
)

WORDS = ["We", "left", "New", "York", "for", "Paris"]
EXPECTED = [(2, 4, "PLACE"), (5, 6, "PLACE")]
both_schemes = pytest.mark.parametrize("scheme", ["biluo", "bio"])


@cache
def _trained_ner():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    optimizer.learn_rate = 0.005
    fit(nlp, make_examples(nlp), 20, sgd=optimizer)
    return nlp.config, nlp.to_bytes()


@pytest.fixture(params=["ner", "biluo", "bio"])
def nlp(request):
    """spaCy's own recogniser and ours, all of which know the places of WORDS."""
    if request.param == "ner":
        config, data = _trained_ner()
        return load_model_from_config(config).from_bytes(data)
    return trained_nlp(request.param)


def predict(nlp: Language, doc: Doc) -> Doc:
    [(_, ner)] = nlp.pipeline
    return ner(doc)


def test_without_presets_the_places_are_found(nlp):
    assert entities(predict(nlp, Doc(nlp.vocab, words=WORDS))) == EXPECTED


def test_outside_is_no_obstacle(nlp):
    doc = Doc(nlp.vocab, words=WORDS)
    doc.set_ents([], default="outside")
    assert entities(predict(nlp, doc)) == EXPECTED


def test_second_call_changes_nothing(nlp):
    doc = predict(nlp, Doc(nlp.vocab, words=WORDS))
    assert entities(predict(nlp, doc)) == EXPECTED


def test_preset_entity_keeps_its_link_and_id_and_the_others_get_none(nlp):
    doc = Doc(nlp.vocab, words=WORDS)
    doc.ents = [Span(doc, 5, 6, label="PLACE", kb_id="Q90", span_id="capital")]
    predict(nlp, doc)
    assert entities(doc) == EXPECTED
    assert [ent.kb_id_ for ent in doc.ents] == ["", "Q90"]
    assert [ent.id_ for ent in doc.ents] == ["", "capital"]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ([(5, 6, "PERSON")], [(2, 4, "PLACE"), (5, 6, "PERSON")]),
        ([(5, 6, "NEVER-SEEN")], [(2, 4, "PLACE"), (5, 6, "NEVER-SEEN")]),
        ([(2, 4, "NEVER-SEEN")], [(2, 4, "NEVER-SEEN"), (5, 6, "PLACE")]),
        ([(0, 6, "NEVER-SEEN")], [(0, 6, "NEVER-SEEN")]),
        ([(0, 6, "PLACE")], [(0, 6, "PLACE")]),
        ([(1, 3, "PLACE"), (3, 5, "PLACE")],) * 2,
        ([(2, 3, "PLACE"), (3, 4, "PLACE"), (4, 5, "PERSON")],) * 2,
    ],
)
def test_preset_entities_stay_and_the_rest_is_predicted(nlp, preset, expected):
    doc = predict(nlp, annotated(nlp, WORDS, preset))
    assert [ent for ent in entities(doc) if ent in expected] == expected
    others = [ent for ent in entities(doc) if ent not in expected]
    assert set(others) <= {(5, 6, "PLACE")}
    assert all(token.ent_iob for token in doc)


@pytest.mark.parametrize("preset", [(2, 3, "PLACE"), (3, 4, "PLACE")])
def test_prediction_does_not_merge_into_a_preset_neighbour(nlp, preset):
    doc = predict(nlp, annotated(nlp, WORDS, [preset]))
    assert preset in entities(doc)
    assert (5, 6, "PLACE") in entities(doc)


def test_preset_entity_may_stand_where_no_prediction_would(nlp):
    words = ["York", "\n", "Paris", "We"]
    sent_starts = [True, False, True, False]
    preset = [(1, 3, "PLACE")]
    doc = predict(nlp, annotated(nlp, words, preset, sent_starts=sent_starts))
    assert (1, 3, "PLACE") in entities(doc)


@pytest.mark.parametrize(
    ("words", "preset"),
    [
        (["\n"], [(0, 1, "PLACE")]),
        (["\n", "\n"], [(0, 2, "PLACE")]),
        ([" ", "We"], [(0, 1, "PLACE")]),
        (["We", "\n"], [(0, 2, "PLACE")]),
        (["We", "\n"], [(1, 2, "PLACE")]),
        (["We", "\n"], [(1, 2, "NEVER-SEEN")]),
    ],
)
def test_preset_entity_of_whitespace_stays(nlp, words, preset):
    doc = predict(nlp, annotated(nlp, words, preset))
    assert preset[0] in entities(doc)


# Blocked tokens


def test_blocked_tokens_stay_blocked(nlp):
    doc = predict(nlp, annotated(nlp, WORDS, blocked=[5]))
    assert entities(doc) == [(2, 4, "PLACE")]
    assert (doc[5].ent_iob, doc[5].ent_type) == (3, 0)
    assert iob(doc)[:2] == ["O", "O"]


@pytest.mark.parametrize("token", [2, 3])
def test_no_entity_crosses_a_blocked_token(nlp, token):
    doc = predict(nlp, annotated(nlp, WORDS, blocked=[token]))
    assert (doc[token].ent_iob, doc[token].ent_type) == (3, 0)
    assert (5, 6, "PLACE") in entities(doc)
    assert all(not start <= token < end for start, end, _ in entities(doc))


def test_everything_blocked(nlp):
    doc = predict(nlp, annotated(nlp, WORDS, blocked=range(6)))
    assert iob(doc) == ["B"] * 6
    assert entities(doc) == []


def test_blocked_token_next_to_a_preset_entity(nlp):
    doc = annotated(nlp, WORDS, [(2, 3, "PERSON")], blocked=[1, 3])
    predict(nlp, doc)
    assert entities(doc) == [(2, 3, "PERSON"), (5, 6, "PLACE")]
    assert [doc[i].ent_iob for i in (1, 2, 3)] == [3, 3, 3]
    assert [doc[i].ent_type_ for i in (1, 2, 3)] == ["", "PERSON", ""]


def test_blocking_component_in_the_pipeline():
    @Language.component("block_the_middle")
    def block_the_middle(doc):
        doc.set_ents([], blocked=[doc[2:5]], default="unmodified")
        return doc

    nlp = make_nlp(labels=["MY_LABEL"])
    nlp.add_pipe("block_the_middle", first=True)
    nlp.initialize()
    doc = nlp("This is Ada B Lovelace speaking in Finland")
    assert iob(doc) == ["O", "O", "B", "B", "B", "O", "O", "O"]
    assert {token.ent_type_ for token in doc} == {""}


# Boundaries


def test_no_entity_crosses_a_sentence_start(nlp):
    sent_starts = [True, False, False, True, False, False]
    doc = predict(nlp, Doc(nlp.vocab, words=WORDS, sent_starts=sent_starts))
    assert all(not start < 3 < end for start, end, _ in entities(doc))
    assert (5, 6, "PLACE") in entities(doc)


# Labels that came later


@both_schemes
def test_preset_entity_of_a_label_added_after_training(scheme):
    """`add_label` leaves the new label out of all predictions, but it may be preset."""
    nlp = trained_nlp(scheme)
    ner = recognizer(nlp)
    doc = predict(nlp, Doc(nlp.vocab, words=WORDS))
    ner.add_label("NEW")
    doc.ents = [*doc.ents, Span(doc, 1, 2, label="NEW")]
    predict(nlp, doc)
    assert entities(doc) == [(1, 2, "NEW"), *EXPECTED]
    fit(nlp, make_examples(nlp), 1)
    doc = predict(nlp, annotated(nlp, WORDS, [(0, 2, "NEW")]))
    assert (0, 2, "NEW") in entities(doc)


@pytest.mark.parametrize("factory", ["ner", "crf_ner"])
def test_preset_entity_of_a_label_unknown_to_an_untrained_component(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory)
    for label in ["A", "B", "C"]:
        ner.add_label(label)
    nlp.initialize()
    doc = ner(Doc(nlp.vocab, words=["hello", "world"], ents=["B-D", "O"]))
    assert [token.ent_type_ for token in doc] == ["D", ""]
    assert iob(doc) == ["B", "O"]


def test_presets_add_no_labels():
    nlp = trained_nlp()
    predict(nlp, annotated(nlp, WORDS, [(0, 1, "NEVER-SEEN")]))
    assert recognizer(nlp).labels == ("PERSON", "PLACE")


def test_two_recognizers_one_after_the_other():
    nlp = trained_nlp()
    other = make_nlp()
    data = [("We left New York for Paris", {"entities": [(0, 2, "WHO")]})]
    other.initialize(lambda: make_examples(other, data))
    fit(other, make_examples(other, data), 30)
    nlp.add_pipe("crf_ner", name="second", source=other)
    assert entities(nlp("We left New York for Paris")) == [(0, 1, "WHO"), *EXPECTED]


# All of it at once, with random scores


@both_schemes
@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_rules_hold_whatever_the_scores(scheme, output):
    nlp = trained_nlp(scheme, output)
    ner = recognizer(nlp)
    rng = random.Random(1)
    n_predicted = 0
    for seed in range(8):
        randomize(ner, seed, scale=2.0)
        docs = [random_document(nlp, rng) for _ in range(40)]
        before = [doc.copy() for doc in docs]
        ner.set_annotations(docs, ner.predict(docs))
        for old, new in zip(before, docs, strict=True):
            kept = {(e.start, e.end, e.label, e.kb_id) for e in old.ents}
            found = {(e.start, e.end, e.label, e.kb_id) for e in new.ents}
            assert kept <= found
            for token in old:
                if token.ent_iob == 3 and not token.ent_type:
                    assert new[token.i].ent_iob == 3
                    assert not new[token.i].ent_type
            for start, end, _, _ in found - kept:
                n_predicted += 1
                assert not new[start].is_space
                assert not new[end - 1].is_space
                assert all(not token.is_sent_start for token in new[start + 1 : end])
            assert all(token.ent_iob for token in new)
    assert n_predicted > 300
