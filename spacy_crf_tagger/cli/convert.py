"""`spacy crf convert`: annotated text to training data."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Iterator, List, Optional, Sequence, Union

import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..data.docbin import TooManyTokensError, write_docs
from ..data.formats import Format
from ..data.read_hf import parse_labels
from ..data.readers import Options, find_files, read_file
from ..data.reading import MAX_KEPT, Log
from ..data.saving import check_file
from ..data.source import Source, UnreadableError
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
    input_paths: Annotated[
        List[Path],
        typer.Argument(metavar="INPUT", help="Files or folders to convert"),
    ],
    output_path: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="The .spacy file to write")
    ],
    file_format: Annotated[
        Format, typer.Option("--format", "-f", help="Format of the input")
    ] = Format.auto,
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language, whose tokenizer splits texts")
    ] = "en",
    n_sents: Annotated[
        int,
        typer.Option(
            "--n-sents",
            "-n",
            min=0,
            help="Sentences in a document; 0 for whole documents (conll, hf)",
        ),
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
            "not annotated, or without entities (jsonl, doccano)",
        ),
    ] = NoSpans.missing,
    labels: Annotated[
        Optional[str],
        typer.Option(
            "--labels",
            help="What numbers of tags stand for, from 0: names separated by commas, "
            "or a file with one on each line (hf)",
        ),
    ] = None,
    annotator: Annotated[
        Optional[str],
        typer.Option(
            "--annotator",
            help="Name, address or number of the one whose annotation is used; by "
            "default what all agree on (label-studio)",
        ),
    ] = None,
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
    columns of tokens and tags (IOB1, IOB2, BILUO, BIOES or BMES), sentences of
    word|tag, exports of Doccano and Label Studio, datasets of Hugging Face as JSON
    lines, folders of brat, and JSON of spaCy 2. Of a folder all files that end as these
    do are read, by their names. What cannot be read is reported, and the tokens
    concerned are written with missing annotation, so that nothing false is learnt from
    them: so is an entity beside a tag that cannot be read, because nobody knows where
    it ends. A text without
    "spans" counts as not annotated, see --no-spans; an empty list means no entities.
    Invisible characters around tags and labels are dropped; labels that differ only in
    case or in what is invisible are reported.
    """
    convert(
        input_paths,
        output_path,
        file_format=file_format,
        lang=lang,
        n_sents=n_sents,
        label_column=label_column,
        no_spans=no_spans,
        labels=labels,
        annotator=annotator,
        md5=md5,
        strict=strict,
    )


def convert(
    input_paths: Union[Path, Sequence[Path]],
    output_path: Path,
    *,
    file_format: Format = Format.auto,
    lang: str = "en",
    n_sents: int = 1,
    label_column: int = -1,
    no_spans: NoSpans = NoSpans.missing,
    labels: Optional[str] = None,
    annotator: Optional[str] = None,
    md5: Optional[str] = None,
    strict: bool = False,
) -> None:
    """Convert annotated text into the binary format for training, and print what it
    holds and what is wrong with it.

    input_paths (Union[Path, Sequence[Path]]): The files or folders to convert.
    output_path (Path): The `.spacy` file to write.
    file_format (Format): The format of the input.
    lang (str): The language, whose tokenizer splits texts.
    n_sents (int): Sentences in a document, of tokens with tags; 0 for all of one.
    label_column (int): The column of the tag, from 0, or from -1 backwards.
    no_spans (NoSpans): What a text without `"spans"` is.
    labels (Optional[str]): What numbers of tags stand for: names separated by commas,
        or the path of a file with one on each line.
    annotator (Optional[str]): The name, address or number of the one whose annotation
        is used. By default it is what all agree on.
    md5 (Optional[str]): The checksum that the input must have.
    strict (bool): Whether to write nothing if there is any problem.
    """
    if output_path.suffix != _OUTPUT_SUFFIX:
        msg.fail(f"Output file must end with {_OUTPUT_SUFFIX}", output_path, exits=1)
    if label_column == 0:
        msg.fail("The first column, 0, is the token: it holds no tags", exits=1)
    paths = [input_paths] if isinstance(input_paths, Path) else list(input_paths)
    options = Options(
        n_sents=n_sents,
        label_column=label_column,
        no_spans_is_outside=no_spans is NoSpans.outside,
        labels=_read_labels(labels),
        annotator=annotator,
    )
    nlp = blank_pipeline(lang)
    log = Log()
    try:
        files = find_files(paths, log)
        with explained(_CANT_WRITE, OSError):
            check_file(output_path, inputs=[*paths, *files])
        if md5 is not None and (len(files) > 1 or files[0].is_dir()):
            msg.fail("--md5 is of one file, but there are several", exits=1)
        reading = _Reading(files, file_format, nlp, log, options, md5)

        def check() -> None:
            report_log(log, paths[0])
            _check_content(reading, log, strict=strict)

        with explained(_CANT_WRITE, OSError):
            write_docs(reading.docs(), output_path, check)
    except (UnreadableError, TooManyTokensError) as error:
        path = getattr(error, "path", None) or ", ".join(map(str, paths))
        msg.fail(f"Can't convert {path}: {error}", exits=1)
    report_content(reading.content)
    _report_end(reading, ", ".join(map(str, paths)), output_path)


