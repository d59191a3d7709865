import json

import pytest
import spacy
from spacy.tokens import Doc, DocBin


@pytest.fixture
def pipeline(tmp_path):
    return save_pipeline(tmp_path / "pipeline", "PLACE")


@pytest.fixture
def test_docs(tmp_path):
    vocab = spacy.blank("en").vocab
    docs = [
        Doc(vocab, words=["Ada", "saw", "Rome"], ents=["B-PERSON", "O", "B-PLACE"]),
        Doc(vocab, words=["Rome", "fell"], ents=["B-PLACE", "O"]),
    ]
    path = tmp_path / "test.spacy"
    DocBin(docs=docs).to_disk(path)
    return path


def save_pipeline(path, label):
    nlp = spacy.blank("en")
    patterns = [{"label": label, "pattern": "Rome"}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.to_disk(path)
    return path


@pytest.mark.parametrize(
    ("ending", "start"),
    [(".html", "<!DOCTYPE html>"), (".md", "# Report on"), (".json", "{")],
)
def test_forms(crf, pipeline, test_docs, tmp_path, ending, start):
    output = tmp_path / "new" / f"report{ending}"
    exit_code, text = crf("report", pipeline, test_docs, output)
    assert exit_code == 0
    assert "Entities: P 100.0, R 66.7, F 80.0" in text
    assert output.read_text("utf8").startswith(start)


def test_options(crf, pipeline, test_docs, tmp_path):
    other = save_pipeline(tmp_path / "other", "PERSON")
    output = tmp_path / "report.json"
    options = ["--train", test_docs, "--against", other, "--samples", 200]
    exit_code, _ = crf("report", pipeline, test_docs, output, *options)
    assert exit_code == 0
    made = json.loads(output.read_text("utf8"))
    assert made["train"] == str(test_docs)
    assert made["against"] == str(other)
    assert made["n_samples"] == 200
    difference = made["sections"][0]["difference"]
    assert difference["times"] == {
        "found by pipeline only": 2,
        "wrong in other only": 2,
    }


def test_a_folder_of_documents(crf, pipeline, test_docs, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.spacy", "b.spacy"):
        (folder / name).write_bytes(test_docs.read_bytes())
    output = tmp_path / "report.json"
    assert crf("report", pipeline, folder, output).exit_code == 0
    made = json.loads(output.read_text("utf8"))
    assert made["n_documents"] == 4
    sentences = made["sections"][0]["errors"]["groups"][0]["sentences"]
    assert [each["place"] for each in sentences] == [
        "a.spacy, document 1",
        "b.spacy, document 1",
    ]


def test_wrong_arguments(crf, pipeline, test_docs, tmp_path):
    kept = test_docs.read_bytes()
    junk = tmp_path / "junk.spacy"
    junk.write_text("nothing")
    blank = tmp_path / "blank"
    spacy.blank("en").to_disk(blank)
    output = tmp_path / "report.html"
    for arguments, message in (
        ([pipeline, test_docs, tmp_path / "report.pdf"], "ends in .html, .md, .json"),
        ([pipeline, test_docs, test_docs], "ends in .html"),
        ([pipeline, tmp_path / "absent.spacy", output], "Documents not found"),
        ([pipeline, junk, output], "cannot be read as a .spacy file"),
        ([pipeline, test_docs, output, "--train", junk], "Can't read"),
        ([pipeline, test_docs, pipeline / "meta.json"], "which is an input"),
        ([tmp_path / "absent", test_docs, output], "Can't load pipeline"),
        ([blank, test_docs, output], "nothing to report on"),
    ):
        exit_code, text = crf("report", *arguments)
        assert exit_code == 1, arguments
        assert message in text
        assert not output.exists()
    assert test_docs.read_bytes() == kept
