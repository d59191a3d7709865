"""Exports of Label Studio, as JSON and as JSON-MIN."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_crf_tagger.data import read_label_studio as kinds
from spacy_crf_tagger.data import spans as span_kinds
from spacy_crf_tagger.data import texts
from spacy_crf_tagger.data.source import UnreadableError

from .examples import entities_of, iobs_of, read_source, seeded

TEXT = "Ada Merrick drew Saturn."
ADA, SATURN = (0, 11, "PERSON"), (17, 23, "OBJECT")


def read(tasks, nlp, **options):
    text = tasks if isinstance(tasks, str) else json.dumps(tasks, indent=1)
    return read_source(kinds.read_label_studio, text, nlp, **options)


def item(start, end, label, text=TEXT):
    return {
        "id": "x1",
        "type": "labels",
        "from_name": "label",
        "to_name": "text",
        "origin": "manual",
        "value": {"start": start, "end": end, "text": text[start:end],
                  "labels": [label]},
    }  # fmt: skip


def annotation(*spans, by=1, **keys):
    result = [item(*span) for span in spans]
    return {"id": 3, "completed_by": by, "result": result, "lead_time": 9.1, **keys}


def task(*annotations, key="annotations", **data):
    return {"id": 17, key: list(annotations), "data": data or {"text": TEXT},
            "predictions": []}  # fmt: skip


def minimal(*spans, **keys):
    label = [{"start": s, "end": e, "text": TEXT[s:e], "labels": [x]}
             for s, e, x in spans]  # fmt: skip
    return {"text": TEXT, "id": 17, "annotator": 1, "annotation_id": 3,
            **({"label": label} if label else {}), **keys}  # fmt: skip


def kinds_of(reading):
    return [problem.kind for problem in reading.problems]


@pytest.mark.parametrize(
    "value",
    [
        [task(annotation(ADA, SATURN))],
        [task(annotation(ADA, SATURN), key="completions")],
        [minimal(ADA, SATURN)],
        json.dumps(task(annotation(ADA, SATURN))),  # a line
    ],
)
def test_spans_of_a_task(nlp, value):
    reading = read(value, nlp)
    assert reading.problems == []
    (doc,) = reading.docs
    assert entities_of(doc) == [("Ada Merrick", "PERSON"), ("Saturn", "OBJECT")]
    assert iobs_of(doc) == "BIOBO"


def test_an_annotation_without_spans_means_no_entities(nlp):
    reading = read([task(annotation()), minimal()], nlp)
    assert [iobs_of(doc) for doc in reading.docs] == ["OOOOO"] * 2
    assert reading.problems == []


@pytest.mark.parametrize(
    "value",
    [
        task(),
        task(key="completions"),
        task(annotation(ADA, was_cancelled=True)),
        {**task(), "predictions": [annotation(ADA)]},
        {"id": 17, "text": TEXT},
    ],
)
def test_a_task_without_annotation_is_missing(nlp, value):
    reading = read([value], nlp)
    assert [iobs_of(doc) for doc in reading.docs] == ["?????"]
    assert reading.log.notes[kinds.NOT_ANNOTATED].count == 1


@pytest.mark.parametrize(
    ("several", "iobs"),
    [
        ([[ADA, SATURN], [ADA, SATURN]], "BIOBO"),
        ([[ADA, SATURN], [ADA]], "BIO?O"),
        ([[ADA, SATURN], [ADA, (17, 23, "PLANET")]], "BIO?O"),
        ([[ADA], [(4, 11, "PERSON")]], "??OOO"),
        ([[ADA], [(0, 16, "PERSON")]], "???OO"),
        ([[ADA], [ADA], []], "??OOO"),
        ([[], []], "OOOOO"),
    ],
)
@pytest.mark.parametrize("is_minimal", [False, True])
def test_what_annotators_disagree_on_is_missing(nlp, several, iobs, is_minimal):
    value = [minimal(*spans, annotator=i) for i, spans in enumerate(several)]
    if not is_minimal:
        value = [task(*(annotation(*x, by=i) for i, x in enumerate(several)))]
    reading = read(value, nlp)
    assert reading.problems == []
    assert [iobs_of(doc) for doc in reading.docs] == [iobs]
    assert (kinds.DISAGREEMENT in reading.log.notes) == ("?" in iobs)


WHO = {"id": 2, "email": "bo@pier.org", "first_name": "Bo", "last_name": "Lind"}


@pytest.mark.parametrize("name", ["2", "bo@pier.org", "Bo Lind", " BO@PIER.ORG "])
def test_one_annotator_is_chosen(nlp, name):
    value = [task(annotation(ADA), annotation(SATURN, by=WHO)), task(annotation(ADA))]
    reading = read(value, nlp, annotator=name)
    assert [iobs_of(doc) for doc in reading.docs] == ["OOOBO", "?????"]
    assert reading.log.notes[kinds.NOT_BY].count == 1
    assert reading.problems == []


def test_an_annotator_of_json_min_is_chosen(nlp):
    value = [minimal(ADA), minimal(SATURN, annotator={"email": "bo@pier.org"})]
    reading = read(value, nlp, annotator="bo@pier.org")
    assert [iobs_of(doc) for doc in reading.docs] == ["OOOBO"]


def test_an_annotator_that_is_not_there_is_reported(nlp):
    reading = read([task(annotation(ADA, by=WHO))], nlp, annotator="3")
    (problem,) = reading.problems
    assert problem.kind == kinds.NO_ANNOTATOR
    assert "bo@pier.org" in problem.text
    assert [iobs_of(doc) for doc in reading.docs] == ["?????"]


def changed(**value):
    return {**item(*ADA), "value": {**item(*ADA)["value"], **value}}


@pytest.mark.parametrize(
    ("result", "kind", "iobs"),
    [
        ([changed(labels=[])], texts.BAD_SPAN, "??OOO"),
        ([changed(labels="PERSON")], texts.BAD_SPAN, "??OOO"),
        ([changed(start="0", text=None)], texts.BAD_SPAN, "??OOO"),
        ([changed(start=4)], texts.OTHER_TEXT, "?????"),
        ([changed(text="Bo")], texts.OTHER_TEXT, "?????"),
        ([changed(end=6, text="Ada Me")], span_kinds.MISALIGNED, "??OOO"),
        ([item(*ADA), item(4, 16, "X")], span_kinds.OVERLAP, "BI?OO"),
        ([changed(labels=["PERSON", "X"])], span_kinds.CONFLICT, "??OOO"),
        ([{"type": "labels"}], texts.BAD_SPAN, "?????"),
        ([{"type": "hypertextlabels", "value": {}}], kinds.MARKUP, "?????"),
        ([None], kinds.BAD_ANNOTATION, "?????"),
        (None, kinds.BAD_ANNOTATION, "?????"),
    ],
)
def test_what_cannot_be_used_is_reported_and_missing(nlp, result, kind, iobs):
    bad = annotation(result=result)
    reading = read(f"[{json.dumps(task())},\n{json.dumps(task(bad))}]", nlp)
    (problem,) = reading.problems
    assert (problem.line, problem.kind) == (2, kind)
    assert problem.text.startswith("task 17: ")
    assert [iobs_of(doc) for doc in reading.docs] == ["?????", iobs]


def test_other_results_are_left_alone(nlp):
    others = [{"type": "relation", "from_id": "a"}, {"type": "choices", "value": {}}]
    reading = read([task(annotation(result=[*others, item(*ADA)]))], nlp)
    assert reading.problems == []
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOOO"]


def test_offsets_that_count_an_emoji_twice(nlp):
    text = "\U0001f600 Ada\nleft"
    value = item(3, 6, "PERSON", text)
    value["value"]["text"] = "Ada"
    reading = read([task(annotation(result=[value]), text=text)], nlp)
    assert reading.problems == []
    assert [entities_of(doc) for doc in reading.docs] == [[("Ada", "PERSON")]]
    assert reading.log.notes[texts.UTF16].count == 1


@pytest.mark.parametrize(
    "data", [{"note": TEXT}, {"note": TEXT, "n": 3}, {"text": TEXT, "url": "x"}]
)
def test_the_text_may_have_another_key(nlp, data):
    reading = read([task(annotation(ADA), **data)], nlp)
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOOO"]


def test_the_text_is_that_of_the_spans(nlp):
    value = [task(annotation(ADA), url="a/b", note=TEXT)]
    value.append(task(annotation(), url="a/c", note="Nobody"))
    reading = read(value, nlp)
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOOO", "O"]


@pytest.mark.parametrize(
    "data", [{"text": ""}, {"text": None}, {"n": 3}, {"a": "x", "b": "y"}]
)
def test_tasks_without_a_text_are_lost(nlp, data):
    reading = read([task(annotation(), **data), task(annotation())], nlp)
    assert kinds_of(reading) == [texts.BAD_TEXT]
    assert len(reading.docs) == reading.log.lost.count == 1


def test_what_is_no_task_is_lost(nlp):
    reading = read('[\n1,\n{"data": {"text": "a"}, "annotations": []}]', nlp)
    assert [(p.line, p.kind) for p in reading.problems] == [(2, texts.NOT_AN_OBJECT)]
    assert len(reading.docs) == 1


def test_an_empty_array_has_no_task(nlp):
    assert read("[]", nlp).docs == []


@pytest.mark.parametrize("end", ["", ",", "]]"])
def test_a_broken_array_is_no_half_file(nlp, end):
    with pytest.raises(UnreadableError, match="no valid JSON at line 1"):
        read(f"[{json.dumps(task())}{end}", nlp)


VALUES = [None, True, 0, -1, "", "a", [], {}, [{}], [None], [{"result": [{}]}],
          {"text": "a b"}, [{"start": 0, "end": 1, "labels": ["X"]}]]  # fmt: skip


@seeded
@given(
    st.dictionaries(
        st.sampled_from(["id", "data", "annotations", "completions", "label", "text"]),
        st.sampled_from(VALUES),
    )
)
def test_any_task_is_read_or_reported(nlp, value):
    reading = read([value], nlp)
    assert len(reading.docs) + reading.log.lost.count == 1


def test_agreement_on_overlapping_spans(nlp):
    both = [item(*ADA), item(0, 16, "X")]
    text = json.dumps([task(annotation(result=both), annotation(result=both[1:]))])
    [doc] = read_source(kinds.read_label_studio, text, nlp, spans_key="sc").docs
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == [
        (doc.text[:16], "X")
    ]
