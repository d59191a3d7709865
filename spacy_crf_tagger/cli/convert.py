"""`spacy crf convert`: annotated text to training data."""

from enum import Enum
from pathlib import Path
from typing import Annotated, List, Optional, Sequence, Union

import typer
from wasabi import msg

from ..data.docbin import TooManyTokensError
from ..data.formats import Format
from ..data.read_hf import parse_labels
from ..data.readers import Options, find_files
from ..data.reading import Log
from ..data.source import UnreadableError
from .content import report_content, report_log, report_parts
from .conversion import Reading
from .errors import explained
from .loading import blank_pipeline
from .outputs import plan_output

_CANT_WRITE = "Can't write the output file"


class Overlaps(str, Enum):
    """What becomes of spans that overlap."""

    longest = "longest"
    spans = "spans"


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
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="The .spacy file to write, or the folder (--split, --shard-size)",
        ),
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
            help="Sentences in a document; 0 for whole documents (conll, conllu-plus, "
            "hf)",
        ),
    ] = 1,
    label_column: Annotated[
        int,
        typer.Option(
            "--label-column",
            help="Column of the tag, from 0, or backwards from -1 (conll, conllu-plus)",
        ),
    ] = -1,
    no_spans: Annotated[
        NoSpans,
        typer.Option(
            "--no-spans",
            help='What a text without "spans" is, unless it has the answer "accept": '
            "not annotated, or without entities (jsonl, doccano, csv)",
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
    overlaps: Annotated[
        Overlaps,
        typer.Option(
            "--overlaps",
            help="Where spans overlap: keep the longest as entity, or put all spans "
            "into a span group as well",
        ),
    ] = Overlaps.longest,
    spans_key: Annotated[
        str,
        typer.Option("--spans-key", "-k", help="The span group (--overlaps spans)"),
    ] = "sc",
    retokenize: Annotated[
        bool,
        typer.Option(
            "--retokenize", help="Split texts anew by the tokenizer of --lang (spacy)"
        ),
    ] = False,
    split: Annotated[
        Optional[str],
        typer.Option(
            "--split",
            help="Divide documents into train, dev and test, such as 0.8,0.1,0.1",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", help="Of the random numbers (--split)")
    ] = 0,
    shard_size: Annotated[
        Optional[int],
        typer.Option(
            "--shard-size",
            min=1,
            help="Write files of so many documents at most into a folder",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Write nothing if there is any problem"),
    ] = False,
) -> None:
    """Convert annotated text into the binary format for training.

    Reads JSON lines as Prodigy exports them ("text", "spans" in characters, "answer"),
    columns of tokens and tags (IOB1, IOB2, BILUO, BIOES or BMES), sentences of
    word|tag, exports of Doccano, Label Studio and INCEpTION, datasets of Hugging Face
    as JSON lines or Parquet, folders of brat, tables of spans beside texts, CoNLL-U
    Plus, JSON of spaCy 2, and .spacy files. Of a folder all files that end as these do
    are read, by their names. What cannot be read is reported, and the tokens
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
        spans_key=spans_key if overlaps is Overlaps.spans else None,
        retokenize=retokenize,
        split=split,
        seed=seed,
        shard_size=shard_size,
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
    spans_key: Optional[str] = None,
    retokenize: bool = False,
    split: Optional[str] = None,
    seed: int = 0,
    shard_size: Optional[int] = None,
    strict: bool = False,
) -> None:
    """Convert annotated text into the binary format for training, and print what it
    holds and what is wrong with it.

    input_paths (Union[Path, Sequence[Path]]): The files or folders to convert.
    output_path (Path): The `.spacy` file to write, or the folder for several.
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
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    retokenize (bool): Whether to split texts of `.spacy` files anew.
    split (Optional[str]): How large train, dev and test are to be.
    seed (int): Of the random numbers for that.
    shard_size (Optional[int]): The most documents that a file is to have.
    strict (bool): Whether to write nothing if there is any problem.
    """
    output = plan_output(output_path, split, seed, shard_size)
    if label_column == 0:
        msg.fail("The first column, 0, is the token: it holds no tags", exits=1)
    paths = [input_paths] if isinstance(input_paths, Path) else list(input_paths)
    options = Options(
        n_sents=n_sents,
        label_column=label_column,
        no_spans_is_outside=no_spans is NoSpans.outside,
        labels=_read_labels(labels),
        annotator=annotator,
        retokenize=retokenize,
        spans_key=spans_key,
    )
    nlp = blank_pipeline(lang)
    log = Log()
    try:
        files = find_files(paths, log)
        with explained(_CANT_WRITE, OSError):
            output.check([*paths, *files])
        if md5 is not None and (len(files) > 1 or files[0].is_dir()):
            msg.fail("--md5 is of one file, but there are several", exits=1)
        reading = Reading(files, file_format, nlp, log, options, md5)

        def check() -> None:
            report_log(log, paths[0])
            _check_content(reading, log, strict=strict)
            output.check_parts()

        with explained(_CANT_WRITE, OSError):
            output.write(reading.docs(), check, nlp.memory_zone)
    except (UnreadableError, TooManyTokensError) as error:
        path = getattr(error, "path", None) or ", ".join(map(str, paths))
        msg.fail(f"Can't convert {path}: {error}", exits=1)
    report_content(reading.content)
    report_parts(output.parts)
    _report_end(reading, ", ".join(map(str, paths)), output_path)


def _read_labels(labels: Optional[str]) -> List[str]:
    if labels is None:
        return []
    with explained("Can't use --labels", OSError, ValueError):
        path = Path(labels)
        is_path = "," not in labels and path.is_file()
        return parse_labels(path.read_text("utf-8-sig") if is_path else labels)


def _check_content(reading: Reading, log: Log, *, strict: bool) -> None:
    """End the command if there is nothing to learn, or if --strict forbids it."""
    if not reading.content.is_annotated:
        formats = ", ".join(reading.formats)
        msg.fail(f"No annotation found, read as {formats}", exits=1)
    if strict and log.problems:
        msg.fail("Nothing written because of the problems above (--strict)", exits=1)
    if strict and not reading.content.n_entities:
        msg.fail("Nothing written because there is no entity (--strict)", exits=1)


def _report_end(reading: Reading, inputs: str, output_path: Path) -> None:
    if not reading.content.n_entities:
        msg.warn(f"Converted {inputs} to {output_path}, but it has no entity")
        return
    reading.report_missing()
    msg.good(f"Converted {inputs} to {output_path}")
