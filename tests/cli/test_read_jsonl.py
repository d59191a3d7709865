import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_crf_tagger.cli import read_jsonl as kinds
from spacy_crf_tagger.cli.read_jsonl import read_jsonl

from .examples import seeded

TEXT = "Anna  lives in New York City now."
LABELS = st.sampled_from(["PER", "GPE-LOC"])
TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from("ab .'-\n\t\u00a0\u2028é\U0001f600"),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=40,
)


def line(text=TEXT, spans=(), **keys):
    spans = [dict(zip(("start", "end", "label"), span)) for span in spans]  # noqa: B905
    return json.dumps({"text": text, "spans": spans, **keys}, ensure_ascii=False)


def entities(doc: Doc):
    return [(span.start_char, span.end_char, span.label_) for span in doc.ents]


def problems(reading):
    return [(problem.line, problem.kind) for problem in reading.problems]


@st.composite
def annotated_texts(draw, nlp):
    doc = nlp.make_doc(draw(TEXTS))
    spans, end = [], 0
    while end < len(doc) and draw(st.booleans()):
        start = draw(st.integers(end, len(doc) - 1))
        end = draw(st.integers(start + 1, len(doc)))
        if not (doc[start].is_space or doc[end - 1].is_space):
            span = doc[start:end]
            spans.append((span.start_char, span.end_char, draw(LABELS)))
    return doc.text, spans


@seeded
@given(data=st.data())
def test_aligned_spans_come_back(nlp, data):
    annotated = data.draw(st.lists(annotated_texts(nlp), min_size=1, max_size=3))
    reading = read_jsonl("\n".join(line(*pair) for pair in annotated), nlp)
    assert reading.problems == []
    assert [(doc.text, entities(doc)) for doc in reading.docs] == annotated
    assert all(token.ent_iob for doc in reading.docs for token in doc)


@seeded
@given(
    text=TEXTS,
    spans=st.lists(
        st.tuples(st.integers(-3, 45), st.integers(-3, 45), LABELS), max_size=5
    ),
)
def test_any_spans_leave_no_touched_token_outside(nlp, text, spans):
    reading = read_jsonl(line(text, spans), nlp)
    (doc,) = reading.docs
    stripped = {(text[max(s, 0) : max(e, 0)].strip(), label) for s, e, label in spans}
    assert {(span.text, span.label_) for span in doc.ents} <= stripped
    for token in doc:
        first, last = token.idx, token.idx + len(token)
        touched = any(min(s, e) < last and max(s, e) > first for s, e, _ in spans)
        if not touched:
            assert token.ent_iob_ == "O"
        elif not token.is_space:
            assert token.ent_iob_ != "O"
    if not reading.problems:
        assert sorted(entities(doc)) == sorted(spans)


VALUES = [None, True, 0, 1, -1, 2.0, "", "a", "reject", [], {}, [[]], [{}], 10**30]


@seeded
@given(
    record=st.dictionaries(
        st.sampled_from(["text", "answer", "meta"]), st.sampled_from(VALUES)
    ),
    spans=st.lists(
        st.dictionaries(
            st.sampled_from(["start", "end", "label"]), st.sampled_from(VALUES)
        ),
        max_size=2,
    ),
)
def test_any_json_is_read_or_reported(nlp, record, spans):
    reading = read_jsonl(json.dumps({**record, "spans": spans}), nlp)
    left_out = sum(map(len, reading.left_out.values()))
    assert len(reading.docs) + len(reading.problems) + left_out >= 1


@pytest.mark.parametrize(
    ("spans", "kind", "used", "missing"),
    [
        ([(0, 3, "P")], kinds.MISALIGNED, [], ["Anna"]),
        ([(16, 27, "P")], kinds.MISALIGNED, [], ["New", "York", "City"]),
        ([(26, 99, "P")], kinds.OUT_OF_BOUNDS, [], ["City", "now", "."]),
        ([(-1, 4, "P")], kinds.OUT_OF_BOUNDS, [], ["Anna"]),
        ([(32, 34, "P")], kinds.OUT_OF_BOUNDS, [], ["."]),
        ([(50, 60, "P")], kinds.OUT_OF_BOUNDS, [], []),
        ([(6, 6, "P")], kinds.EMPTY, [], []),
        ([(8, 8, "P")], kinds.EMPTY, [], ["lives"]),
        ([(11, 6, "P")], kinds.EMPTY, [], ["lives"]),
        ([(4, 6, "P")], kinds.EMPTY, [], [" "]),
        ([(0, 6, "P")], kinds.WHITESPACE, [(0, 4, "P")], []),
        ([(14, 24, "P")], kinds.WHITESPACE, [(15, 23, "P")], []),
        ([(14, 22, "P")], kinds.MISALIGNED, [], ["New", "York"]),
        (
            [(15, 23, "P"), (15, 28, "Q")],
            kinds.OVERLAP,
            [(15, 28, "Q")],
            [],
        ),
        (
            [(15, 23, "P"), (19, 28, "Q")],
            kinds.OVERLAP,
            [(15, 23, "P")],
            ["City"],
        ),
        ([(0, 4, "P"), (0, 4, "Q")], kinds.OVERLAP, [(0, 4, "P")], []),
        ([(0, 4, "P"), (0, 3, "Q")], kinds.MISALIGNED, [(0, 4, "P")], []),
    ],
)
def test_spans_that_cannot_be_used(nlp, spans, kind, used, missing):
    reading = read_jsonl(line(spans=spans), nlp)
    assert problems(reading) == [(1, kind)]
    (doc,) = reading.docs
    assert entities(doc) == used
    assert [token.text for token in doc if not token.ent_iob] == missing


