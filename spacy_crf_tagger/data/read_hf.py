"""Read tokens with tags as datasets of Hugging Face have them."""

from typing import Any, Dict, Iterator, List, Optional, Sequence

from spacy.tokens import Doc
from spacy.vocab import Vocab

from .iob import MISSING, UNREADABLE, parse_tag
from .parquet import is_parquet, names_of_labels, read_rows
from .reading import Log, Problem
from .records import Record, read_records
from .sentences import NO_TOKEN, UNKNOWN_TAG, Sentence
from .source import Source, UnreadableError
from .tagged import read_tagged
from .texts import BAD_TEXT, is_usable

BAD_LENGTH = "not as many tags as tokens"
BAD_TAGS = "tags that are no list"
BAD_NUMBER = "number without a label (see --labels)"
NO_TAGS = "Read tokens without tags as not annotated"

TOKENS = "tokens"
TAGS = ("ner_tags", "tags", "labels")
_IGNORED = -100  # what losses of PyTorch pass over


def read_hf(
    source: Source,
    vocab: Vocab,
    log: Log,
    *,
    labels: Sequence[str] = (),
    n_sents: int = 1,
) -> Iterator[Doc]:
    """Read objects with `tokens` and `ner_tags`, `tags` or `labels`, which hold names
    of tags, or numbers. −100 and null are missing annotation.

    source (Source): The file: one object a line, an array of them, or Parquet.
    vocab (Vocab): The vocabulary for the documents.
    log (Log): Where to report what could not be read; its tokens are missing.
    labels (Sequence[str]): The tags that the numbers from 0 stand for, if the file does
        not say it itself.
    n_sents (int): Records to put into one Doc; 0 for all.
    YIELDS (Doc): The documents.
    RAISES (UnreadableError): If the file cannot be read, or has numbers of tags and
        nobody says what they stand for.
    """
    has_rows = is_parquet(source)
    names = labels
    if has_rows and not labels:
        names = names_of_labels(source, TAGS)

    def read(log: Log) -> Iterator[Sentence]:
        columns = (TOKENS, *TAGS)
        records = read_rows(source, columns) if has_rows else read_records(source, log)
        for record in records:
            sentence = _read_sentence(record, names, log)
            if sentence is not None:
                yield sentence

    yield from read_tagged(read, vocab, log, n_sents=n_sents)


def is_hf(value: object) -> bool:
    """Find out whether something is a record of token classification.

    value (object): A value of JSON.
    RETURNS (bool): Whether it has tokens that are strings, and a list of tags.
    """
    if not isinstance(value, dict) or value.get("spans") is not None:
        return False
    tokens = value.get(TOKENS)
    return (
        isinstance(tokens, list)
        and all(isinstance(token, str) for token in tokens)
        and any(isinstance(value.get(key), list) for key in TAGS)
    )


def _read_sentence(
    record: Record, labels: Sequence[str], log: Log
) -> Optional[Sentence]:
    line, name, value = record
    where = f"{name}: " if name else ""
    tokens = value.get(TOKENS) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(tokens, list) or not tokens:
        log.lose(Problem(line, BAD_TEXT, f"{where}{value!r:.60}"))
        return None
    sentence = Sentence()
    tags: Any = _find_tags(value)
    fault: Optional[str] = None
    if tags is None:
        log.note(NO_TAGS, line)
        tags = [None] * len(tokens)
    elif not isinstance(tags, list):
        fault, text = BAD_TAGS, f"{tags!r:.60}"
    elif len(tags) != len(tokens):
        fault, text = BAD_LENGTH, f"{len(tags)} tags, {len(tokens)} tokens"
    if fault is not None:
        sentence.problems.append(Problem(line, fault, f"{where}{text}"))
        tags = ["!"] * len(tokens)
    for i, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        word = token if is_usable(token) else None
        if word is None:
            sentence.fail(line, None, NO_TOKEN, f"{where}token {i}: {token!r}")
        elif fault is not None:
            sentence.add(line, word, UNREADABLE)
        else:
            _add(sentence, line, word, tag, labels, where)
    return sentence


def _find_tags(value: Dict[str, object]) -> object:
    return next((value[key] for key in TAGS if value.get(key) is not None), None)


def _add(
    sentence: Sentence,
    line: int,
    word: str,
    tag: object,
    labels: Sequence[str],
    where: str,
) -> None:
    if tag is None or (type(tag) is int and tag == _IGNORED):
        sentence.add(line, word, MISSING)
        return
    if type(tag) is int:
        if not labels:
            raise UnreadableError(
                f"line {line}: its tags are numbers. Say what they stand for, from 0: "
                "--labels O,B-PER,I-PER,…, or --labels FILE with one on each line. In "
                'Python, dataset.features["ner_tags"].feature.names has them'
            )
        if not 0 <= tag < len(labels):
            sentence.fail(line, word, BAD_NUMBER, f"{where}{word} {tag}")
            return
        tag = labels[tag]
    parsed = parse_tag(tag) if isinstance(tag, str) else None
    if parsed is None:
        sentence.fail(line, word, UNKNOWN_TAG, f"{where}{word} {tag}")
    else:
        sentence.add(line, word, parsed)


def parse_labels(text: str) -> List[str]:
    """Read the names of tags.

    text (str): Names separated by commas or line ends.
    RETURNS (List[str]): The names.
    RAISES (ValueError): If one is no tag.
    """
    separator = "\n" if "\n" in text.strip() else ","
    names = [name.strip() for name in text.strip().split(separator)]
    for number, name in enumerate(names):
        if not name or parse_tag(name) is None:
            raise ValueError(
                f"--labels: {name!r}, which would be number {number}, is no tag "
                "such as O, B-PER or I-PER"
            )
    return names
