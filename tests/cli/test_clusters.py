import json
from types import SimpleNamespace

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_crf_tagger.cli import text_reader
from spacy_crf_tagger.clusters.paths import read_paths
from spacy_crf_tagger.data import lookups
from tests.clusters.texts import PLANTS


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"{each}.\n" for each in PLANTS), "utf8")
    return path


def columns_of(path):
    return [line.split("\t") for line in path.read_text("utf8").splitlines()]


def test_clusters_of_lines(crf, texts, tmp_path):
    out = tmp_path / "new" / "paths"
    exit_code, output = crf("clusters", texts, out, "--classes", 6, "--min-count", 1)
    assert exit_code == 0
    assert "54 words in 8 texts: 15 different ones, and 0 that are left out" in output
    assert "Wrote 15 words in 6 classes" in output
    paths = read_paths(out)
    assert paths["rose"] == paths["tulip"]
    assert {word: int(n) for _, word, n in columns_of(out)}["."] == len(PLANTS)


def test_all_kinds_of_files_are_the_same_text(crf, texts, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    nlp = spacy.blank("en")
    lines = texts.read_text("utf8").splitlines()
    rows = [json.dumps({"body": line}) for line in lines]
    (folder / "1.jsonl").write_text("\n".join([*rows[:3], "", *rows[3:5]]), "utf8")
    DocBin(docs=map(nlp, lines[5:])).to_disk(folder / "2.spacy")
    (folder / "notes.md").write_text("not read", "utf8")
    for source, out in ((texts, "one"), (folder, "other")):
        options = ("--text-field", "body", "--classes", 5)
        assert crf("clusters", source, tmp_path / out, *options).exit_code == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_words_may_be_forgotten_with_their_texts(crf, texts, tmp_path, monkeypatch):
    assert crf("clusters", texts, tmp_path / "one").exit_code == 0
    monkeypatch.setattr(text_reader, "_MOST_KEPT", 0)
    monkeypatch.setattr(text_reader, "_ROWS", 2)
    assert crf("clusters", texts, tmp_path / "other").exit_code == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_words_are_those_of_the_tokenizer(crf, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("I can't see\u2003it,\tcan you?\n" * 2, "utf8")
    out = tmp_path / "paths"
    assert crf("clusters", texts, out).exit_code == 0
    words = {"I", "ca", "n't", "see", "it", ",", "can", "you", "?"}
    assert set(read_paths(out)) == words
    nlp = spacy.blank("en")
    nlp.tokenizer = nlp.tokenizer.__class__(nlp.vocab)  # splits at spaces only
    nlp.to_disk(tmp_path / "pipeline")
    options = ("--pipeline", tmp_path / "pipeline", "--lower")
    assert crf("clusters", texts, out, *options).exit_code == 0
    assert set(read_paths(out)) == {"i", "can't", "see", "it,", "can", "you?"}


def test_word_that_no_line_can_hold(crf, tmp_path):
    doc = Doc(spacy.blank("en").vocab, words=["a", "b\tc", "\n", "d\ne", "a"])
    DocBin(docs=[doc]).to_disk(tmp_path / "docs.spacy")
    out = tmp_path / "paths"
    options = ("--min-count", 1)
    assert crf("clusters", tmp_path / "docs.spacy", out, *options).exit_code == 0
    assert columns_of(out) == [["0", "a", "2"]]


def test_rows_without_text_are_left_out(crf, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "a b"}\n{"txt": "c"}\nnone\n{"text": "b a"}\n', "utf8")
    out = tmp_path / "paths"
    exit_code, output = crf("clusters", rows, out)
    assert exit_code == 0
    assert "2 rows without a text are left out" in output
    assert "row 2: there is no column 'text', only 'txt'" in output
    assert set(read_paths(out)) == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", (), "there are 0 words in 0 texts"),
        ("a b c", (), "none of which occurs 2 times (--min-count)"),
        ("a", ("--lang", "qq"), "Can't use language 'qq'"),
        ("a", ("--pipeline", "missing"), "Can't load pipeline missing"),
    ],
)
def test_what_cannot_be_done_leaves_the_old_file(
    crf, content, options, message, tmp_path
):
    texts, out = tmp_path / "texts.txt", tmp_path / "paths"
    texts.write_text(content, "utf8")
    out.write_text("old", "utf8")
    exit_code, output = crf("clusters", texts, out, *options)
    assert exit_code == 1
    assert message in output
    assert out.read_text("utf8") == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_arguments_that_are_wrong(crf, texts, tmp_path):
    out = tmp_path / "paths"
    for arguments, message in (
        ((out,), "Give files of texts, or --lookups"),
        ((texts, texts), "The output is also an input"),
        ((texts, tmp_path), "This is a folder"),
        ((tmp_path / "missing.txt", out), "there is no such file"),
        ((texts, out, "--lookups", "en"), "Give texts or --lookups, not both"),
    ):
        exit_code, output = crf("clusters", *arguments)
        assert exit_code == 1, arguments
        assert message in output
    assert not out.exists()


@pytest.fixture
def package(monkeypatch, tmp_path):
    """Stands for spacy-lookups-data, of which the data takes 100 MB."""
    table = tmp_path / "xx_lexeme_cluster.json"
    table.write_text(json.dumps({"Aa": 5, "bé": 1, "c": 0, "d": 2}), "utf8")
    tables = {"xx": {lookups.TABLE: table}, "yy": {"lexeme_prob": table}}
    registry = SimpleNamespace(lookups=SimpleNamespace(get_all=lambda: tables))
    monkeypatch.setattr(lookups, "registry", registry)
    return tables


@pytest.mark.usefixtures("package")
def test_clusters_of_the_package(crf, tmp_path):
    out = tmp_path / "paths"
    exit_code, output = crf("clusters", out, "--lookups", "xx")
    assert exit_code == 0
    assert "Wrote 3 words in 3 classes" in output
    assert columns_of(out) == [["01", "d", "0"], ["100", "bé", "0"], ["101", "Aa", "0"]]
    assert crf("clusters", out, "--lookups", "yy").exit_code == 1


def test_package_without_a_language(crf, package, tmp_path):
    out = tmp_path / "paths"
    exit_code, output = crf("clusters", out, "--lookups", "zz")
    assert exit_code == 1
    assert "no clusters of language 'zz', but of xx" in output
    package.clear()
    assert (
        "pip install 'spacy-crf-tagger[lookups]'"
        in crf("clusters", out, "--lookups", "zz").output
    )
    assert not out.exists()
