"""Documents that cannot be analysed, and the others in their batch."""

import numpy as np
import pytest
import spacy
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import Doc, Span
from spacy.training import Example

from tests.helpers.component import (
    TEXTS,
    entities,
    make_examples,
    make_nlp,
    recognizer,
    trained_nlp,
)

both_schemes = pytest.mark.parametrize("scheme", ["biluo", "bio"])


def with_types(vocab, types):
    """A preset entity of the first tokens whose types were set one by one."""
    doc = Doc(vocab, words=["Ada", "Paris", "met", "Grace", "Lovelace"])
    doc.set_ents([Span(doc, 0, len(types), label=types[0])], default="missing")
    for token, label in zip(doc, types, strict=False):
        token.ent_type_ = label
    return doc


def impossible(vocab):
    """A document that continues an entity that did not begin."""
    doc = Doc(vocab, words=["Ada", "met", "Grace"])
    label = vocab.strings.add("PERSON")
    doc.from_array(
        [ENT_IOB, ENT_TYPE], np.array([[2, 0], [1, label], [2, 0]], "uint64")
    )
    return doc


def is_impossible(doc):
    return [token.ent_iob for token in doc] == [2, 1, 2]


@both_schemes
@pytest.mark.parametrize(
    "types",
    [
        ["PERSON", "PLACE"],
        ["PLACE", "PERSON", "PLACE"],
        ["PERSON", "UNHEARD", "PLACE"],
        ["UNHEARD", "PERSON"],
        ["PERSON", ""],
    ],
)
def test_preset_entity_of_mixed_types_is_that_of_its_first_token(scheme, types):
    nlp = trained_nlp(scheme)
    doc = with_types(nlp.vocab, types)
    [preset] = doc.ents
    expected = (preset.start, preset.end, preset.label_)
    ner = recognizer(nlp)
    assert ner.k_best(doc, 1)[0][0].ents[0].label_ == expected[2]
    assert np.isfinite(ner.marginals(doc)[0].tags).all()
    assert entities(nlp(doc))[0] == expected


@both_schemes
def test_annotated_entity_of_mixed_types_is_that_of_its_first_token(scheme):
    nlp = trained_nlp(scheme)
    mixed = with_types(nlp.vocab, ["PERSON", "PLACE"])
    plain = with_types(nlp.vocab, ["PERSON", "PERSON"])
    words = [token.text for token in mixed]
    losses = [
        nlp.update([Example(Doc(nlp.vocab, words=words), reference)], sgd=False)
        for reference in (mixed, plain)
    ]
    assert losses[0] == losses[1]


@both_schemes
@pytest.mark.parametrize("settings", [{}, {"decoder": "mbr"}])
def test_impossible_document_is_named_and_takes_no_other_with_it(scheme, settings):
    nlp = trained_nlp(scheme)
    ner = recognizer(nlp)
    ner.cfg.update(settings)
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    failed = []

    def note(name, proc, docs, error):
        failed.append(([doc.text for doc in docs], str(error)))

    bad = impossible(nlp.vocab)
    assert is_impossible(bad)
    nlp.set_error_handler(note)
    stream = [*TEXTS[:3], bad, *TEXTS[3:]]
    found = list(nlp.pipe(stream))
    assert [doc.text for doc in found] == TEXTS
    assert [entities(doc) for doc in found] == expected
    [(texts, message)] = failed
    assert texts == [bad.text]
    assert message.startswith("Component 'crf_ner': there is no way to tag document 0")
    assert "'Ada met Grace '" in message
    nlp.set_error_handler(spacy.util.raise_error)
    for use in (
        nlp,
        ner.predict,
        ner.marginals,
        lambda doc: ner.k_best(doc, 1),
        lambda doc: ner.sample(doc, 1),
        lambda doc: ner.span_probabilities(doc, [[(0, 1, "PERSON")]]),
    ):
        with pytest.raises(ValueError, match="Ada met Grace"):
            use(impossible(nlp.vocab))
    with pytest.raises(ValueError, match="document 1 of the batch"):
        ner.predict([nlp.make_doc("We left"), impossible(nlp.vocab)])


def test_other_errors_reach_the_handler_one_by_one(monkeypatch):
    nlp = trained_nlp()
    ner = recognizer(nlp)
    predict = ner.predict

    def fail_at_some(docs):
        if any("New York" in doc.text for doc in docs):
            raise RuntimeError("no")
        return predict(docs)

    monkeypatch.setattr(ner, "predict", fail_at_some)
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, error: failed.append(docs))
    found = [doc.text for doc in nlp.pipe(TEXTS)]
    assert found == [text for text in TEXTS if "New York" not in text]
    assert [[doc.text for doc in docs] for docs in failed] == [
        [text] for text in TEXTS if "New York" in text
    ]


def test_component_without_weights_is_still_an_error():
    nlp = make_nlp(labels=["A"])
    with pytest.raises(ValueError, match="E109"):
        list(nlp.pipe(["We left", "Paris"]))


def test_impossible_annotation_is_named():
    nlp = trained_nlp()
    bad = impossible(nlp.vocab)
    words = [token.text for token in bad]
    examples = [*make_examples(nlp), Example(Doc(nlp.vocab, words=words), bad)]
    with pytest.raises(ValueError, match=r"(?s)'crf_ner'.*I without B.*Ada.*met"):
        nlp.update(examples)


def test_a_batch_that_fails_without_a_document_that_does(monkeypatch, caplog):
    nlp = trained_nlp("biluo")
    pipe = recognizer(nlp)
    real = pipe.predict

    def predict(docs):
        docs = list(docs)
        if len(docs) > 1:
            raise MemoryError("no room")
        return real(docs)

    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    assert not caplog.records
    monkeypatch.setattr(pipe, "predict", predict)
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    [record] = caplog.records
    assert "MemoryError: no room" in record.getMessage()
    assert f"{len(TEXTS)} documents" in record.getMessage()
