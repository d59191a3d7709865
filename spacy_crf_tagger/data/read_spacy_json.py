"""Read the training data of spaCy 2: JSON with paragraphs, or texts with offsets."""

from itertools import chain
from typing import Any, Iterator, List, Optional

from spacy.language import Language
from spacy.tokens import Doc

from .iob import MISSING, parse_tag
from .reading import Log, Problem
from .records import Record, read_records, read_whole, starts_with_array
from .sentences import NO_TOKEN, UNKNOWN_TAG, Sentence
from .source import Source
from .tagged import read_tagged
from .texts import BAD_SPAN, BAD_TEXT, Marks, is_usable

NO_PARAGRAPHS = "neither paragraphs with sentences nor a text with entities"
NO_ENTITIES = 'Read texts without "entities" as not annotated'


def read_spacy_json(
    source: Source, nlp: Language, log: Log, *, spans_key: Optional[str] = None
) -> Iterator[Doc]:
    """Read the JSON format of spaCy 2, whose paragraphs become documents, or pairs of a
    text and a dictionary with `entities`, lists of start, end and label.

    source (Source): The file: an array, one object, or one record a line.
    nlp (Language): The pipeline whose tokenizer splits texts with offsets.
    log (Log): Where to report what could not be read; its tokens are missing.
    spans_key (Optional[str]): The span group that gets all spans of texts with offsets,
        overlapping or not.
    YIELDS (Doc): The documents.
    RAISES (UnreadableError): If the file cannot be read.
    """
    first = next(_records(source, Log()), None)
    if first is not None and _is_document(first.value):
        yield from read_tagged(
            lambda log: chain.from_iterable(
                _read_document(record, log) for record in _records(source, log)
            ),
            nlp.vocab,
            log,
            n_sents=0,
        )
        return
    for record in _records(source, log):
        doc = _read_pair(record, nlp, log, spans_key)
        if doc is not None:
            yield doc


def is_spacy_json(value: object) -> bool:
    """Find out whether something is a record of training data of spaCy 2.

    value (object): A value of JSON.
    RETURNS (bool): Whether it is a document, a text with entities, or a file of these.
    """
    return _is_document(value) or _is_pair(value) or _is_wrapper(value)


def _is_document(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("paragraphs"), list)


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], dict)
    )


def _is_wrapper(value: object) -> bool:
    """RETURNS (bool): Whether pairs are in a dictionary, as annotators write them."""
    pairs = value.get("annotations") if isinstance(value, dict) else None
    return isinstance(pairs, list) and any(map(_is_pair, pairs))


def _records(source: Source, log: Log) -> Iterator[Record]:
    # An object of many lines is no line of JSON.
    whole = None if starts_with_array(source) else read_whole(source)
    if isinstance(whole, dict) and _is_wrapper(whole):
        for i, value in enumerate(whole["annotations"], start=1):
            # Of texts that nobody annotated, some tools write null.
            if value is not None:
                yield Record(1, f"item {i}", value)
            else:
                log.lose(Problem(1, BAD_TEXT, f"item {i}: None"))
    elif whole is not None:
        yield Record(1, "", whole)
    else:
        yield from read_records(source, log)


def _read_pair(
    record: Record, nlp: Language, log: Log, spans_key: Optional[str]
) -> Optional[Doc]:
    line, name, value = record
    where = f"{name}: " if name else ""
    if not (isinstance(value, list) and len(value) == 2 and is_usable(value[0])):
        log.lose(Problem(line, NO_PARAGRAPHS, f"{where}{value!r:.60}"))
        return None
    doc = nlp.tokenizer(value[0])
    marks = Marks(doc.text, line, log, name, spans_key=spans_key)
    entities = value[1].get("entities") if isinstance(value[1], dict) else value[1]
    if entities is None:
        log.note(NO_ENTITIES, line)
        marks.leave_open()
    elif not isinstance(entities, list):
        marks.doubt(BAD_SPAN, repr(entities))
    else:
        for span in entities:
            parts = span if isinstance(span, list) else []
            start, end, label = (*parts, None, None, None)[:3]
            marks.add(start, end, label, span)
    return marks.apply(doc)


def _read_document(record: Record, log: Log) -> Iterator[Sentence]:
    """YIELDS (Sentence): The sentences of all paragraphs, each of which is a Doc."""
    line, name, value = record
    found_ones = value.get("paragraphs") if isinstance(value, dict) else None
    paragraphs = found_ones if isinstance(found_ones, list) else [value]
    for i, paragraph in enumerate(paragraphs, start=1):
        where = f"{name}, paragraph {i}" if name else f"paragraph {i}"
        found = _read_paragraph(paragraph, line, where)
        if found is None:
            culprit = f"{where}: {paragraph!r:.60}"
            log.lose(Problem(line, NO_PARAGRAPHS, culprit))
        else:
            yield from found


def _read_paragraph(
    paragraph: object, line: int, where: str
) -> Optional[List[Sentence]]:
    several = paragraph.get("sentences") if isinstance(paragraph, dict) else None
    if not isinstance(paragraph, dict) or not isinstance(several, list):
        return None
    sentences: List[Sentence] = []
    for each in several:
        tokens = each.get("tokens") if isinstance(each, dict) else None
        if not isinstance(tokens, list):
            return None
        sentence = Sentence(starts_document=not sentences)
        for token in tokens:
            _add(sentence, token, line, where)
        sentences.append(sentence)
    if not any(word for sentence in sentences for word in sentence.words):
        return None
    _set_spaces(sentences, paragraph.get("raw"))
    return sentences


def _add(sentence: Sentence, token: Any, line: int, where: str) -> None:
    word = token.get("orth") if isinstance(token, dict) else None
    if not is_usable(word):
        sentence.fail(line, None, NO_TOKEN, f"{where}: {token!r}")
        return
    text = token.get("ner")
    tag = parse_tag(text) if isinstance(text, str) else MISSING
    if tag is None or not (text is None or isinstance(text, str)):
        sentence.fail(line, word, UNKNOWN_TAG, f"{where}: {word} {text}")
    else:
        sentence.add(line, word, tag)


def _set_spaces(sentences: List[Sentence], raw: object) -> None:
    """Find out which tokens have a blank behind them. If the text has other whitespace,
    or is another one, nobody knows.
    """
    if not isinstance(raw, str):
        return
    position, spaces = 0, []
    for word in (word for sentence in sentences for word in sentence.words):
        if word is None or not raw.startswith(word, position):
            return
        position += len(word)
        spaces.append(raw[position : position + 1] == " ")
        position += spaces[-1]
    if position == len(raw):
        rest = iter(spaces)
        for sentence in sentences:
            sentence.spaces = [next(rest) for _ in sentence.words]
