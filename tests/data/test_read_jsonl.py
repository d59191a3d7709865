import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_crf_tagger.data import read_jsonl as kinds
from spacy_crf_tagger.data import spans as span_kinds
from spacy_crf_tagger.data import texts
from spacy_crf_tagger.data.read_jsonl import read_jsonl as read_lines
from spacy_crf_tagger.data.reading import LOOK_ALIKE

from .examples import read_all, seeded

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


def read_jsonl(text, nlp, **options):
    return read_all(read_lines, text, nlp, **options)


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
    left_out = sum(tally.count for tally in reading.log.left_out.values())
    assert len(reading.docs) + len(reading.problems) + left_out >= 1


@pytest.mark.parametrize(
    ("spans", "kind", "used", "missing"),
    [
        ([(0, 3, "P")], span_kinds.MISALIGNED, [], ["Anna"]),
        ([(16, 27, "P")], span_kinds.MISALIGNED, [], ["New", "York", "City"]),
        ([(26, 99, "P")], span_kinds.OUT_OF_BOUNDS, [], ["City", "now", "."]),
        ([(-1, 4, "P")], span_kinds.OUT_OF_BOUNDS, [], ["Anna"]),
        ([(32, 34, "P")], span_kinds.OUT_OF_BOUNDS, [], ["."]),
        ([(50, 60, "P")], span_kinds.OUT_OF_BOUNDS, [], []),
        ([(6, 6, "P")], span_kinds.EMPTY, [], []),
        ([(8, 8, "P")], span_kinds.EMPTY, [], ["lives"]),
        ([(11, 6, "P")], span_kinds.EMPTY, [], ["lives"]),
        ([(4, 6, "P")], span_kinds.EMPTY, [], [" "]),
        ([(0, 6, "P")], span_kinds.WHITESPACE, [(0, 4, "P")], []),
        ([(14, 24, "P")], span_kinds.WHITESPACE, [(15, 23, "P")], []),
        ([(14, 22, "P")], span_kinds.MISALIGNED, [], ["New", "York"]),
        (
            [(15, 23, "P"), (15, 28, "Q")],
            span_kinds.OVERLAP,
            [(15, 28, "Q")],
            [],
        ),
        (
            [(15, 23, "P"), (19, 28, "Q")],
            span_kinds.OVERLAP,
            [(15, 23, "P")],
            ["City"],
        ),
        ([(0, 4, "P"), (0, 4, "Q")], span_kinds.CONFLICT, [], ["Anna"]),
        ([(0, 4, "P"), (0, 3, "Q")], span_kinds.MISALIGNED, [(0, 4, "P")], []),
    ],
)
def test_spans_that_cannot_be_used(nlp, spans, kind, used, missing):
    reading = read_jsonl(line(spans=spans), nlp)
    assert problems(reading) == [(1, kind)]
    (doc,) = reading.docs
    assert entities(doc) == used
    assert [token.text for token in doc if not token.ent_iob] == missing


def test_a_repeated_span_is_one(nlp):
    reading = read_jsonl(line(spans=[(0, 4, "P"), (0, 4, "P")]), nlp)
    assert reading.problems == []
    assert entities(reading.docs[0]) == [(0, 4, "P")]


def test_nobody_knows_what_overlaps_a_span_with_several_labels(nlp):
    spans = [(15, 28, "P"), (15, 28, "Q"), (15, 18, "R")]
    reading = read_jsonl(line(spans=spans), nlp)
    kinds_found = {kind for _, kind in problems(reading)}
    assert kinds_found == {span_kinds.OVERLAP, span_kinds.CONFLICT}
    (doc,) = reading.docs
    assert entities(doc) == []
    missing = [token.text for token in doc if not token.ent_iob]
    assert missing == ["New", "York", "City"]
    assert "(P or Q 15:28)" in str(reading.problems)


def test_all_spans_may_come_into_a_group(nlp):
    spans = [(15, 23, "P"), (15, 28, "Q"), (0, 4, "P"), (0, 4, "Q"), (0, 3, "P")]
    reading = read_jsonl(line(spans=spans), nlp, spans_key="sc")
    assert problems(reading) == [(1, span_kinds.MISALIGNED)]
    assert reading.log.notes[texts.ONLY_IN_GROUP].first == [1, 1]
    (doc,) = reading.docs
    assert entities(doc) == [(15, 28, "Q")]
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == [
        ("Anna", "P"),
        ("Anna", "Q"),
        ("New York", "P"),
        ("New York City", "Q"),
    ]


