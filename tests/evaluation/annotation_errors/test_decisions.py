import json

import pytest
import spacy
from spacy.tokens import Span

from spacy_crf_tagger.evaluation.annotation_errors.decisions import (
    Corrector,
    read_decisions,
)
from spacy_crf_tagger.evaluation.annotation_errors.findings import (
    EntitySpan,
    Finding,
    change_of,
)
from spacy_crf_tagger.evaluation.annotation_errors.tasks import (
    task_of,
    to_label_studio,
    to_prodigy,
)
from tests.helpers.component import entities


@pytest.fixture
def doc():
    doc = spacy.blank("en")("Ada met Grace in New York\n  before  Bo went home")
    ents = [Span(doc, 0, 1, "PLACE", kb_id="Q7259"), Span(doc, 4, 6, "PLACE")]
    doc.set_ents(ents, missing=[doc[9:10]], default="outside")
    return doc


def task_for(doc, annotated, suggested):
    spans = [[EntitySpan(*span) for span in each] for each in (annotated, suggested)]
    start = min(span.start for each in spans for span in each)
    end = max(span.end for each in spans for span in each)
    change = change_of(*spans)
    return task_of(doc, Finding(0, start, end, change, 0.1, 0.8, 2.0, 1.0, 3.0))


def write_lines(path, *records):
    lines = [json.dumps(record) + "\n" for record in records]
    path.write_text("".join(lines), "utf8")
    return path


@pytest.fixture
def records(doc):
    """A wrong label, a person that is missing, and a place that is none."""
    tasks = [
        task_for(doc, [(0, 1, "PLACE")], [(0, 1, "PERSON")]),
        task_for(doc, [], [(2, 3, "PERSON")]),
        task_for(doc, [(4, 6, "PLACE")], []),
    ]
    return [to_prodigy(task, 1, doc) for task in tasks]


def corrected(doc, path):
    corrector = Corrector(read_decisions(path).accepted)
    list(corrector.correct([doc]))
    return corrector


def test_accepted_suggestions_change_the_document(doc, records, tmp_path):
    answers = ("accept", "accept", "reject")
    pairs = zip(records, answers, strict=True)
    path = write_lines(tmp_path / "d", *({**r, "answer": a} for r, a in pairs))
    assert read_decisions(path).n_left == 1
    corrector = corrected(doc, path)
    assert entities(doc) == [(0, 1, "PERSON"), (2, 3, "PERSON"), (4, 6, "PLACE")]
    assert (corrector.n_removed, corrector.n_added, corrector.n_docs) == (1, 2, 1)
    assert not doc[9].ent_iob
    assert doc[8].ent_iob_ == "O"


def test_what_is_not_decided_stays(doc, records, tmp_path):
    before = entities(doc)
    answered = [{**records[0], "answer": "ignore"}, *records[1:]]
    path = write_lines(tmp_path / "d", *answered)
    assert read_decisions(path) == ([], 3)
    assert corrected(doc, path).n_docs == 0
    assert entities(doc) == before
    assert doc.ents[0].kb_id_ == "Q7259"


def test_reviewers_may_annotate_something_else(doc, records, tmp_path):
    """Of a suggestion that was changed by hand, all changes count."""
    record = records[2]
    york = {"start": record["text"].index("York"), "label": "PLACE"}
    york["end"] = york["start"] + len("York")
    record["spans"].append(york)
    path = write_lines(tmp_path / "d", {**record, "answer": "accept"})
    corrected(doc, path)
    assert entities(doc) == [(0, 1, "PLACE"), (5, 6, "PLACE")]
    assert doc.ents[0].kb_id_ == "Q7259"


def test_label_studio_is_read(doc, tmp_path):
    task = task_for(doc, [(0, 1, "PLACE")], [(0, 1, "PERSON")])
    record = to_label_studio(1, task, 1, doc)
    [prediction] = record["predictions"]
    other = to_label_studio(2, task_for(doc, [(4, 6, "PLACE")], []), 2, doc)
    cancelled = {"was_cancelled": True, "result": []}
    record["annotations"] = [cancelled, {"result": prediction["result"]}]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([record, other]), "utf8")
    assert read_decisions(path).n_left == 1
    corrected(doc, path)
    assert entities(doc) == [(0, 1, "PERSON"), (4, 6, "PLACE")]


