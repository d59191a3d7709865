import json
import os

import pytest
import spacy
from spacy.tokens import DocBin, Span

from spacy_crf_tagger.data.read_spacy import read_docs
from tests.helpers.disks import small_disk


@pytest.fixture
def docs_path(tmp_path):
    nlp = spacy.blank("en")
    doc = nlp.make_doc("Ada Merrick drew Saturn.")
    doc.set_ents([Span(doc, 0, 2, "PERSON")], missing=[doc[3:4]], default="outside")
    path = tmp_path / "docs.spacy"
    DocBin(docs=[doc, nlp.make_doc("Nobody knows.")]).to_disk(path)
    return path


def test_export(crf, docs_path, tmp_path):
    output = tmp_path / "new" / "out.jsonl"
    exit_code, text = crf("export", docs_path, "doccano", output)
    assert exit_code == 0, text
    assert "tokens without annotation among others that have it: 1" in text
    assert f"Exported to {output} (documents: 2, spans: 1)" in text
    first, second = map(json.loads, output.read_text("utf8").splitlines())
    assert first["label"] == [[0, 11, "PERSON"]]
    assert "label" not in second


def test_strict_writes_nothing(crf, docs_path, tmp_path):
    output = tmp_path / "out.jsonl"
    exit_code, text = crf("export", docs_path, "doccano", output, "--strict")
    assert exit_code == 1
    assert "(--strict)" in text
    assert os.listdir(tmp_path) == [docs_path.name]
    output = tmp_path / "out.conll"
    assert crf("export", docs_path, "conll", output).exit_code == 0


@pytest.mark.parametrize("name", ["docs.spacy", "shards"])
def test_folders_are_read(crf, docs_path, tmp_path, name):
    shards = tmp_path / "shards" / "more"
    shards.mkdir(parents=True)
    for shard in ("2.spacy", "1.spacy"):
        (shards / shard).write_bytes(docs_path.read_bytes())
    output = tmp_path / "out.jsonl"
    assert crf("export", tmp_path / name, "prodigy", output).exit_code == 0
    n_lines = len(output.read_text("utf8").splitlines())
    assert n_lines == (2 if name == "docs.spacy" else 4)


def test_an_unknown_group_is_named(crf, docs_path, tmp_path):
    output = tmp_path / "out.jsonl"
    exit_code, text = crf("export", docs_path, "prodigy", output, "-k", "sc")
    assert exit_code == 1
    assert "doc.spans['sc']" in text
    assert not output.exists()


def test_a_folder_of_something_else_is_not_replaced(crf, docs_path, tmp_path):
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "thesis.tex").write_text("all my work")
    exit_code, text = crf("export", docs_path, "brat", folder)
    assert exit_code == 1
    assert "thesis.tex" in text
    (folder / "thesis.tex").unlink()
    (folder / "old.txt").write_text("of another export")
    exit_code, text = crf("export", docs_path, "brat", folder)
    assert exit_code == 0, text
    assert sorted(os.listdir(folder)) == [
        "000001.ann",
        "000001.txt",
        "000002.txt",
        "annotation.conf",
    ]


@pytest.mark.parametrize("name", ["brat", "prodigy"])
def test_a_full_disk_leaves_what_was_there(crf, docs_path, tmp_path, name):
    output = tmp_path / "out"
    assert crf("export", docs_path, name, output).exit_code == 0
    before = output.stat().st_mtime_ns
    with small_disk(10):
        exit_code, text = crf("export", docs_path, name, output)
    assert exit_code == 1
    assert "Can't write the output" in text
    assert output.stat().st_mtime_ns == before
    assert sorted(os.listdir(tmp_path)) == ["docs.spacy", "out"]


def test_the_output_may_not_be_the_input(crf, docs_path):
    exit_code, text = crf("export", docs_path, "prodigy", docs_path)
    assert exit_code == 1
    assert "also an input" in text


@pytest.mark.parametrize("content", [b"", b"text", b"x\x9cabc"])
def test_what_is_no_spacy_file(crf, tmp_path, content):
    path = tmp_path / "a.spacy"
    path.write_bytes(content)
    exit_code, text = crf("export", path, "prodigy", tmp_path / "out")
    assert exit_code == 1
    assert f"Can't read {path}" in text


def test_missing_input(crf, tmp_path):
    exit_code, text = crf("export", tmp_path / "a.spacy", "conll", tmp_path / "out")
    assert exit_code == 1
    assert "a.spacy" in text
    assert crf("export", tmp_path, "conll", tmp_path / "out").exit_code == 1


def test_damaged_files_are_named(docs_path):
    content, vocab = docs_path.read_bytes(), spacy.blank("en").vocab
    for end in range(0, len(content) - 1, 7):
        docs_path.write_bytes(content[:end])
        with pytest.raises(ValueError, match="damaged"):
            list(read_docs(docs_path, vocab))
