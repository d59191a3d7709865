"""Treebanks of Universal Dependencies as corpora of tags: one sentence a document, the
tokens of the treebank, and one of its two columns of parts of speech as `token.tag`, so
that spaCy's `tagger`, which knows no other attribute, can learn both.
"""

from pathlib import Path
from typing import NamedTuple

from spacy import blank
from spacy.tokens import Doc, DocBin

from .training import DATA, PARTS, spacy

COLUMNS = ("xpos", "upos")


class Treebank(NamedTuple):
    """A treebank.

    lang (str): Its language.
    folder (str): The folder of its files in the data.
    name (str): What its files' names start with.
    """

    lang: str
    folder: str
    name: str


TREEBANKS = {
    "ewt": Treebank("en", "ud-english-ewt", "en_ewt-ud"),
    "imst": Treebank("tr", "ud-turkish-imst", "tr_imst-ud"),
}


def corpus_names() -> list[str]:
    """RETURNS (list[str]): The names of all corpora."""
    return [f"{treebank}-{column}" for treebank in TREEBANKS for column in COLUMNS]


def convert(corpus: str, folder: Path) -> None:
    """Convert the three parts of a corpus, unless that is done.

    corpus (str): The treebank and the column, such as "ewt-xpos".
    folder (Path): Where the parts are written.
    """
    if corpus not in corpus_names():
        raise SystemExit(f"There is no corpus {corpus}: take one of {corpus_names()}")
    name, column = corpus.split("-")
    treebank = TREEBANKS[name]
    for part in PARTS:
        target = folder / f"{part}.spacy"
        if target.exists():
            continue
        source = DATA / treebank.folder / f"{treebank.name}-{part}.conllu"
        if not source.exists():
            raise SystemExit(f"The corpus {corpus} is not there: {source}")
        raw = folder / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        spacy("convert", source, raw, "--n-sents", 1)
        _keep_column(raw / f"{source.stem}.spacy", target, column, treebank.lang)


def _keep_column(source: Path, target: Path, column: str, lang: str) -> None:
    """Write documents whose tags are those of one column, and that have no other
    annotation. It is not said where their spaces are, so that `spacy train` takes their
    tokens as they are rather than its tokenizer's.
    """
    kept = DocBin(attrs=["ORTH", "TAG"])
    for doc in DocBin().from_disk(source).get_docs(blank(lang).vocab):
        tags = [token.tag_ if column == "xpos" else token.pos_ for token in doc]
        kept.add(Doc(doc.vocab, words=[token.text for token in doc], tags=tags))
    kept.to_disk(target)
