"""Open files of whatever format, and read them one after another."""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc

from .formats import (
    SUFFIXES,
    Format,
    detect_format,
    find_other_format,
)
from .parquet import is_parquet
from .read_brat import ANNOTATION, is_brat, read_brat, visible_files
from .read_conll import read_conll
from .read_conllu_plus import read_conllu_plus
from .read_doccano import read_doccano
from .read_hf import read_hf
from .read_jsonl import read_jsonl
from .read_label_studio import read_label_studio
from .read_spacy import is_spacy, read_spacy
from .read_spacy_json import read_spacy_json
from .read_span_table import read_span_table
from .read_webanno import read_webanno
from .reading import Log, Problem
from .source import Source, UnreadableError, open_source
from .span_table import TABLES, find_texts, is_span_table

PASSED_OVER = "file in a folder that is passed over"

# JSON tells what it is by its first values, which may be long.
_HEAD = 1 << 20
_JSON_SUFFIX = ".json"


@dataclass(frozen=True)
class Options:
    """What a user can say about files.

    n_sents (int): Sentences in a document, of tokens with tags; 0 for all.
    label_column (int): The column of the tag, from 0, or from -1 backwards.
    no_spans_is_outside (bool): Whether a text without a list of spans has no entities.
    labels (Sequence[str]): The tags that numbers from 0 stand for.
    annotator (Optional[str]): Whose annotation is used.
    retokenize (bool): Whether to split texts of spaCy's documents anew.
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    """

    n_sents: int = 1
    label_column: int = -1
    no_spans_is_outside: bool = False
    labels: Sequence[str] = ()
    annotator: Optional[str] = None
    retokenize: bool = False
    spans_key: Optional[str] = None


def find_files(paths: Sequence[Path], log: Log) -> List[Path]:
    """Find what is to be read, in folders by their names.

    paths (Sequence[Path]): Files and folders.
    log (Log): Where to report files in folders that seem to hold no annotation.
    RETURNS (List[Path]): The files, and the folders of brat.
    RAISES (UnreadableError): If a folder has nothing to read.
    """
    suffixes = {*SUFFIXES, _JSON_SUFFIX}
    found: List[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        if is_brat(path):
            found.append(path)
            inside = visible_files(path)
            _pass_over([each for each in inside if each.suffix in suffixes], log)
            continue
        inside = [each for each in sorted(path.iterdir()) if each.name[0] != "."]
        tables = [each for each in inside if _is_span_table(each)]
        if tables:
            texts = find_texts(tables[0])
            others = [x for x in inside if x not in (*tables, *texts)]
            _pass_over(others, log)
            found.extend(tables)
            continue
        known = [each for each in inside if each.suffix.lower() in suffixes]
        if not known:
            names = ", ".join([*sorted(suffixes), ANNOTATION])
            error = UnreadableError(f"this folder has no file that ends in {names}")
            raise error.of(path)
        _pass_over([each for each in inside if each not in known], log)
        found.extend(known)
    return found


def _is_span_table(path: Path) -> bool:
    if path.suffix.lower() not in TABLES or not path.is_file():
        return False
    with open_source(path) as source:
        head = source.head(_HEAD).decode("utf-8-sig", "replace")
    return is_span_table(head.lstrip().split("\n", 1)[0].rstrip("\r"))


def _pass_over(paths: Sequence[Path], log: Log) -> None:
    for path in paths:
        log.path = path
        log.report(Problem(1, PASSED_OVER, f"{path.name!r}: name it to read it"))
    log.path = None


def read_file(
    path: Path,
    file_format: Format,
    nlp: Language,
    log: Log,
    options: Options,
    *,
    watch: Callable[[Format, Optional[Source]], None] = lambda *_: None,
) -> Iterator[Doc]:
    """Read a file, or a folder of brat.

    path (Path): Where it is.
    file_format (Format): The format, or `auto` to find it out.
    nlp (Language): The pipeline whose tokenizer splits texts.
    log (Log): Where to report what could not be read.
    options (Options): What the user says about it.
    watch (Callable[[Format, Optional[Source]], None]): Is told the format, and the open
        file if it is no folder.
    YIELDS (Doc): The documents.
    RAISES (UnreadableError): If it cannot be read.
    """
    try:
        if path.is_dir() or file_format is Format.brat:
            if not path.is_dir() or file_format not in (Format.auto, Format.brat):
                raise UnreadableError(
                    "the files of brat are in a folder: name that, and not a file of it"
                    if file_format is Format.brat
                    else "this is a folder of brat: leave --format out"
                )
            watch(Format.brat, None)
            yield from read_brat(path, nlp, log, spans_key=options.spans_key)
            return
        with open_source(path) as source:
            found = _find_format(source, file_format)
            watch(found, source)
            yield from _read(source, found, nlp, log, options)
    except UnreadableError as error:
        raise error.of(path) from error


def _read(
    source: Source, file_format: Format, nlp: Language, log: Log, options: Options
) -> Iterator[Doc]:
    is_outside, key = options.no_spans_is_outside, options.spans_key
    if file_format is Format.jsonl:
        return read_jsonl(
            source.lines, nlp, log, no_spans_is_outside=is_outside, spans_key=key
        )
    if file_format is Format.doccano:
        return read_doccano(
            source, nlp, log, no_spans_is_outside=is_outside, spans_key=key
        )
    if file_format is Format.csv:
        return read_span_table(
            source, nlp, log, no_spans_is_outside=is_outside, spans_key=key
        )
    if file_format is Format.label_studio:
        return read_label_studio(
            source, nlp, log, annotator=options.annotator, spans_key=key
        )
    if file_format is Format.spacy_json:
        return read_spacy_json(source, nlp, log, spans_key=key)
    if file_format is Format.webanno:
        return read_webanno(source, nlp, log, spans_key=key)
    if file_format is Format.spacy:
        return read_spacy(source, nlp, log, retokenize=options.retokenize)
    n_sents = options.n_sents
    if file_format is Format.hf:
        return read_hf(source, nlp.vocab, log, labels=options.labels, n_sents=n_sents)
    column = options.label_column
    read = read_conllu_plus if file_format is Format.conllu_plus else read_conll
    return read(source.lines, nlp.vocab, log, n_sents=n_sents, label_column=column)


def _find_format(source: Source, file_format: Format) -> Format:
    """RETURNS (Format): The format that the user wants, or that the file seems to have.
    RAISES (UnreadableError): If the file has none of those that can be read.
    """
    binary = _find_binary(source)
    if binary is not None and file_format in (Format.auto, binary):
        return binary
    source.check_is_text()
    # The last character may be cut.
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    head = decoder.decode(source.head(_HEAD))
    found = (
        detect_format(source.path, head) if file_format is Format.auto else file_format
    )
    is_unsure = found in (Format.jsonl, Format.conll)
    other = find_other_format(source.path, head) if is_unsure else None
    if other is not None:
        raise UnreadableError(other)
    return found


def _find_binary(source: Source) -> Optional[Format]:
    """RETURNS (Optional[Format]): The format of a file that is no text, if any."""
    if is_parquet(source):
        return Format.hf
    return Format.spacy if is_spacy(source.head()) else None
