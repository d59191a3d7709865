"""Formats are recognised by themselves."""

import json

import pytest

from spacy_crf_tagger.data.formats import Format, detect_format

DOCCANO = '{"id": 1, "text": "Ada left", "label": [[0, 3, "PERSON"]]}'
EMPTY = '{"id": 1, "text": "Ada left", "label": []}'
OFFSETS = (
    '{"text": "a", "entities": [{"start_offset": 0, "end_offset": 1, "label": "X"}]}'
)
TASK = '{"id": 1, "data": {"text": "a"}, "annotations": [{"result": []}]}'
MINIMAL = '{"text": "a", "label": [{"start": 0, "end": 1, "labels": ["X"]}], "id": 1}'
NOBODY = '{"text": "a", "id": 1, "annotator": 1, "annotation_id": 2}'
ROW = '{"id": "0", "tokens": ["Ada"], "ner_tags": [1]}'
PAIR = '["Ada left", {"entities": [[0, 3, "PERSON"]]}]'
DOCUMENT = '{"id": 0, "paragraphs": [{"raw": "a", "sentences": []}]}'
PRODIGY = '{"text": "a", "spans": [], "label": [], "answer": "accept"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DOCCANO, Format.doccano),
        (DOCCANO.replace("label", "labels"), Format.doccano),
        (DOCCANO.replace("text", "data"), Format.doccano),
        (EMPTY, Format.doccano),
        (OFFSETS, Format.doccano),
        ('{"id": 1, "text": "Ada"}\n' + EMPTY + "\n" + DOCCANO, Format.doccano),
        (DOCCANO[:30] + "\n" + DOCCANO, Format.doccano),
        (TASK, Format.label_studio),
        (TASK.replace("annotations", "completions"), Format.label_studio),
        (MINIMAL, Format.label_studio),
        (NOBODY, Format.label_studio),
        (ROW, Format.hf),
        (ROW.replace("ner_tags", "tags"), Format.hf),
        (ROW.replace("ner_tags", "labels"), Format.hf),
        (PAIR, Format.spacy_json),
        (DOCUMENT, Format.spacy_json),
        (f'{{"classes": ["X"], "annotations": [{PAIR}]}}', Format.spacy_json),
    ],
)
@pytest.mark.parametrize("form", ["lines", "array", "indented"])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a"])
def test_json_of_tools(tmp_path, text, expected, form, name):
    if form != "lines":
        values = [json.loads(line) for line in text.split("\n") if line[-1] in "}]"]
        text = json.dumps(values, indent=1 if form == "indented" else None)
    assert detect_format(tmp_path / name, f"\n{text}\n") == expected


@pytest.mark.parametrize(
    "text",
    [
        PRODIGY,
        '{"text": "Ada"}',
        '{"text": "Ada", "label": "SPORTS"}',
        '{"text": "Ada", "label": ["SPORTS"]}',
        '{"text": "Ada", "tokens": [{"text": "Ada", "start": 0, "end": 3, "id": 0}]}',
        f"{PRODIGY}\n{DOCCANO}",
    ],
)
def test_other_json_lines(tmp_path, text):
    assert detect_format(tmp_path / "a", text) == Format.jsonl


def test_the_beginning_of_a_file_is_enough(tmp_path):
    text = f"[{TASK}, {TASK}, {TASK[:30]}"
    assert detect_format(tmp_path / "a.json", text) == Format.label_studio


@pytest.mark.parametrize("text", ["[\tO\nAda\tB-PER", "{ O", "[1]\tO", '["\tO\na\tO'])
def test_brackets_may_be_tokens(tmp_path, text):
    assert detect_format(tmp_path / "a.txt", text) == Format.conll
