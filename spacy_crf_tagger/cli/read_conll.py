"""Read columns of tokens and tags, as the CoNLL shared tasks have them."""

from dataclasses import dataclass, field
from typing import List, NamedTuple, Optional, Sequence, Union

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from .iob import (
    MISSING,
    Tag,
    closest_scheme,
    find_violations,
    parse_tag,
    read_entities,
)
from .reading import Problem, Reading, numbered_lines

NO_TOKEN = "no token"
TOO_FEW_COLUMNS = "too few columns"
UNKNOWN_TAG = "unknown tag"
INVALID_SEQUENCE = "tag out of sequence"

_DOCUMENT_START = "-DOCSTART-"


def read_conll(
    text: str, vocab: Vocab, *, n_sents: int = 1, label_column: int = -1
) -> Reading:
    """Read one token a line: the token, other columns, and a tag in IOB1, IOB2, BILUO
    or BIOES, separated by tabs or, in lines without a tab, by spaces. Blank lines end
    sentences, `-DOCSTART-` lines end documents. `-`, `?` or an empty tag stand for
    missing annotation.

    text (str): The content of a file.
    vocab (Vocab): The vocabulary for the documents.
    n_sents (int): Sentences to put into one Doc. Those of different documents are
        never put together.
    label_column (int): The column of the tag, from 0, or from -1 backwards.
    RETURNS (Reading): The documents and the problems. Tags that cannot be read become
        missing annotation. A tag out of sequence is read as the start of an entity.
    """
    documents, problems = _read_sentences(text, label_column)
    sentences = [sentence for document in documents for sentence in document]
    scheme = closest_scheme(sentence.tags for sentence in sentences)
    for sentence in sentences:
        for i in find_violations(sentence.tags, scheme):
            problems.append(_describe_violation(sentence, i, scheme))
    docs = [
        _make_doc(vocab, document[i : i + n_sents], with_starts=n_sents > 1)
        for document in documents
        for i in range(0, len(document), n_sents)
    ]
    return Reading(docs, sorted(problems))


@dataclass
class _Sentence:
    words: List[str] = field(default_factory=list)
    tags: List[Tag] = field(default_factory=list)
    lines: List[int] = field(default_factory=list)


class _Sentences(NamedTuple):
    documents: List[List[_Sentence]]
    problems: List[Problem]


def _read_sentences(text: str, label_column: int) -> _Sentences:
    problems: List[Problem] = []
    documents: List[List[_Sentence]] = [[]]
    sentence = _Sentence()
    for number, line in numbered_lines(text):
        columns = _split_columns(line)
        starts_document = bool(columns) and columns[0].startswith(_DOCUMENT_START)
        if starts_document or not columns:
            if sentence.words:
                documents[-1].append(sentence)
                sentence = _Sentence()
            if starts_document:
                documents.append([])
        elif not columns[0]:
            problems.append(Problem(number, NO_TOKEN, repr(line)))
        else:
            tag = _pick_tag(columns, label_column)
            kind = TOO_FEW_COLUMNS if tag is None else UNKNOWN_TAG
            parsed = None if tag is None else parse_tag(tag)
            if parsed is None:
                problems.append(Problem(number, kind, repr(line)))
            sentence.words.append(columns[0])
            sentence.tags.append(parsed or MISSING)
            sentence.lines.append(number)
    if sentence.words:
        documents[-1].append(sentence)
    return _Sentences(documents, problems)


def _split_columns(line: str) -> List[str]:
    """RETURNS (List[str]): The columns, none for a blank line. Only tabs and spaces
    separate: other whitespace may be a token, or part of one.
    """
    if not line.strip(" \t"):
        return []
    if "\t" in line:
        return line.split("\t")
    return [column for column in line.split(" ") if column]


def _pick_tag(columns: Sequence[str], label_column: int) -> Optional[str]:
    index = label_column if label_column >= 0 else len(columns) + label_column
    return columns[index].strip(" ") if 0 < index < len(columns) else None


def _describe_violation(sentence: _Sentence, i: int, scheme: str) -> Problem:
    words, tags, lines = sentence.words, sentence.tags, sentence.lines
    if i == len(tags):
        text = f"{words[-1]!r} {tags[-1]} at the end of a sentence"
        return Problem(lines[-1], INVALID_SEQUENCE, f"{text} ({scheme})")
    where = f"after {tags[i - 1]}" if i else "at the start of a sentence"
    text = f"{words[i]!r} {tags[i]} {where} ({scheme})"
    return Problem(lines[i], INVALID_SEQUENCE, text)


def _make_doc(vocab: Vocab, sentences: List[_Sentence], *, with_starts: bool) -> Doc:
    words = [word for sentence in sentences for word in sentence.words]
    starts: Optional[List[Union[bool, int, None]]] = None
    if with_starts:
        starts = [i == 0 for sentence in sentences for i in range(len(sentence.words))]
    doc = Doc(vocab, words=words, sent_starts=starts)
    entities: List[Span] = []
    missing: List[Span] = []
    offset = 0
    for sentence in sentences:
        for start, end, label in read_entities(sentence.tags):
            entities.append(Span(doc, offset + start, offset + end, label=label))
        for i, tag in enumerate(sentence.tags, start=offset):
            if tag == MISSING:
                missing.append(doc[i : i + 1])
        offset += len(sentence.words)
    doc.set_ents(entities, missing=missing, default="outside")
    return doc
