"""Exports of Doccano."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_crf_tagger.data import read_doccano as kinds
from spacy_crf_tagger.data import spans as span_kinds
from spacy_crf_tagger.data import texts
from spacy_crf_tagger.data.reading import LOOK_ALIKE
from spacy_crf_tagger.data.source import UnreadableError

from .examples import entities_of, iobs_of, read_source, seeded

TEXT = "Ada Merrick drew Saturn."
FOUND = [("Ada Merrick", "PERSON"), ("Saturn", "OBJECT")]
SPANS = [[0, 11, "PERSON"], [17, 23, "OBJECT"]]
OFFSETS = [
    {"id": i, "label": label, "start_offset": start, "end_offset": end}
    for i, (start, end, label) in enumerate(SPANS)
]


def read(text, nlp, **options):
    return read_source(kinds.read_doccano, text, nlp, **options)


def record(**keys):
    return json.dumps({"id": 7, "text": TEXT, **keys}, ensure_ascii=False)


def places(reading):
    return [(problem.line, problem.kind) for problem in reading.problems]


@pytest.mark.parametrize(
    "keys",
    [
        {"label": SPANS},
        {"labels": SPANS, "Comments": []},
        {"entities": OFFSETS, "relations": [{"from_id": 0, "to_id": 1}]},
        {"entities": SPANS},
    ],
)
def test_lists_of_spans(nlp, keys):
    reading = read(record(**keys) + "\n", nlp)
    assert reading.problems == []
    assert [entities_of(doc) for doc in reading.docs] == [FOUND]


def test_the_text_may_be_called_data(nlp):
    reading = read(json.dumps({"data": TEXT, "label": SPANS}), nlp)
    assert [entities_of(doc) for doc in reading.docs] == [FOUND]


def test_an_array_is_read_like_lines(nlp):
    text = f"[\n{record(label=SPANS)},\n\n  {record(label=[[0, 2, 'X']])}\n]"
    reading = read(text, nlp)
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOBO", "?OOOO"]
    assert places(reading) == [(4, span_kinds.MISALIGNED)]
    assert reading.problems[0].text.startswith("item 2: ")


@pytest.mark.parametrize("key", ["label", "labels", "entities"])
def test_an_empty_list_means_no_entities(nlp, key):
    reading = read(record(**{key: []}), nlp)
    assert reading.problems == []
    assert [iobs_of(doc) for doc in reading.docs] == ["OOOOO"]


@pytest.mark.parametrize(("is_outside", "iobs"), [(False, "?????"), (True, "OOOOO")])
@pytest.mark.parametrize("keys", [{}, {"label": None}])
def test_no_list_means_no_annotation_unless_somebody_says_so(
    nlp, is_outside, iobs, keys
):
    reading = read(record(**keys), nlp, no_spans_is_outside=is_outside)
    assert [iobs_of(doc) for doc in reading.docs] == [iobs]
    assert (kinds.NO_LABELS in reading.log.notes) != is_outside


@pytest.mark.parametrize(
    ("keys", "kind", "iobs"),
    [
        ({"label": [[0, 2, "X"], SPANS[1]]}, span_kinds.MISALIGNED, "?OOBO"),
        ({"label": [[0, 11, "X"], [4, 16, "Y"]]}, span_kinds.OVERLAP, "BI?OO"),
        ({"label": [[0, 99, "X"]]}, span_kinds.OUT_OF_BOUNDS, "?????"),
        ({"label": [["0", 3, "X"]]}, texts.BAD_SPAN, "?OOOO"),
        ({"label": [[0, 3]]}, texts.BAD_SPAN, "?OOOO"),
        ({"label": ["news"]}, texts.BAD_SPAN, "?????"),
        ({"label": "news"}, texts.BAD_SPAN, "?????"),
        ({"entities": [{"start_offset": 0, "label": "X"}]}, texts.BAD_SPAN, "?????"),
        ({"entities": {}}, texts.BAD_SPAN, "?????"),
        ({"spans": []}, kinds.OTHER_FORMAT, "?????"),
        ({"ner_tags": [0]}, kinds.OTHER_FORMAT, "?????"),
    ],
)
@pytest.mark.parametrize("is_outside", [False, True])
def test_what_cannot_be_used_is_reported_and_missing(nlp, keys, kind, iobs, is_outside):
    text = f"{record(label=SPANS)}\n\n{record(**keys)}\n"
    reading = read(text, nlp, no_spans_is_outside=is_outside)
    assert places(reading) == [(3, kind)]
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOBO", iobs]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("{", texts.NOT_AN_OBJECT),
        ("[1]", texts.NOT_AN_OBJECT),
        ('{"label": []}', texts.BAD_TEXT),
        ('{"text": "", "label": []}', texts.BAD_TEXT),
        (r'{"text": "\ud83d", "label": []}', texts.BAD_TEXT),
    ],
)
def test_lines_without_a_text_are_lost(nlp, line, kind):
    reading = read(f"{record(label=SPANS)}\n{line}\n{record(label=SPANS)}", nlp)
    assert places(reading) == [(2, kind)]
    assert reading.log.lost.first == [2]
    assert len(reading.docs) == 2


def test_a_broken_array_is_no_half_file(nlp):
    with pytest.raises(UnreadableError, match=r"line 2, .*broken off"):
        read(f"[{record(label=SPANS)},\n{record(label=SPANS)}\n", nlp)


def test_odd_characters(nlp):
    text = "\u200bÉva \U0001f600 left\u2028Lübeck\r\n"
    start = text.index("Lübeck")
    line = json.dumps({"text": text, "label": [[start, start + 6, "P\u00a0"]]})
    reading = read(f"\ufeff{line}\r\n{record(label=[[0, 11, 'p']])}", nlp)
    assert entities_of(reading.docs[0]) == [("Lübeck", "P")]
    assert reading.log.notes[texts.TRIMMED].first == [1]
    assert places(reading) == [(2, LOOK_ALIKE)]


VALUES = [None, True, 0, 3, -1, 2.0, "", "a", [], {}, [[]], [[0, 3, "X"]], [{}], 10**30]


@seeded
@given(
    st.dictionaries(
        st.sampled_from(["text", "data", "label", "labels", "entities", "spans"]),
        st.sampled_from(VALUES),
    ),
    st.booleans(),
)
def test_any_json_is_read_or_reported(nlp, value, is_array):
    text = json.dumps([value] if is_array else value)
    reading = read(text, nlp)
    assert len(reading.docs) + reading.log.lost.count == 1
