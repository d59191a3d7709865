"""Read documents from `.spacy` files."""

import struct
from pathlib import Path
from typing import Iterator, List

import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab, create_vocab

from .reading import Log, Problem
from .source import Source, UnreadableError, open_source
from .spans import EMPTY, WHITESPACE, CharSpan
from .texts import Marks

SUFFIX = ".spacy"
UNKNOWN_SPACES = "Split texts anew whose blanks are unknown: one is between all tokens"
LEFT_BEHIND = "Left out tags, categories and span groups of texts that are split anew"
USER_DATA = "Left out custom attributes and other user data"

# zlib, in any strength but the one whose mark could be text: x^.
_MARKS = (b"x\x01", b"x\x9c", b"x\xda")
# What a file raises that is cut, damaged, or was compressed by another program.
_FAULTS = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    struct.error,
    srsly.msgpack.exceptions.UnpackException,
)
_OF_TOKENS = ("TAG", "POS", "MORPH", "LEMMA", "DEP")


def is_spacy(head: bytes) -> bool:
    """Find out whether a file may be one of spaCy's documents.

    head (bytes): Its beginning.
    RETURNS (bool): Whether it is compressed as these are.
    """
    return head.startswith(_MARKS)


def read_spacy(
    source: Source, nlp: Language, log: Log, *, retokenize: bool = False
) -> Iterator[Doc]:
    """Read documents of spaCy, and check their entities.

    source (Source): The file.
    nlp (Language): The pipeline whose tokenizer splits texts anew.
    log (Log): Where to report entities that start or end with whitespace, and labels
        that look alike. Instead of a line, documents are numbered.
    retokenize (bool): Whether to split texts anew. The tokens of entities that do not
        fit the new ones are missing.
    YIELDS (Doc): The documents.
    RAISES (UnreadableError): If it is no such file, or a damaged one.
    """
    # Its own, which keeps all words of the file while they come.
    vocab = create_vocab(nlp.lang, nlp.Defaults)
    docs = _unpack(source.content(), vocab)
    for number, doc in enumerate(docs, start=1):
        for entity in doc.ents:
            log.see_label(entity.label_, number)
        if doc.user_data:
            log.note(USER_DATA, number)
            doc.user_data.clear()
        yield (
            _retokenize(doc, nlp, log, number)
            if retokenize
            else _check(doc, log, number)
        )


def find_spacy_files(path: Path) -> list[Path]:
    """Find the `.spacy` files that a path stands for.

    path (Path): A file, or a folder of them.
    RETURNS (list[Path]): The file itself, or those in the folder and in the folders in
        it, by their names, as `spacy.Corpus.v1` reads them.
    RAISES (UnreadableError): If there is none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(
        each
        for each in path.rglob(f"*{SUFFIX}")
        if each.is_file()
        and not any(part.startswith(".") for part in each.relative_to(path).parts)
    )
    if not found:
        error = UnreadableError(f"this folder has no file that ends in {SUFFIX}")
        raise error.of(path)
    return found


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read the documents of a `.spacy` file. The file is in memory while they come, and
    they are made one by one.

    path (Path): The file.
    vocab (Vocab): The vocabulary for the documents.
    YIELDS (Doc): The documents.
    RAISES (UnreadableError): If it is no such file, or a damaged one.
    """
    try:
        with open_source(path) as source:
            content = source.content()
        yield from _unpack(content, vocab)
    except UnreadableError as error:
        raise error.of(path) from error


def _unpack(content: bytes, vocab: Vocab) -> Iterator[Doc]:
    try:
        docs = DocBin().from_bytes(content).get_docs(vocab)
    except _FAULTS as error:
        raise UnreadableError(
            f"it is no file of spaCy's documents, or it is damaged ({error}). spaCy "
            "writes such files by DocBin.to_disk; make it anew"
        ) from error
    number = 0
    while True:
        number += 1
        try:
            doc = next(docs)
        except StopIteration:
            return
        except _FAULTS as error:
            raise UnreadableError(
                f"document {number} is damaged ({error}); make the file anew"
            ) from error
        yield doc


def _check(doc: Doc, log: Log, number: int) -> Doc:
    """RETURNS (Doc): The same document, without whitespace around its entities."""
    if not any(entity[0].is_space or entity[-1].is_space for entity in doc.ents):
        return doc
    kept: List[Span] = []
    for entity in doc.ents:
        inner = [token.i for token in entity if not token.is_space]
        if len(inner) and len(entity) == inner[-1] + 1 - inner[0]:
            kept.append(entity)
            continue
        span = CharSpan(entity.start_char, entity.end_char, entity.label_)
        kind = WHITESPACE if inner else EMPTY
        log.report(
            Problem(number, kind, f"document {number}: {span.describe(doc.text)}")
        )
        if inner:
            kept.append(_narrow(entity, inner[0], inner[-1] + 1))
    missing = [doc[t.i : t.i + 1] for t in doc if not t.ent_iob]
    blocked = [doc[t.i : t.i + 1] for t in doc if t.ent_iob_ == "B" and not t.ent_type]
    doc.set_ents(kept, missing=missing, blocked=blocked, default="outside")
    return doc


def _narrow(entity: Span, start: int, end: int) -> Span:
    return Span(
        entity.doc,
        start,
        end,
        label=entity.label,
        kb_id=entity.kb_id,
        span_id=entity.id,
    )


def _retokenize(doc: Doc, nlp: Language, log: Log, number: int) -> Doc:
    text = doc.text
    new = nlp.tokenizer(text)
    name = f"document {number}"
    if doc.has_unknown_spaces:
        log.note(UNKNOWN_SPACES, number)
    if doc.spans or doc.cats or any(map(doc.has_annotation, _OF_TOKENS)):
        log.note(LEFT_BEHIND, number)
    marks = Marks(text, number, log, name)
    for entity in doc.ents:
        marks.add(entity.start_char, entity.end_char, entity.label_, entity.text)
    for token in doc:
        if not token.ent_iob:
            marks.leave_open(token.idx, token.idx + len(token))
    if doc.has_annotation("SENT_START"):
        starts = {token.idx for token in doc if token.is_sent_start}
        for token in new:
            token.is_sent_start = token.idx in starts
    return marks.apply(new)
