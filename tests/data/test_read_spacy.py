"""Documents of spaCy: checked, and split anew."""

import io
from pathlib import Path

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from spacy_crf_tagger.data import read_spacy as kinds
from spacy_crf_tagger.data import spans as span_kinds
from spacy_crf_tagger.data.reading import LOOK_ALIKE, Log
from spacy_crf_tagger.data.source import Source, UnreadableError

from .examples import entities_of, iobs_of, seeded

NLP = spacy.blank("xx")


def read(docs, nlp, *, store_user_data=False, **options):
    content = DocBin(docs=docs, store_user_data=store_user_data).to_bytes()
    log = Log()
    source = Source(Path("a.spacy"), io.BytesIO(content))
    return list(kinds.read_spacy(source, nlp, log, **options)), log


@pytest.fixture
def doc(nlp):
    doc = nlp.make_doc("Ada can't see  Saturn.")
    doc.set_ents(
        [Span(doc, 0, 1, "PER", kb_id="Q7259")], missing=[doc[3:4]], default="outside"
    )
    doc.spans["sc"] = [Span(doc, 0, 2, "X")]
    doc.spans["sc"].attrs["scores"] = np.array([0.5])
    doc.cats = {"NEWS": 1.0}
    return doc


def test_all_is_kept(nlp, doc):
    [found], log = read([doc], nlp)
    assert found.to_bytes() == doc.to_bytes()
    assert not log.problems
    assert not log.notes


def test_whitespace_around_entities_is_taken_off(nlp):
    doc = nlp.make_doc("Ada  left\n\nLisbon  early")
    doc.ents = [Span(doc, 0, 2, "PER", kb_id="Q1"), Span(doc, 3, 6, "LOC")]
    blank = nlp.make_doc("a  b")
    blank.ents = [Span(blank, 1, 2, "X")]
    [found, other], log = read([doc, blank], nlp)
    assert entities_of(found) == [("Ada", "PER"), ("Lisbon", "LOC")]
    assert found.ents[0].kb_id_ == "Q1"
    assert entities_of(other) == []
    [whitespace, empty] = [tally.first for tally in log.problems.values()]
    assert [(p.line, p.kind) for p in whitespace] == [(1, span_kinds.WHITESPACE)] * 2
    assert [(p.line, p.kind) for p in empty] == [(2, span_kinds.EMPTY)]
    assert whitespace[0].text == "document 1: 'Ada  ' (PER 0:5)"


def test_labels_that_look_alike(nlp):
    docs = [nlp.make_doc("Ada left") for _ in range(2)]
    docs[0].ents, docs[1].ents = (
        [Span(docs[0], 0, 1, "PER")],
        [Span(docs[1], 0, 1, "Per")],
    )
    _, log = read(docs, nlp)
    assert [p.line for p in log.problems[LOOK_ALIKE].first] == [2]


def test_user_data_is_told(nlp, doc):
    doc.user_data["source"] = "letter"
    _, log = read([doc], nlp, store_user_data=True)
    assert log.notes[kinds.USER_DATA].first == [1]


def test_texts_are_split_anew(nlp, doc):
    words = ["Ada", "can't", "see", " ", "Saturn."]
    spaces = [True, True, True, False, False]
    other = Doc(nlp.vocab, words=words, spaces=spaces, sent_starts=[True] + [False] * 4)
    other.set_ents(
        [Span(other, 0, 1, "PER"), Span(other, 4, 5, "X")],
        missing=[other[1:2]],
        default="outside",
    )
    [found], log = read([other], nlp, retokenize=True)
    assert found.text == other.text
    assert [token.text for token in found] == [token.text for token in doc]
    assert iobs_of(found) == "B??OOBI"
    assert [token.is_sent_start for token in found] == [True] + [False] * 6
    assert not log.problems
    assert not log.notes


def test_entities_that_do_not_fit_the_new_tokens_are_missing(nlp, doc):
    blank = spacy.blank("xx")
    blank.tokenizer = lambda text: Doc(blank.vocab, words=[text], spaces=[False])
    [found], log = read([doc], blank, retokenize=True)
    assert iobs_of(found) == "?"
    [problem] = log.problems[span_kinds.MISALIGNED].first
    assert problem.text == "document 1: 'Ada' (PER 0:3)"
    assert log.notes[kinds.LEFT_BEHIND].first == [1]


def test_blanks_may_be_unknown(nlp):
    doc = Doc(nlp.vocab, words=["Ada", "left"])
    doc.ents = [Span(doc, 0, 1, "PER")]
    [found], log = read([doc], nlp, retokenize=True)
    assert entities_of(found) == [("Ada", "PER")]
    assert log.notes[kinds.UNKNOWN_SPACES].first == [1]


@seeded
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_damaged_files_are_named(position, value):
    nlp = NLP
    doc = nlp.make_doc("Ada left Lisbon")
    content = bytearray(DocBin(docs=[doc] * 3).to_bytes())
    content[position % len(content)] = value
    source = Source(Path("a.spacy"), io.BytesIO(bytes(content)))
    try:
        docs = list(kinds.read_spacy(source, nlp, Log()))
    except UnreadableError:
        return
    assert [each.text for each in docs] == [doc.text] * 3