class _Reading:
    """Reads files one after another, and counts what is in them."""

    def __init__(
        self,
        files: Sequence[Path],
        file_format: Format,
        nlp: Language,
        log: Log,
        options: Options,
        md5: Optional[str],
    ) -> None:
        self.content = Content()
        self.formats: List[str] = []
        self.without_entities: List[Path] = []
        self._files = files
        self._format = file_format
        self._nlp = nlp
        self._log = log
        self._options = options
        self._md5 = md5
        self._source: Optional[Source] = None

    def docs(self) -> Iterator[Doc]:
        """Read all, and show how far it is.

        YIELDS (Doc): The documents.
        """
        sizes = [path.stat().st_size for path in self._files if path.is_file()]
        total = sum(sizes)
        with tqdm(total=total, unit="B", unit_scale=True, disable=None) as progress:
            for path in self._files:
                self._log.path = path if len(self._files) > 1 else None
                n_entities = self.content.n_entities
                before = progress.n
                for doc in self._read(path):
                    self.content.add(doc)
                    if self.content.n_docs % _DOCS_PER_UPDATE == 0 and self._source:
                        position = before + self._source.position
                        progress.update(position - progress.n)
                    yield doc
                if self.content.n_entities == n_entities:
                    self.without_entities.append(path)
        self._log.path = None

    def _read(self, path: Path) -> Iterator[Doc]:
        def watch(found: Format, source: Optional[Source]) -> None:
            self._source = source
            if source is not None:
                _check_md5(source, self._md5)
            if found.value not in self.formats:
                self.formats.append(found.value)

        return read_file(
            path, self._format, self._nlp, self._log, self._options, watch=watch
        )


def _read_labels(labels: Optional[str]) -> List[str]:
    if labels is None:
        return []
    with explained("Can't use --labels", OSError, ValueError):
        path = Path(labels)
        is_path = "," not in labels and path.is_file()
        return parse_labels(path.read_text("utf-8-sig") if is_path else labels)


def _check_md5(source: Source, md5: Optional[str]) -> None:
    if md5 is not None:
        actual = source.md5()
        if md5.strip().lower() != actual:
            msg.fail(f"The MD5 of {source.path} is not {md5} but {actual}", exits=1)


def _check_content(reading: _Reading, log: Log, *, strict: bool) -> None:
    """End the command if there is nothing to learn, or if --strict forbids it."""
    if not reading.content.is_annotated:
        formats = ", ".join(reading.formats)
        msg.fail(f"No annotation found, read as {formats}", exits=1)
    if strict and log.problems:
        msg.fail("Nothing written because of the problems above (--strict)", exits=1)
    if strict and not reading.content.n_entities:
        msg.fail("Nothing written because there is no entity (--strict)", exits=1)


def _report_end(reading: _Reading, inputs: str, output_path: Path) -> None:
    if not reading.content.n_entities:
        msg.warn(f"Converted {inputs} to {output_path}, but it has no entity")
        return
    if reading.without_entities:
        names = ", ".join(map(str, reading.without_entities[:MAX_KEPT]))
        more = len(reading.without_entities) - MAX_KEPT
        msg.warn(f"No entity in {names}" + (f" and {more} more" if more > 0 else ""))
    msg.good(f"Converted {inputs} to {output_path}")
