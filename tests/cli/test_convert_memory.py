"""Words are forgotten while documents are converted, and the result is the same."""

from typing import List

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_crf_tagger.cli import convert as command
from spacy_crf_tagger.data import writing
from spacy_crf_tagger.data.export.writers import ExportFormat

N_DOCS = 23


@pytest.fixture
def docs() -> List[Doc]:
    """Documents with words, and labels, that no other has."""
    vocab = spacy.blank("en").vocab
    made = []
    for n in range(N_DOCS):
        words = [f"Ada{n}", f"Merrick{n}", "drew", f"star-{n}", "\n" if n % 5 else "x"]
        doc = Doc(vocab, words=words, spaces=[True, True, True, False, False])
        label = f"L{n // 4}"
        doc.set_ents([Span(doc, 0, 2, label="PERSON"), Span(doc, 3, 4, label=label)])
        made.append(doc)
    return made


@pytest.mark.parametrize("arguments", [[], ["--split", "0.5,0.5"]], ids=str)
@pytest.mark.parametrize("shards", [[], ["--shard-size", "4"]], ids=str)
@pytest.mark.parametrize("source", ["spacy", *(each.value for each in ExportFormat)])
def test_files_do_not_depend_on_batches(
    crf, docs, tmp_path, monkeypatch, source, shards, arguments
):
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    path = tmp_path / "docs.spacy"
    if source != "spacy":
        path = tmp_path / f"exported.{'json' if 'studio' in source else 'jsonl'}"
        if source in ("brat", "conll"):
            path = tmp_path / ("exported" if source == "brat" else "exported.conll")
        crf("export", tmp_path / "docs.spacy", source, path)

    def convert(name: str) -> dict:
        is_folder = bool(shards or arguments)
        out = tmp_path / name / ("out" if is_folder else "out.spacy")
        outcome = crf("convert", path, out, *shards, *arguments)
        assert outcome.exit_code == 0, outcome.output
        files = sorted((tmp_path / name).rglob("*.spacy"))
        return {file.relative_to(tmp_path / name): file.read_bytes() for file in files}

    whole = convert("whole")
    monkeypatch.setattr(writing, "_BATCH", 3)
    assert convert("batches") == whole
    n_docs = sum(len(DocBin().from_bytes(data)) for data in whole.values())
    assert n_docs == N_DOCS


def test_the_vocabulary_does_not_grow(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_BATCH", 10)
    lines = "".join(f"Ada{n}\tB-PERSON\nleft\tO\n\n" for n in range(200))
    path = tmp_path / "in.conll"
    path.write_text(lines, "utf8")
    nlp = spacy.blank("en")
    monkeypatch.setattr(command, "blank_pipeline", lambda lang: nlp)
    before = len(nlp.vocab.strings)
    command.convert(path, tmp_path / "out.spacy")
    # Those of the first batch are kept: most words of others are among them.
    assert len(nlp.vocab.strings) - before < 60
    found = list(
        DocBin().from_disk(tmp_path / "out.spacy").get_docs(spacy.blank("en").vocab)
    )
    assert [doc.ents[0].text for doc in found] == [f"Ada{n}" for n in range(200)]
