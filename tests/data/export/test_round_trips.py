"""What is written is read again: all that a format can hold."""

import json
from typing import NamedTuple

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from spacy_crf_tagger.data.export import annotation as kinds
from spacy_crf_tagger.data.export import columns
from spacy_crf_tagger.data.export.annotation import Losses
from spacy_crf_tagger.data.export.writers import ExportFormat, write_export
from spacy_crf_tagger.data.formats import Format
from spacy_crf_tagger.data.readers import Options, read_file
from spacy_crf_tagger.data.reading import Log

from ..examples import entities_of, iobs_of, seeded

NLP = spacy.blank("en")
WORDS = [
    "Ada",
    "Merrick",
    "O'Neil",
    "#",
    "é",
    "\U0001f600",
    "\\",
    '"',
    "]",
    "-",
    "a\tb",
]
GAPS = [" ", "  ", "\n", "", " \n\n", "\r\n", "\u00a0", "\u2028"]
LABELS = ["PER", "B-PER", "Ö", "a|b", 'x"y', "LOC;1"]
READ_AS = {
    ExportFormat.prodigy: Format.jsonl,
    ExportFormat.doccano: Format.doccano,
    ExportFormat.label_studio: Format.label_studio,
    ExportFormat.conll: Format.conll,
    ExportFormat.brat: Format.brat,
}
OF_TEXTS = [each for each in ExportFormat if each is not ExportFormat.conll]


class Trip(NamedTuple):
    docs: list
    losses: Losses
    log: Log


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


def travel(docs, export_format, folder, **options):
    """Write documents and read them again."""
    path, losses, log = folder / export_format.value, Losses(), Log()
    write_export(iter(docs), path, export_format, losses)
    file_format = READ_AS[export_format]
    read = read_file(path, file_format, NLP, log, Options(**options))
    return Trip(list(read), losses, log)


@st.composite
def spans_of(draw, doc):
    """Draw spans that neither overlap nor start or end with whitespace."""
    spans, start = [], 0
    while start < len(doc):
        start += draw(st.integers(0, 3))
        end = start + draw(st.integers(1, 3))
        if end <= len(doc) and not (doc[start].is_space or doc[end - 1].is_space):
            label = draw(st.sampled_from(LABELS))
            spans.append(Span(doc, start, end, label))
        start = end
    return spans


@st.composite
def texts(draw):
    parts = draw(st.lists(st.tuples(*map(st.sampled_from, (WORDS, GAPS))), min_size=1))
    doc = NLP.make_doc("".join(word + gap for word, gap in parts))
    if draw(st.integers(0, 5)):
        doc.set_ents(draw(spans_of(doc)), default="outside")
    return doc


@pytest.mark.parametrize("export_format", OF_TEXTS)
@seeded
@given(docs=st.lists(texts(), min_size=1, max_size=3))
def test_texts_and_their_spans(folder, export_format, docs):
    trip = travel(docs, export_format, folder)
    assert not trip.losses.counts
    assert not trip.log.problems
    assert [doc.text for doc in trip.docs] == [doc.text for doc in docs]
    assert list(map(entities_of, trip.docs)) == list(map(entities_of, docs))
    assert list(map(iobs_of, trip.docs)) == list(map(iobs_of, docs))


@st.composite
def tokens(draw):
    words = draw(
        st.lists(st.sampled_from([w for w in WORDS if "\t" not in w]), min_size=1)
    )
    starts = draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    starts[0] = True
    doc = Doc(NLP.vocab, words=words)
    spans = draw(spans_of(doc))
    inner = {i for span in spans for i in range(span.start + 1, span.end)}
    covered = inner | {span.start for span in spans}
    for token in doc:
        token.is_sent_start = starts[token.i] and token.i not in inner
    missing = [
        doc[i : i + 1]
        for i in range(len(doc))
        if i not in covered and draw(st.booleans())
    ]
    doc.set_ents(spans, missing=missing, default="outside")
    return doc


