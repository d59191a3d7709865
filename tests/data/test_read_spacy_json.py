"""Training data of spaCy 2."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import docs_to_json

from spacy_crf_tagger.data import read_spacy_json as kinds
from spacy_crf_tagger.data import sentences, tagged, texts
from spacy_crf_tagger.data import spans as span_kinds

from .examples import entities_of, iobs_of, read_source, seeded

TEXT = "Ada Merrick drew Saturn."
SPANS = [[0, 11, "PERSON"], [17, 23, "OBJECT"]]
FOUND = [("Ada Merrick", "PERSON"), ("Saturn", "OBJECT")]
TAGS = ["B-PERSON", "L-PERSON", "O", "U-OBJECT", "O"]


def read(value, nlp):
    text = value if isinstance(value, str) else json.dumps(value)
    return read_source(kinds.read_spacy_json, text, nlp)


def paragraph(tags=TAGS, raw=TEXT, words=("Ada", "Merrick", "drew", "Saturn", ".")):
    tokens = [
        {"id": i, "orth": word, "ner": tag, "head": 0, "dep": "dep", "tag": "X"}
        for i, (word, tag) in enumerate(zip(words, tags, strict=True))
    ]
    return {"raw": raw, "sentences": [{"tokens": tokens, "brackets": []}]}


def document(*paragraphs):
    return {"id": 0, "paragraphs": list(paragraphs)}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("is_array", [False, True])
def test_paragraphs_become_documents(nlp, indent, is_array):
    value = document(paragraph(), paragraph())
    text = json.dumps([value] if is_array else value, indent=indent)
    reading = read(text, nlp)
    assert reading.problems == []
    assert [doc.text for doc in reading.docs] == [TEXT, TEXT]
    assert [entities_of(doc) for doc in reading.docs] == [FOUND] * 2


def test_what_spacy_writes_comes_back(nlp):
    docs = []
    for text in ("Ada left.", "Rome is far"):
        doc = nlp(text)
        doc.set_ents([Span(doc, 0, 1, "X")])
        doc[0].is_sent_start = True
        for token in doc[1:]:
            token.is_sent_start = token.i == 1
        docs.append(doc)
    reading = read([docs_to_json(docs)], nlp)
    assert reading.problems == []
    for doc, original in zip(reading.docs, docs, strict=True):
        assert doc.text == original.text
        assert entities_of(doc) == entities_of(original)
        assert [t.is_sent_start for t in doc] == [t.is_sent_start for t in original]


@pytest.mark.parametrize("raw", [None, "Ada", "Ada  Merrick drew Saturn.", 3])
def test_other_texts_than_the_tokens_are_not_used(nlp, raw):
    (doc,) = read(document(paragraph(raw=raw)), nlp).docs
    assert doc.has_unknown_spaces
    assert iobs_of(doc) == "BIOBO"


@pytest.mark.parametrize(
    ("tags", "kind", "iobs"),
    [
        (["B-PERSON", "L-PERSON", "O", "-", "O"], None, "BIO?O"),
        ([None] * 5, None, "?????"),
        (["O", "x", "O", "O", "O"], sentences.UNKNOWN_TAG, "O?OOO"),
        (["O", 3, "O", "O", "O"], sentences.UNKNOWN_TAG, "O?OOO"),
        (["O", "L-X", "O", "O", "O"], tagged.INVALID_SEQUENCE, "OBOOO"),
    ],
)
def test_tags_of_tokens(nlp, tags, kind, iobs):
    value = [document(*[paragraph()] * 5), document(paragraph(tags))]
    reading = read(
        json.dumps(value).replace('}, {"id": 0, "p', '},\n{"id": 0, "p'), nlp
    )
    expected = [] if kind is None else [(2, kind)]
    assert [(p.line, p.kind) for p in reading.problems] == expected
    assert iobs_of(reading.docs[-1]) == iobs


@pytest.mark.parametrize(
    "bad", [None, {}, {"raw": "a"}, {"sentences": []}, {"sentences": [{}]}]
)
def test_paragraphs_that_cannot_be_read_are_lost(nlp, bad):
    reading = read([document(paragraph(), bad), document(paragraph())], nlp)
    (problem,) = reading.problems
    assert problem.kind == kinds.NO_PARAGRAPHS
    assert problem.text.startswith("item 1, paragraph 2: ")
    assert reading.log.lost.count == 1
    assert len(reading.docs) == 2


def test_tokens_without_a_word_are_reported(nlp):
    reading = read(document(paragraph(words=["Ada", "", "drew", "it", "."])), nlp)
    assert [p.kind for p in reading.problems] == [sentences.NO_TOKEN]
    assert [iobs_of(doc) for doc in reading.docs] == ["?OBO"]


@pytest.mark.parametrize("form", ["array", "lines", "object"])
def test_texts_with_offsets(nlp, form):
    pairs = [
        [TEXT, {"entities": SPANS}],
        [TEXT, {"entities": []}],
        [TEXT, {"cats": {}}],
    ]
    text = {
        "array": json.dumps(pairs, indent=1),
        "lines": "\n".join(map(json.dumps, pairs)),
        "object": json.dumps({"classes": ["X"], "annotations": pairs}),
    }[form]
    reading = read(text, nlp)
    assert reading.problems == []
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOBO", "OOOOO", "?????"]
    assert reading.log.notes[kinds.NO_ENTITIES].count == 1


@pytest.mark.parametrize(
    ("annotation", "kind", "iobs"),
    [
        ({"entities": [[0, 2, "X"]]}, span_kinds.MISALIGNED, "?OOOO"),
        ({"entities": [[0, 3, "X"], [0, 11, "Y"]]}, span_kinds.OVERLAP, "BIOOO"),
        ({"entities": ["U-X"]}, texts.BAD_SPAN, "?????"),
        ({"entities": [[0, 3, ""]]}, texts.BAD_SPAN, "?OOOO"),
        ({"entities": "X"}, texts.BAD_SPAN, "?????"),
        ("X", texts.BAD_SPAN, "?????"),
    ],
)
def test_what_cannot_be_used_is_reported_and_missing(nlp, annotation, kind, iobs):
    pairs = [[TEXT, {"entities": SPANS}], [TEXT, annotation]]
    reading = read(f"[{json.dumps(pairs[0])},\n{json.dumps(pairs[1])}]", nlp)
    assert [(p.line, p.kind) for p in reading.problems] == [(2, kind)]
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOBO", iobs]


def test_texts_that_cannot_be_read_are_lost(nlp):
    pairs = [[TEXT, {"entities": SPANS}], None, ["", {"entities": []}]]
    reading = read({"annotations": pairs}, nlp)
    assert reading.log.lost.count == 2
    assert len(reading.docs) == 1


def test_odd_characters(nlp):
    text = "\U0001f600 Éva\u2028left\r\n"
    reading = read([[text, {"entities": [[2, 5, "PÉR\u00a0"]]}]], nlp)
    assert reading.problems == []
    assert [entities_of(doc) for doc in reading.docs] == [[("Éva", "PÉR")]]
    assert isinstance(reading.docs[0], Doc)


VALUES = [None, True, 0, [], {}, [{}], ["a", {"entities": [[0, 1, "X"]]}],
          {"paragraphs": [{}]}, {"paragraphs": [paragraph()]}]  # fmt: skip


@seeded
@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=3))
def test_any_json_is_read_or_reported(nlp, values):
    reading = read(values, nlp)
    lost = reading.log.lost.count
    assert len(reading.docs) + lost == len(values)
