"""`spacy crf convert`: annotated text to training data."""

import codecs
from enum import Enum
from pathlib import Path
from typing import Annotated, Iterable, Iterator, Optional

import typer
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..data.docbin import TooManyTokensError, write_docs
from ..data.formats import Format, detect_format, find_other_format
from ..data.read_conll import read_conll
from ..data.read_jsonl import read_jsonl
from ..data.reading import Log
from ..data.saving import check_file
from ..data.source import Source, UnreadableError, open_source
from .errors import explained
from .loading import blank_pipeline
from .report import Content, report_content, report_log

_CANT_WRITE = "Can't write the output file"
_OUTPUT_SUFFIX = ".spacy"
_DOCS_PER_UPDATE = 100


class NoSpans(str, Enum):
    """What a text is that has no list of spans."""

    missing = "missing"
    outside = "outside"


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
    no_spans: Annotated[
        NoSpans,
        typer.Option(
            "--no-spans",
            help='What a text without "spans" is, unless it has the answer "accept": '
            "not annotated, or without entities (jsonl)",
        ),
    ] = NoSpans.missing,
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
    columns of tokens and tags (IOB1, IOB2, BILUO, BIOES or BMES), or sentences of
    word|tag. What cannot be read is reported, and the tokens concerned are written with
    missing annotation, so that nothing false is learnt from them: so is an entity
    beside a tag that cannot be read, because nobody knows where it ends. A text without
    "spans" counts as not annotated, see --no-spans; an empty list means no entities.
    Invisible characters around tags and labels are dropped; labels that differ only in
    case or in what is invisible are reported.
    """
    convert(
        input_path,
        output_path,
        file_format=file_format,
        lang=lang,
        n_sents=n_sents,
        label_column=label_column,
        no_spans=no_spans,
        md5=md5,
        strict=strict,
    )


def convert(
    input_path: Path,
    output_path: Path,
    *,
    file_format: Format = Format.auto,
    lang: str = "en",
    n_sents: int = 1,
    label_column: int = -1,
    no_spans: NoSpans = NoSpans.missing,
    md5: Optional[str] = None,
    strict: bool = False,
) -> None:
    """Convert annotated text into the binary format for training, and print what it
    holds and what is wrong with it.

    input_path (Path): The file to convert.
    output_path (Path): The `.spacy` file to write.
    file_format (Format): The format of the input.
    lang (str): The language, whose tokenizer splits JSON lines.
    n_sents (int): Sentences in a document, of columns of tokens and tags.
    label_column (int): The column of the tag, from 0, or from -1 backwards.
    no_spans (NoSpans): What a text without `"spans"` is.
    md5 (Optional[str]): The checksum that the input must have.
    strict (bool): Whether to write nothing if there is any problem.
    """
    if output_path.suffix != _OUTPUT_SUFFIX:
        msg.fail(f"Output file must end with {_OUTPUT_SUFFIX}", output_path, exits=1)
    if label_column == 0:
        msg.fail("The first column, 0, is the token: it holds no tags", exits=1)
    with explained(_CANT_WRITE, OSError):
        check_file(output_path, inputs=[input_path])
    nlp = blank_pipeline(lang)
    log, content = Log(), Content()
    try:
        with open_source(input_path) as source:
            _check_md5(source, md5)
            file_format = _find_format(source, file_format)
            if file_format is Format.jsonl:
                docs = read_jsonl(
                    source.lines,
                    nlp,
                    log,
                    no_spans_is_outside=no_spans is NoSpans.outside,
                )
            else:
                docs = read_conll(
                    source.lines,
                    nlp.vocab,
                    log,
                    n_sents=n_sents,
                    label_column=label_column,
                )

            def check() -> None:
                report_log(log, input_path)
                _check_content(content, log, file_format, strict=strict)

            with explained(_CANT_WRITE, OSError):
                write_docs(_watch(docs, content, source), output_path, check)
    except (UnreadableError, TooManyTokensError) as error:
        msg.fail(f"Can't convert {input_path}: {error}", exits=1)
    report_content(content)
    if content.n_entities:
        msg.good(f"Converted {input_path} to {output_path}")
    else:
        msg.warn(f"Converted {input_path} to {output_path}, but it has no entity")


def _check_md5(source: Source, md5: Optional[str]) -> None:
    if md5 is not None:
        actual = source.md5()
        if md5.strip().lower() != actual:
            msg.fail(f"The MD5 of {source.path} is not {md5} but {actual}", exits=1)


def _find_format(source: Source, file_format: Format) -> Format:
    """RETURNS (Format): The format that the user wants, or that the file seems to have.
    RAISES (UnreadableError): If the file has none of those that can be read.
    """
    source.check_is_text()
    # The last character may be cut.
    head = codecs.getincrementaldecoder("utf-8-sig")("replace").decode(source.head())
    other = find_other_format(source.path, head)
    if other is not None:
        raise UnreadableError(other)
    if file_format is Format.auto:
        return detect_format(source.path, head)
    return file_format


def _watch(docs: Iterable[Doc], content: Content, source: Source) -> Iterator[Doc]:
    """Count documents while they pass by, and show how far it is."""
    with tqdm(total=source.size, unit="B", unit_scale=True, disable=None) as progress:
        for doc in docs:
            content.add(doc)
            if content.n_docs % _DOCS_PER_UPDATE == 0:
                progress.update(source.position - progress.n)
            yield doc
        progress.update(source.position - progress.n)


def _check_content(
    content: Content, log: Log, file_format: Format, *, strict: bool
) -> None:
    """End the command if there is nothing to learn, or if --strict forbids it."""
    if not content.is_annotated:
        msg.fail(f"No annotation found, read as {file_format.value}", exits=1)
    if strict and log.problems:
        msg.fail("Nothing written because of the problems above (--strict)", exits=1)
    if strict and not content.n_entities:
        msg.fail("Nothing written because there is no entity (--strict)", exits=1)