@seeded
@given(docs=st.lists(tokens(), min_size=1, max_size=3))
def test_columns_hold_tokens_tags_and_sentences(folder, docs):
    trip = travel(docs, ExportFormat.conll, folder, n_sents=0)
    assert not trip.losses.counts
    assert not trip.log.problems
    for read, doc in zip(trip.docs, docs, strict=True):
        assert [token.text for token in read] == [token.text for token in doc]
        assert entities_of(read) == entities_of(doc)
        assert iobs_of(read) == iobs_of(doc)
        starts = [token.is_sent_start for token in read]
        assert starts == [token.is_sent_start for token in doc]


@seeded
@given(doc=texts())
def test_columns_count_what_they_cannot_hold(folder, doc):
    trip = travel([doc], ExportFormat.conll, folder, n_sents=0)
    written = [token for token in doc if not token.is_space]
    read = trip.docs[0] if trip.docs else Doc(Vocab())
    assert [token.text for token in read] == [
        token.text.replace("\t", "_") for token in written
    ]
    assert iobs_of(read) == "".join(token.ent_iob_ or "?" for token in written)
    assert trip.losses.counts[columns.WHITESPACE] == len(doc) - len(written)
    assert trip.losses.counts[columns.SPACES] == 1


def test_words_that_columns_would_take_for_something_else(folder):
    words = ["-DOCSTART-", "a b", "# id = 3", "\ufeffx", "\0", "a"]
    doc = Doc(NLP.vocab, words=words)
    doc.set_ents([Span(doc, 1, 3, "MY LABEL")], default="outside")
    trip = travel([doc], ExportFormat.conll, folder, n_sents=0)
    assert not trip.log.problems
    assert trip.losses.counts[columns.RESPELT_TOKENS] == 5
    assert trip.losses.counts[kinds.RESPELT_LABELS] == 1
    assert [len(doc) for doc in trip.docs] == [6]
    assert [ent.label_ for ent in trip.docs[0].ents] == ["MY_LABEL"]


def test_no_sentence_starts_in_an_entity(folder):
    doc = Doc(NLP.vocab, words=["a", "b", "c"], sent_starts=[True, True, True])
    doc.set_ents([Span(doc, 0, 2, "X")], default="outside")
    trip = travel([doc], ExportFormat.conll, folder, n_sents=0)
    assert trip.losses.counts == {columns.INNER_STARTS: 1}
    assert [token.is_sent_start for token in trip.docs[0]] == [True, False, True]


def predicted(scores=(0.75, 0.5)):
    doc = NLP.make_doc("Ada Merrick drew Saturn.")
    doc.ents = [Span(doc, 0, 2, "PERSON"), Span(doc, 3, 4, "OBJECT")]
    candidate = Span(doc, 2, 3, "OBJECT")
    doc.spans["crf_ner"] = SpanGroup(
        doc,
        spans=[*doc.ents, candidate],
        attrs={"scores": np.array([*scores, 0.25], dtype="float32")},
    )
    return doc


def test_prodigy_keeps_probabilities_and_tokens(folder):
    trip = travel([predicted()], ExportFormat.prodigy, folder)
    record = json.loads((folder / "prodigy").read_text("utf8"))
    first, second = record["spans"]
    assert first == {
        "start": 0,
        "end": 11,
        "token_start": 0,
        "token_end": 1,
        "label": "PERSON",
        "score": 0.75,
    }
    assert second["score"] == 0.5
    assert [(t["id"], t["text"], t["ws"]) for t in record["tokens"]][2:5] == [
        (2, "drew", True),
        (3, "Saturn", False),
        (4, ".", False),
    ]
    assert trip.losses.counts == {"spans in doc.spans['crf_ner']": 1}


def test_label_studio_gets_predictions(folder):
    bare = NLP.make_doc("Nobody knows.")
    nothing = NLP.make_doc("Nothing there.")
    nothing.ents = []
    nothing.spans["crf_ner"] = SpanGroup(nothing, attrs={"scores": np.zeros(0)})
    trip = travel([predicted(), bare, nothing], ExportFormat.label_studio, folder)
    first, second, third = json.loads((folder / "label-studio").read_text("utf8"))
    [prediction] = first["predictions"]
    assert first["annotations"] == []
    assert (prediction["model_version"], prediction["score"]) == ("crf_ner", 0.5)
    assert prediction["result"][0] == {
        "id": "1-1",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "value": {"start": 0, "end": 11, "text": "Ada Merrick", "labels": ["PERSON"]},
        "score": 0.75,
    }
    assert second == {"id": 2, "data": {"text": "Nobody knows."}, "annotations": []}
    assert third["predictions"] == [{"model_version": "crf_ner", "result": []}]
    # Predictions are no annotation.
    assert [iobs_of(doc) for doc in trip.docs] == ["?????", "???", "???"]