def test_training_sees_missing_annotation(nlp):
    (doc,) = read_jsonl(line(spans=[(0, 3, "P"), (15, 23, "P")]), nlp).docs
    tags = Example(nlp.make_doc(TEXT), doc).get_aligned_ner()
    assert tags == [None, "O", "O", "O", "B-P", "L-P", "O", "O", "O"]


def test_a_trimmed_span_says_what_was_used(nlp):
    reading = read_jsonl(line(spans=[(14, 24, "P")]), nlp)
    text = "' New York ' (P 14:24): read as 'New York'"
    assert reading.problems == [(1, span_kinds.WHITESPACE, text)]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ("{", texts.NOT_AN_OBJECT),
        ("[1]", texts.NOT_AN_OBJECT),
        ("null", texts.NOT_AN_OBJECT),
        ('{"text": "a"} {}', texts.NOT_AN_OBJECT),
        ("[" * 100_000, texts.NOT_AN_OBJECT),
        ("{}", texts.BAD_TEXT),
        ('{"text": ""}', texts.BAD_TEXT),
        ('{"text": null}', texts.BAD_TEXT),
        ('{"text": 3}', texts.BAD_TEXT),
        (r'{"text": "\ud83d"}', texts.BAD_TEXT),
    ],
)
def test_lines_without_a_text_are_lost(nlp, bad, kind):
    good = line(spans=[(0, 4, "P")])
    reading = read_jsonl(f"{good}\n{bad}\n\n{good}", nlp)
    assert problems(reading) == [(2, kind)]
    assert [entities(doc) for doc in reading.docs] == [[(0, 4, "P")]] * 2
    assert reading.log.lost.first == [2]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (line(answer="maybe"), kinds.BAD_ANSWER),
        (line(answer=["reject"]), kinds.BAD_ANSWER),
        ('{"text": "a", "spans": {}}', texts.BAD_SPAN),
        ('{"text": "a", "spans": [0]}', texts.BAD_SPAN),
        ('{"text": "a b", "spans": [{}]}', texts.BAD_SPAN),
        (line(spans=[(None, None, "P")]), texts.BAD_SPAN),
        (line(spans=[(False, True, "P")]), texts.BAD_SPAN),
    ],
)
def test_what_nobody_understands_makes_the_whole_text_missing(nlp, bad, kind):
    reading = read_jsonl(bad, nlp)
    assert problems(reading) == [(1, kind)]
    assert [token.ent_iob for token in reading.docs[0] if token.ent_iob] == []
    assert reading.log.lost.count == 0


@pytest.mark.parametrize(
    ("bad", "missing"),
    [
        ((0, "4", "P"), ["Anna"]),
        (("0", 4, "P"), ["Anna"]),
        ((0, 4.0, "P"), ["Anna"]),
        ((0, 4), ["Anna"]),
        ((0, 4, ""), ["Anna"]),
        ((0, 4, "\u200b "), ["Anna"]),
        ((0, 4, 7), ["Anna"]),
        ((0, 4, "\ud83d"), ["Anna"]),
        ((28, None, "P"), ["now", "."]),
        ((None, 5, "P"), ["Anna"]),
        ((True, 5, "P"), ["Anna"]),
        ((6, "?", "P"), ["lives", "in", "now", "."]),
    ],
)
def test_a_malformed_span_leaves_the_others(nlp, bad, missing):
    good = (15, 28, "GPE")
    text = line(spans=[bad, good]).replace("\ud83d", r"\ud83d")
    reading = read_jsonl(text, nlp)
    assert problems(reading) == [(1, texts.BAD_SPAN)]
    (doc,) = reading.docs
    assert entities(doc) == [good]
    assert [token.text for token in doc if not token.ent_iob] == missing


def test_a_span_that_is_a_list_has_an_extent(nlp):
    reading = read_jsonl('{"text": "Anna left", "spans": [[0, 4, "P"]]}', nlp)
    assert problems(reading) == [(1, texts.BAD_SPAN)]
    assert [token.ent_iob_ for token in reading.docs[0]] == ["", "O"]


def test_answers(nlp):
    answers = ["accept", "ignore", "reject", None, "ignore"]
    text = "\n".join(line(f"text {i}", answer=a) for i, a in enumerate(answers))
    reading = read_jsonl(text, nlp)
    assert [doc.text for doc in reading.docs] == ["text 0", "text 3"]
    left_out = {answer: lines.first for answer, lines in reading.log.left_out.items()}
    assert left_out == {"ignore": [2, 5], "reject": [3]}
    assert reading.problems == []


def test_spans_of_lines_left_out_are_not_judged(nlp):
    reading = read_jsonl(line(spans=[(3, "x", None)], answer="ignore"), nlp)
    assert reading.problems == []


