"""`spacy crf convert`: annotated text to training data."""

import hashlib
from enum import Enum
from pathlib import Path
from typing import Annotated, List, Optional

import typer
from spacy.tokens import Doc, DocBin
from wasabi import msg

from .loading import blank_pipeline
from .read_conll import read_conll
from .read_jsonl import read_jsonl
from .reading import decode, numbered_lines
from .report import report_content, report_problems

_OUTPUT_SUFFIX = ".spacy"


class Format(str, Enum):
    """The formats that can be read."""

    auto = "auto"
    jsonl = "jsonl"
    conll = "conll"


_SUFFIXES = {
    ".jsonl": Format.jsonl,
    ".ndjson": Format.jsonl,
    ".conll": Format.conll,
    ".iob": Format.conll,
    ".bio": Format.conll,
    ".tsv": Format.conll,
}


def convert_cli(
    input_path: Annotated[
        Path, typer.Argument(metavar="INPUT", help="File to convert")
    ],
    output_path: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="The .spacy file to write")
    ],
    file_format: Annotated[
        Format, typer.Option("--format", "-f", help="Format of the input")
    ] = Format.auto,
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language, whose tokenizer splits JSONL")
    ] = "en",
    n_sents: Annotated[
        int,
        typer.Option("--n-sents", "-n", min=1, help="Sentences in a document (conll)"),
    ] = 1,
    label_column: Annotated[
        int,
        typer.Option(
            "--label-column",
            help="Column of the tag, from 0, or backwards from -1 (conll)",
        ),
    ] = -1,
    md5: Annotated[
        Optional[str],
        typer.Option("--md5", help="Checksum that the input must have"),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Write nothing if there is any problem"),
    ] = False,
) -> None:
    """Convert annotated text into the binary format for training.

    Reads JSON lines as Prodigy exports them ("text", "spans" in characters, "answer"),
    or columns of tokens and tags (IOB1, IOB2, BILUO or BIOES). What cannot be read is
    reported, and the tokens concerned are written with missing annotation, so that
    nothing false is learnt from them.
    """
    if output_path.suffix != _OUTPUT_SUFFIX:
        msg.fail(f"Output file must end with {_OUTPUT_SUFFIX}", output_path, exits=1)
    if label_column == 0:
        msg.fail("The first column, 0, is the token: it holds no tags", exits=1)
    text = _read_text(input_path, md5)
    nlp = blank_pipeline(lang)
    if file_format is Format.auto:
        file_format = detect_format(input_path, text)
    if file_format is Format.jsonl:
        reading = read_jsonl(text, nlp)
    else:
        reading = read_conll(
            text, nlp.vocab, n_sents=n_sents, label_column=label_column
        )
    report_problems(reading, input_path)
    if not reading.is_annotated:
        msg.fail(f"No annotation found, read as {file_format.value}", exits=1)
    if strict and reading.problems:
        msg.fail("Nothing written because of the problems above (--strict)", exits=1)
    _write(reading.docs, output_path)
    report_content(reading.docs)
    msg.good(f"Converted {input_path} to {output_path}")


def detect_format(path: Path, text: str) -> Format:
    """Find out what a file is: by its suffix, otherwise by its first line.

    path (Path): Where the file is.
    text (str): Its content.
    RETURNS (Format): The format.
    """
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    lines = (line.strip() for _, line in numbered_lines(text))
    first = next(filter(None, lines), "")
    is_object = first.startswith("{") and first.endswith("}")
    return Format.jsonl if is_object else Format.conll


def _read_text(path: Path, md5: Optional[str]) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        msg.fail("Can't read the input file", error, exits=1)
    actual = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if md5 is not None and md5.strip().lower() != actual:
        msg.fail(f"The MD5 of {path} is not {md5} but {actual}", exits=1)
    try:
        return decode(data)
    except ValueError as error:
        msg.fail(f"Can't read {path}: {error}", exits=1)


def _write(docs: List[Doc], path: Path) -> None:
    data = DocBin(docs=docs).to_bytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        msg.fail("Can't write the output file", error, exits=1)