def test_decisions_that_contradict_each_other(doc, records, tmp_path):
    other = to_prodigy(task_for(doc, [], [(2, 4, "PLACE")]), 1, doc)
    both = [{**record, "answer": "accept"} for record in (records[1], other)]
    with pytest.raises(
        ValueError, match=r"overlap after the decisions.*line 1.*line 2"
    ):
        corrected(doc, write_lines(tmp_path / "d", *both))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "yes"}, "line 1: the answer 'yes'"),
        ({"finding": None}, "line 1 is no finding"),
        ({"spans": None}, "line 1 is no finding"),
        ({"text": "Bo"}, "is not about document 0"),
        (
            {"spans": [{"start": 1, "end": 3, "label": "X"}]},
            "begin and end with tokens",
        ),
        (
            {"finding": {"doc": 3, "start": 0, "end": 1, "tokens": [0, 1]}},
            "line 1 is no finding",
        ),
        (
            {
                "finding": {
                    **{"doc": 3, "start": 0, "end": 1},
                    **{"tokens": [0, 1], "entities": []},
                }
            },
            "has 1",
        ),
        (
            {
                "finding": {
                    **{"doc": -1, "start": 0, "end": 1},
                    **{"tokens": [0, 1], "entities": []},
                }
            },
            "a negative document",
        ),
        ({"spans": [{"start": 0, "end": 3, "label": ""}]}, "or an empty label"),
    ],
)
def test_decisions_that_do_not_fit(doc, records, tmp_path, change, message):
    path = write_lines(tmp_path / "d", {**records[0], "answer": "accept", **change})
    with pytest.raises(ValueError, match=message):
        corrected(doc, path)


def test_documents_that_have_changed_since(doc, records, tmp_path):
    path = write_lines(tmp_path / "d", {**records[0], "answer": "accept"})
    corrected(doc, path)
    with pytest.raises(ValueError, match="has other entities than when"):
        corrected(doc, path)


@pytest.mark.parametrize("second", ["reject", "accept"])
def test_two_answers_about_the_same_finding(records, tmp_path, second):
    first = {**records[0], "answer": "accept"}
    other = {**records[0], "spans": [], "answer": second}
    with pytest.raises(ValueError, match=r"line 1 and .*line 2 decide otherwise"):
        read_decisions(write_lines(tmp_path / "d", first, other))
    again = write_lines(tmp_path / "d", first, first, {**other, "answer": "ignore"})
    assert len(read_decisions(again).accepted) == 2


def test_a_context_may_be_a_sentence_of_several(tmp_path):
    """A blank follows its last token, which is in the text of the task."""
    doc = spacy.blank("en")("Ada left. Bo stayed. Cy slept")
    for token in doc:
        token.is_sent_start = token.text in ("Ada", "Bo", "Cy")
    doc.set_ents([Span(doc, 0, 1, "PERSON")], default="outside")
    record = to_prodigy(task_for(doc, [], [(3, 4, "PERSON")]), 1, doc)
    assert record["text"].startswith("Bo stayed.")
    corrected(doc, write_lines(tmp_path / "d", {**record, "answer": "accept"}))
    assert entities(doc) == [(0, 1, "PERSON"), (3, 4, "PERSON")]


@pytest.mark.parametrize("own", [["x"], {"a": 1}, [{"result": None}], [{}]])
def test_annotations_that_are_none_of_label_studio(doc, tmp_path, own):
    record = to_label_studio(1, task_for(doc, [(4, 6, "PLACE")], []), 1, doc)
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{**record, "annotations": own}]), "utf8")
    with pytest.raises(ValueError, match="none of Label Studio"):
        read_decisions(path)


def test_a_file_of_another_encoding(tmp_path):
    path = tmp_path / "d"
    path.write_bytes("é".encode("latin-1"))
    with pytest.raises(ValueError, match="d is not UTF-8"):
        read_decisions(path)


@pytest.mark.parametrize("text", ["{", "[1]", "[{}]", "[", "3"])
def test_files_that_are_something_else(tmp_path, text):
    path = tmp_path / "d"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"is no (JSON|task|finding)"):
        read_decisions(path)