def test_brat_gets_its_configuration(folder):
    doc = NLP.make_doc("Ada\nMerrick left.")
    doc.ents = [Span(doc, 0, 3, "MY LABEL")]
    bare = NLP.make_doc("Nobody knows.")
    trip = travel([doc, bare], ExportFormat.brat, folder)
    path = folder / "brat"
    assert sorted(each.name for each in path.iterdir()) == [
        "000001.ann",
        "000001.txt",
        "000002.txt",
        "annotation.conf",
    ]
    written = (path / "000001.ann").read_text("utf8")
    assert written == "T1\tMY_LABEL 0 3;4 11\tAda Merrick\n"
    assert (
        "[entities]\nMY_LABEL\n\n[relations]" in (path / "annotation.conf").read_text()
    )
    assert trip.losses.counts == {kinds.RESPELT_LABELS: 1}
    assert [entities_of(doc) for doc in trip.docs] == [
        [("Ada\nMerrick", "MY_LABEL")],
        [],
    ]


def full_doc():
    doc = predicted()
    doc.set_ents(
        [Span(doc, 0, 2, "PERSON", kb_id="Q7259", span_id="a")],
        blocked=[doc[2:3]],
        missing=[doc[3:4]],
        default="outside",
    )
    doc.spans["crf_ner"].attrs = {}
    doc.spans["sc"] = [doc[0:1], doc[0:3]]
    doc.cats = {"LETTER": 1.0}
    doc[3].is_sent_start = True
    doc[1].lemma_ = "Merrick"
    return doc


def test_all_that_is_lost_is_counted(folder):
    trip = travel([full_doc(), NLP.make_doc("")], ExportFormat.doccano, folder)
    assert trip.losses.counts == {
        kinds.MISSING: 1,
        kinds.BLOCKED: 1,
        kinds.EMPTY: 1,
        kinds.LINKS: 1,
        kinds.IDS: 1,
        kinds.CATS: 1,
        kinds.TOKEN_ATTRIBUTES: 5,
        kinds.SENTENCES: 1,
        "spans in doc.spans['crf_ner']": 3,
        "spans in doc.spans['sc']": 2,
    }


@pytest.mark.parametrize("export_format", OF_TEXTS)
def test_overlapping_spans_of_a_group(folder, export_format):
    doc = NLP.make_doc("Ada Merrick Street")
    doc.spans["sc"] = [Span(doc, 0, 2, "PER"), Span(doc, 0, 3, "LOC")]
    path, losses, log = folder / f"{export_format.value}-2", Losses(), Log()
    write_export([doc], path, export_format, losses, spans_key="sc")
    [read] = read_file(path, READ_AS[export_format], NLP, log, Options())
    assert not losses.counts
    assert entities_of(read) == [("Ada Merrick Street", "LOC")]
    [overlap] = log.problems.values()
    assert "'Ada Merrick' (PER 0:11)" in overlap.first[0].text


def test_columns_hold_no_overlapping_spans(folder):
    doc = Doc(NLP.vocab, words=["Ada", "Merrick", "Street"])
    doc.spans["sc"] = [Span(doc, 0, 2, "PER"), Span(doc, 0, 3, "LOC")]
    losses = Losses()
    path = folder / "columns"
    write_export([doc], path, ExportFormat.conll, losses, spans_key="sc")
    assert path.read_text().split() == (
        ["-DOCSTART-", "O", "Ada", "B-LOC", "Merrick", "I-LOC", "Street", "I-LOC"]
    )
    assert losses.counts == {columns.OVERLAPPING: 1}