@pytest.mark.parametrize("key", ["", ', "spans": null'])
@pytest.mark.parametrize(
    ("answer", "is_outside", "tag"),
    [
        ("", False, ""),
        (', "answer": null', False, ""),
        (', "answer": "accept"', False, "O"),
        ("", True, "O"),
    ],
)
def test_no_spans_means_no_annotation_unless_somebody_says_so(
    nlp, key, answer, is_outside, tag
):
    text = f'{{"text": "Anna left", "meta": {{}}{key}{answer}}}'
    reading = read_jsonl(text, nlp, no_spans_is_outside=is_outside)
    assert [[token.ent_iob_ for token in doc] for doc in reading.docs] == [[tag, tag]]
    assert reading.problems == []
    assert (kinds.NO_SPANS in reading.log.notes) == (tag == "")


def test_an_empty_list_means_no_entities(nlp):
    (doc,) = read_jsonl('{"text": "Anna left", "spans": []}', nlp).docs
    assert [token.ent_iob_ for token in doc] == ["O", "O"]


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ('"label": [[0, 4, "P"]]', "Doccano"),
        ('"label": []', "Doccano"),
        ('"labels": [[0, 4, "P"]]', "Doccano"),
        ('"Labels": [[0, 4, "P"]]', "Doccano"),
        ('"entities": [{"start_offset": 0, "end_offset": 4, "label": "P"}]', "Doccano"),
        ('"annotations": {"entities": []}', "spaCy 2"),
        ('"annotations": [{"result": []}]', "Label Studio"),
        ('"tokens": ["Anna"], "ner_tags": ["B-P"]', "Hugging Face"),
        ('"tokens": ["Anna"]', "tokens with tags"),
        ('"highlights": [{"begin": 0, "end": 4, "type": "P"}]', "'highlights'"),
        ('"marks": [[0, 4, "P"]], "spans": []', "'marks'"),
        ('"label": "SPORTS", "answer": "accept"', "'label'"),
    ],
)
@pytest.mark.parametrize("is_outside", [False, True])
def test_annotation_of_other_formats_is_named(nlp, keys, name, is_outside):
    text = f'{{"text": "Anna left", {keys}}}'
    reading = read_jsonl(text, nlp, no_spans_is_outside=is_outside)
    (problem,) = reading.problems
    assert (problem.line, problem.kind) == (1, kinds.OTHER_FORMAT)
    assert name in problem.text
    assert [token.ent_iob_ for token in reading.docs[0]] == ["", ""]


def test_a_format_without_a_text_is_named(nlp):
    text = '{"tokens": ["EU", "rejects"], "ner_tags": [3, 0]}'
    (problem,) = read_jsonl(text, nlp).problems
    assert problem.kind == texts.BAD_TEXT
    assert "Hugging Face" in problem.text


def test_empty_keys_are_no_other_format(nlp):
    text = '{"text": "Anna", "label": null, "answer": "accept"}'
    reading = read_jsonl(text, nlp)
    assert reading.problems == []
    assert reading.docs[0][0].ent_iob_ == "O"


def test_tokens_of_prodigy_are_no_other_format(nlp):
    tokens = '[{"text": "Anna", "start": 0, "end": 4, "id": 0}]'
    text = f'{{"text": "Anna", "tokens": {tokens}, "answer": "accept"}}'
    reading = read_jsonl(text, nlp)
    assert reading.problems == []
    assert reading.docs[0][0].ent_iob_ == "O"


@pytest.mark.parametrize(
    "label", ["PÉR", " PÉR", "PÉR\u00a0", "\u200bPÉR\r\n", "PE\u0301R\u00ad"]
)
def test_labels_are_read_as_they_look(nlp, label):
    text = f"{line(spans=[(0, 4, 'PÉR')])}\n{line(spans=[(0, 4, label)])}"
    reading = read_jsonl(text, nlp)
    assert reading.problems == []
    assert {span.label_ for doc in reading.docs for span in doc.ents} == {"PÉR"}
    assert (texts.TRIMMED in reading.log.notes) == (label != "PÉR")


@pytest.mark.parametrize("label", ["per", "Per", "P\u200bER", "ＰＥＲ"])
def test_labels_that_look_alike_are_reported_once(nlp, label):
    other = line(spans=[(0, 4, label)])
    text = f"{line(spans=[(0, 4, 'PER')])}\n{other}\n{other}"
    reading = read_jsonl(text, nlp)
    assert problems(reading) == [(2, LOOK_ALIKE)]
    assert "of line 1" in reading.problems[0].text


def test_line_ends(nlp):
    separator = "a\u2028b\x85c"
    text = f"{line(separator)}\r\n\r\n{line()}\r\n"
    assert [doc.text for doc in read_jsonl(text, nlp).docs] == [separator, TEXT]