def test_training_sees_missing_annotation(nlp):
    (doc,) = read_jsonl(line(spans=[(0, 3, "P"), (15, 23, "P")]), nlp).docs
    tags = Example(nlp.make_doc(TEXT), doc).get_aligned_ner()
    assert tags == [None, "O", "O", "O", "B-P", "L-P", "O", "O", "O"]


def test_a_trimmed_span_says_what_was_used(nlp):
    reading = read_jsonl(line(spans=[(14, 24, "P")]), nlp)
    text = "' New York ' (P 14:24): read as 'New York'"
    assert reading.problems == [(1, kinds.WHITESPACE, text)]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ("{", kinds.NOT_AN_OBJECT),
        ("[1]", kinds.NOT_AN_OBJECT),
        ("null", kinds.NOT_AN_OBJECT),
        ('{"text": "a"} {}', kinds.NOT_AN_OBJECT),
        ("[" * 100_000, kinds.NOT_AN_OBJECT),
        ("{}", kinds.BAD_TEXT),
        ('{"text": ""}', kinds.BAD_TEXT),
        ('{"text": null}', kinds.BAD_TEXT),
        ('{"text": 3}', kinds.BAD_TEXT),
        (r'{"text": "\ud83d"}', kinds.BAD_TEXT),
        (line(answer="maybe"), kinds.BAD_ANSWER),
        (line(answer=["reject"]), kinds.BAD_ANSWER),
        ('{"text": "a", "spans": {}}', kinds.BAD_SPAN),
        ('{"text": "a", "spans": [[0, 1, "P"]]}', kinds.BAD_SPAN),
        (line(spans=[(0, 4)]), kinds.BAD_SPAN),
        (line(spans=[(0, 4, "")]), kinds.BAD_SPAN),
        (line(spans=[(0, 4, 7)]), kinds.BAD_SPAN),
        (
            r'{"text": "a", "spans": [{"start": 0, "end": 1, "label": "\ud83d"}]}',
            kinds.BAD_SPAN,
        ),
        (line(spans=[("0", 4, "P")]), kinds.BAD_SPAN),
        (line(spans=[(0, 4.0, "P")]), kinds.BAD_SPAN),
        (line(spans=[(False, 4, "P")]), kinds.BAD_SPAN),
        (line(spans=[(None, 4, "P")]), kinds.BAD_SPAN),
    ],
)
def test_malformed_lines_are_skipped(nlp, bad, kind):
    good = line(spans=[(0, 4, "P")])
    reading = read_jsonl(f"{good}\n{bad}\n\n{good}", nlp)
    assert problems(reading) == [(2, kind)]
    assert [entities(doc) for doc in reading.docs] == [[(0, 4, "P")]] * 2


def test_answers(nlp):
    answers = ["accept", "ignore", "reject", None, "ignore"]
    text = "\n".join(line(f"text {i}", answer=a) for i, a in enumerate(answers))
    reading = read_jsonl(text, nlp)
    assert [doc.text for doc in reading.docs] == ["text 0", "text 3"]
    assert reading.left_out == {"ignore": [2, 5], "reject": [3]}
    assert reading.problems == []


def test_spans_of_lines_left_out_are_not_judged(nlp):
    reading = read_jsonl(line(spans=[(3, "x", None)], answer="ignore"), nlp)
    assert reading.problems == []


@pytest.mark.parametrize("spans", ["", ', "spans": []', ', "spans": null'])
def test_no_spans_means_no_entities(nlp, spans):
    reading = read_jsonl(f'{{"text": "Anna left", "meta": {{}}{spans}}}', nlp)
    assert [[token.ent_iob_ for token in doc] for doc in reading.docs] == [["O", "O"]]


def test_line_ends(nlp):
    separator = "a\u2028b\x85c"
    text = f"{line(separator)}\r\n\r\n{line()}\r\n"
    assert [doc.text for doc in read_jsonl(text, nlp).docs] == [separator, TEXT]
