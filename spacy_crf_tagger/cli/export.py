"""`spacy crf export`: documents of spaCy to the formats of annotation tools."""

from pathlib import Path
from typing import Annotated, Iterator, Optional

import typer
from spacy.tokens import Doc
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

from ..data.export.annotation import Losses
from ..data.export.writers import ExportFormat, check_export, write_export
from ..data.read_spacy import find_spacy_files, read_docs
from .content import Content
from .errors import explained
from .loading import reading_files

_CANT_WRITE = "Can't write the output"


def export_cli(
    docs_path: Annotated[
        Path,
        typer.Argument(metavar="DOCS", help="The .spacy file, or a folder of them"),
    ],
    export_format: Annotated[
        ExportFormat, typer.Argument(metavar="FORMAT", help="Format of the output")
    ],
    output_path: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The file to write, or the folder (brat)"),
    ],
    spans_key: Annotated[
        Optional[str],
        typer.Option(
            "--spans-key",
            "-k",
            help="Write the spans of this group, doc.spans[KEY], and not the entities",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Write nothing if the format cannot hold everything"
        ),
    ] = False,
) -> None:
    """Write documents of spaCy in the format of an annotation tool: prodigy, doccano,
    label-studio, conll (columns of tokens and tags) or brat (a folder).

    What the format cannot hold is counted and printed. Where documents carry the
    probabilities of crf_ner, entities keep them (prodigy, label-studio), and Label
    Studio gets predictions to correct instead of annotation. Example:

    python -m spacy crf export dev.spacy doccano dev.jsonl
    """
    export(docs_path, export_format, output_path, spans_key=spans_key, strict=strict)


def export(
    docs_path: Path,
    export_format: ExportFormat,
    output_path: Path,
    *,
    spans_key: Optional[str] = None,
    strict: bool = False,
) -> None:
    """Write documents in the format of an annotation tool, and print what it cannot
    hold.

    docs_path (Path): The `.spacy` file, or a folder of them.
    export_format (ExportFormat): The format of the output.
    output_path (Path): The file to write, or the folder for brat.
    spans_key (Optional[str]): The span group to write; the entities if None.
    strict (bool): Whether to write nothing if something would be lost.
    """
    losses, content = Losses(), Content()

    def check() -> None:
        report_losses(losses, export_format)
        if not content.n_docs:
            msg.fail(f"No document in {docs_path}", exits=1)
        _check_spans_key(content, spans_key)
        if strict and losses.counts:
            msg.fail("Nothing written because of what is lost (--strict)", exits=1)

    with reading_files(docs_path):
        paths = find_spacy_files(docs_path)
        with explained(_CANT_WRITE, OSError):
            check_export(output_path, export_format, [docs_path, *paths])
            docs = _read_all(paths, content)
            write_export(
                docs,
                output_path,
                export_format,
                losses,
                spans_key=spans_key,
                check=check,
            )
    n_spans = content.n_entities if spans_key is None else content.n_grouped[spans_key]
    msg.good(
        f"Exported to {output_path} (documents: {content.n_docs}, spans: {n_spans})"
    )


def _read_all(paths: list[Path], content: Content) -> Iterator[Doc]:
    sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
    vocab = Vocab()
    with tqdm(total=sum(sizes), unit="B", unit_scale=True, disable=None) as progress:
        for path, size in zip(paths, sizes, strict=True):
            for doc in read_docs(path, vocab):
                content.add(doc)
                yield doc
            progress.update(size)


def report_losses(losses: Losses, export_format: ExportFormat) -> None:
    """Print what a format cannot hold.

    losses (Losses): What was lost.
    export_format (ExportFormat): The format.
    """
    if not losses.counts:
        return
    msg.warn(f"The format {export_format.value} cannot hold")
    for kind, count in losses.counts.most_common():
        msg.row([f"- {kind}: {count} (in documents: {losses.n_docs[kind]})"])


def _check_spans_key(content: Content, spans_key: Optional[str]) -> None:
    """End the command if no document has the group that is to be written."""
    if spans_key is not None and spans_key not in content.n_grouped:
        there = ", ".join(content.n_grouped) or "none"
        msg.fail(
            f"No document has spans in doc.spans[{spans_key!r}] (--spans-key)",
            f"Groups that are there: {there}",
            exits=1,
        )
