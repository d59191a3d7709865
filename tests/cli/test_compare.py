import json

import pytest
import spacy
from spacy.cli import evaluate
from spacy.tokens import DocBin


def metrics(p, r, f, **f_by_label):
    per_type = {label: {"p": 0.5, "r": 0.5, "f": f} for label, f in f_by_label.items()}
    return {"ents_p": p, "ents_r": r, "ents_f": f, "ents_per_type": per_type}


A = metrics(0.91234, 0.5, 0.66, PER=0.5, LOC=0.70001)
B = metrics(0.8, None, 0.7, PER=0.5, ORG=0.0)


@pytest.fixture
def write(tmp_path):
    def write_metrics(data, name):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return path

    return write_metrics


def test_table(crf, write):
    exit_code, text = crf("compare", write(A, "a.json"), write(B, "b.json"))
    assert exit_code == 0
    rows = (
        "P 91.2 80.0",
        "R 50.0 –",
        "F 66.0 70.0 *",
        "F LOC 70.0 * –",
        "F ORG – 0.0 *",
        "F PER 50.0 * 50.0 *",
    )
    assert text.startswith("a b ---")
    assert text.endswith(" ".join(rows))


def test_markdown(crf, write, tmp_path):
    output = tmp_path / "new" / "table.md"
    files = [write(A, "a.json"), write(B, "b.json")]
    exit_code, _ = crf("compare", *files, "--names", "ours, a|b", "--output", output)
    assert exit_code == 0
    assert output.read_text(encoding="utf8") == (
        "|  | ours | a\\|b |\n"
        "| --- | ---: | ---: |\n"
        "| P | 91.2 | 80.0 |\n"
        "| R | 50.0 | – |\n"
        "| F | 66.0 | **70.0** |\n"
        "| F LOC | **70.0** | – |\n"
        "| F ORG | – | **0.0** |\n"
        "| F PER | **50.0** | **50.0** |\n"
    )


def test_files_of_the_same_name_are_told_apart(crf, write):
    files = [write(A, "one/metrics.json"), write(B, "two/metrics.json")]
    _, text = crf("compare", *files)
    assert all(str(path) in text for path in files)


def test_what_spacy_evaluate_writes(crf, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "Rome"}])
    nlp.to_disk(tmp_path / "pipeline")
    reference = nlp.make_doc("Anna saw Rome")
    reference.ents = [
        reference.char_span(0, 4, "PER"),
        reference.char_span(9, 13, "LOC"),
    ]
    DocBin(docs=[reference]).to_disk(tmp_path / "dev.spacy")
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in files:
        evaluate(tmp_path / "pipeline", tmp_path / "dev.spacy", output=path)
    exit_code, text = crf("compare", *files)
    assert exit_code == 0
    assert "P 100.0 100.0 R 50.0 50.0 F 66.7 * 66.7 *" in text
    assert "F LOC 100.0 * 100.0 * F PER 0.0 * 0.0 *" in text


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        "{",
        '{"ner": {"ents_f": 0.5}}',
        '{"ents_f": "0.5"}',
        '{"ents_f": true}',
        '{"ents_f": NaN}',
        '{"ents_f": 50.0}',
        '{"ents_f": 0.5, "ents_p": []}',
        '{"ents_f": 0.5, "ents_per_type": []}',
        '{"ents_f": 0.5, "ents_per_type": {"LOC": {"f": "?"}}}',
    ],
)
def test_files_without_scores(crf, write, content):
    exit_code, text = crf("compare", write(A, "a.json"), write(content, "bad.json"))
    assert exit_code == 1
    assert "bad.json" in text


def test_scores_of_documents_without_entities_are_null(crf, write):
    null = '{"ents_p": null, "ents_r": null, "ents_f": null, "ents_per_type": null}'
    exit_code, text = crf("compare", write(A, "a.json"), write(null, "b.json"))
    assert exit_code == 0
    assert "b.json is null" in text
    assert "no annotated entities" in text
    assert "a.json is null" not in text
    assert "–" in text


def test_output_that_is_an_input_is_refused(crf, write):
    files = [write(A, "a.json"), write(B, "b.json")]
    before = files[1].read_text()
    exit_code, text = crf("compare", *files, "--output", files[1])
    assert exit_code == 1
    assert "also an input" in text
    assert files[1].read_text() == before


def test_a_missing_file(crf, write, tmp_path):
    exit_code, text = crf("compare", write(A, "a.json"), tmp_path / "absent.json")
    assert exit_code == 1
    assert "absent.json" in text


@pytest.mark.parametrize("names", ["a", "a,b,c"])
def test_a_wrong_number_of_names(crf, write, names):
    files = [write(A, "a.json"), write(B, "b.json")]
    exit_code, text = crf("compare", *files, "--names", names)
    assert exit_code == 1
    assert "names for 2 files" in text


def test_one_file_is_nothing_to_compare(crf, write):
    assert crf("compare", write(A, "a.json")).exit_code == 1
