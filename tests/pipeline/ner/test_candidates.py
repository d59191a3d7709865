"""The span group of all spans above a floor."""

import pytest
import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from tests.helpers.calibration import make_unsure
from tests.helpers.component import TEXTS, entities, make_nlp, recognizer

KEY = "crf_ner_candidates"


def written(doc):
    group = doc.spans[KEY]
    return [
        ((span.start, span.end, span.label_), score)
        for span, score in zip(group, group.attrs["scores"], strict=True)
    ]


def asked(nlp, text, floors):
    """What `candidates` answers, and what is above the floor of its label."""
    ner = recognizer(nlp)
    [found] = ner.candidates(nlp.make_doc(text), min(floors.values()))
    return [
        ((span.start, span.end, span.label_), pytest.approx(probability, abs=1e-5))
        for span, probability in found
        if probability > floors[span.label_]
    ]


@pytest.mark.parametrize("scheme", ["biluo", "bio"])
@pytest.mark.parametrize("decoder", ["viterbi", "mbr"])
def test_candidates_are_written_beside_entities(scheme, decoder):
    nlp = make_unsure(scheme)
    ner = recognizer(nlp)
    ner.decoder = decoder
    before = [entities(doc) for doc in nlp.pipe(TEXTS)]
    ner.change_settings(
        candidates_key=KEY, candidates_floor=0.05, label_floors={"PLACE": 0.2}
    )
    docs = list(nlp.pipe(TEXTS))
    assert [entities(doc) for doc in docs] == before
    floors = {"PERSON": 0.05, "PLACE": 0.2}
    for doc, text in zip(docs, TEXTS, strict=True):
        assert written(doc) == asked(nlp, text, floors)
    assert sum(len(doc.spans[KEY]) for doc in docs) > sum(map(len, before))


def test_candidates_need_no_group_of_entities():
    nlp = make_unsure()
    recognizer(nlp).change_settings(candidates_key=KEY, spans_key=None)
    doc = nlp(TEXTS[0])
    assert list(doc.spans) == [KEY]
    assert written(doc)


def test_a_floor_of_one_lets_nothing_through():
    nlp = make_unsure()
    recognizer(nlp).change_settings(candidates_key=KEY, candidates_floor=1.0)
    assert written(nlp(TEXTS[0])) == []


def test_a_component_without_labels_finds_none():
    nlp = make_nlp()
    recognizer(nlp).candidates_key = KEY
    assert written(nlp("")) == []


def test_the_component_does_not_believe_itself():
    nlp = make_unsure()
    recognizer(nlp).candidates_key = KEY
    doc = nlp(TEXTS[0])
    first = written(doc)
    assert written(nlp(doc)) == [(s, pytest.approx(p, abs=1e-5)) for s, p in first]


def test_candidates_survive(tmp_path):
    nlp = make_unsure()
    recognizer(nlp).change_settings(candidates_key=KEY, candidates_floor=0.1)
    doc = nlp(TEXTS[0])
    again = Doc(Vocab()).from_bytes(doc.to_bytes())
    assert written(again) == written(doc)
    nlp.to_disk(tmp_path)
    assert written(spacy.load(tmp_path)(TEXTS[0])) == written(doc)
    config = {"components.crf_ner.candidates_floor": 0.72}
    fewer = spacy.load(tmp_path, config=config)(TEXTS[0])
    assert written(fewer) == [(s, p) for s, p in written(doc) if p > 0.72]
    assert len(written(fewer)) < len(written(doc))
