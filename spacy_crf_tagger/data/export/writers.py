"""Write documents in whatever format."""

from enum import Enum
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, NamedTuple, Optional

from spacy.tokens import Doc

from ..saving import check_file, check_folder, replacing_file, replacing_folder
from . import brat, columns, json_lines, label_studio
from .annotation import EMPTY, Annotated, Holds, Losses, annotation_of


class ExportFormat(str, Enum):
    """The formats that can be written."""

    prodigy = "prodigy"
    doccano = "doccano"
    label_studio = "label-studio"
    conll = "conll"
    brat = "brat"


class _Writer(NamedTuple):
    holds: Holds
    pieces: Callable[[Iterable[Annotated], Losses], Iterator[str]]


_WRITERS: Dict[ExportFormat, _Writer] = {
    ExportFormat.prodigy: _Writer(
        json_lines.PRODIGY_HOLDS, lambda docs, _: json_lines.prodigy_lines(docs)
    ),
    ExportFormat.doccano: _Writer(
        json_lines.DOCCANO_HOLDS, lambda docs, _: json_lines.doccano_lines(docs)
    ),
    ExportFormat.label_studio: _Writer(
        label_studio.HOLDS, lambda docs, _: label_studio.label_studio_pieces(docs)
    ),
    ExportFormat.conll: _Writer(columns.HOLDS, columns.column_lines),
}


def check_export(
    path: Path, export_format: ExportFormat, inputs: Iterable[Path]
) -> None:
    """Check that an export can be written, before it takes work to get there.

    path (Path): The file, or the folder for brat.
    export_format (ExportFormat): The format.
    inputs (Iterable[Path]): What is read, and must not be overwritten.
    RAISES (OSError): If it cannot.
    """
    if export_format is ExportFormat.brat:
        check_folder(path, brat.ENDINGS, inputs)
    else:
        check_file(path, inputs)


def write_export(
    docs: Iterable[Doc],
    path: Path,
    export_format: ExportFormat,
    losses: Losses,
    *,
    spans_key: Optional[str] = None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write documents in a format, or leave what is there if that fails.

    docs (Iterable[Doc]): The documents, which are not kept in memory.
    path (Path): The file, or the folder for brat.
    export_format (ExportFormat): The format.
    losses (Losses): Where to count what the format cannot hold.
    spans_key (Optional[str]): The span group to write; the entities if None.
    check (Callable[[], None]): What to do when all has been written and nothing been
        replaced. It may raise.
    RAISES (OSError): If it cannot be written.
    """
    if export_format is ExportFormat.brat:
        documents = _collect(docs, brat.HOLDS, losses, spans_key)
        with replacing_folder(path, brat.ENDINGS) as folder:
            brat.write_brat(documents, folder, losses)
            check()
        return
    writer = _WRITERS[export_format]
    documents = _collect(docs, writer.holds, losses, spans_key)
    with replacing_file(path) as temporary:
        # Line ends of a text are its own.
        with temporary.open("w", encoding="utf8", newline="") as file:
            file.writelines(writer.pieces(documents, losses))
        check()


def _collect(
    docs: Iterable[Doc], holds: Holds, losses: Losses, spans_key: Optional[str]
) -> Iterator[Annotated]:
    for doc in docs:
        if doc.text:
            yield annotation_of(doc, holds, losses, spans_key)
        else:
            losses.add(EMPTY)
