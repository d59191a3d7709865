"""Write folders for brat: each text and its annotation in two files."""

from pathlib import Path
from typing import Iterable, Iterator, List, Set, Tuple

from ..read_brat import ANNOTATION, TEXT
from .annotation import (
    RESPELT_LABELS,
    Annotated,
    Holds,
    LabelledSpan,
    Losses,
    respell,
)

HOLDS = Holds()
CONFIGURATION = "annotation.conf"
ENDINGS = (TEXT, ANNOTATION, ".conf")
_N_DIGITS = 6  # so that the order of names is that of the documents
_OTHER_SECTIONS = ("relations", "events", "attributes")


def write_brat(documents: Iterable[Annotated], folder: Path, losses: Losses) -> None:
    """Write `000001.txt`, `000001.ann` and so on, and `annotation.conf` with the
    labels, without which brat shows no annotation. What nobody has annotated has no
    `.ann` file.

    documents (Iterable[Annotated]): The documents.
    folder (Path): Where to write them: an empty folder.
    losses (Losses): Where to count what brat cannot hold.
    RAISES (OSError): If the disk is full.
    """
    labels: Set[str] = set()
    for number, document in enumerate(documents, start=1):
        name = f"{number:0{_N_DIGITS}}"
        # Offsets count characters, line ends as they are.
        (folder / f"{name}{TEXT}").write_bytes(document.doc.text.encode("utf8"))
        if document.is_annotated:
            lines = "".join(_lines(document, labels, losses))
            (folder / f"{name}{ANNOTATION}").write_bytes(lines.encode("utf8"))
    sections = ["[entities]", *sorted(labels)]
    for section in _OTHER_SECTIONS:
        sections += ["", f"[{section}]"]
    (folder / CONFIGURATION).write_text("\n".join([*sections, ""]), "utf8")


def _lines(document: Annotated, labels: Set[str], losses: Losses) -> Iterator[str]:
    text = document.doc.text
    for number, span in enumerate(document.spans, start=1):
        label = respell(span.label)
        losses.add(RESPELT_LABELS, int(label != span.label))
        labels.add(label)
        fragments = _fragments(span, text)
        offsets = ";".join(f"{start} {end}" for start, end in fragments)
        covered = " ".join(text[start:end] for start, end in fragments)
        yield f"T{number}\t{label} {offsets}\t{' '.join(covered.split())}\n"


def _fragments(span: LabelledSpan, text: str) -> List[Tuple[int, int]]:
    """RETURNS (List[Tuple[int, int]]): The parts of a span: brat wants one for each
    line, without the whitespace at their ends.
    """
    fragments: List[Tuple[int, int]] = []
    position = span.start_char
    for line in text[span.start_char : span.end_char].split("\n"):
        start = position + len(line) - len(line.lstrip())
        end = position + len(line.rstrip())
        if start < end:
            fragments.append((start, end))
        position += len(line) + 1
    return fragments or [(span.start_char, span.end_char)]
