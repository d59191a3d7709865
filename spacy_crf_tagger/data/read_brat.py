"""Read folders of brat: a text and its annotation in two files, in standoff format."""

import re
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc

from .reading import Log, Problem
from .source import UnreadableError, open_source
from .texts import BAD_TEXT, Marks, is_usable

DISCONTINUOUS = "discontinuous span"
BAD_LINE = "line that is no annotation of brat"
BAD_FILE = "file that cannot be read"
NO_TEXT_FILE = "annotation without its text file"
NO_ANN_FILE = "Read texts without an .ann file as not annotated"

TEXT, ANNOTATION = ".txt", ".ann"
_SPAN = re.compile(r"T[^\t]*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")
# Relations, events, attributes, modifications, normalisations, notes, equivalences.
_OTHER = re.compile(r"([REAMN#]\S*|\*)\t")


def is_brat(folder: Path) -> bool:
    """Find out whether a folder is a collection of brat.

    folder (Path): The folder.
    RETURNS (bool): Whether it has an `.ann` file, or a folder in it has one.
    """
    return any(path.suffix == ANNOTATION for path in visible_files(folder))


def visible_files(folder: Path) -> List[Path]:
    """List the files of a folder, and of the folders in it.

    folder (Path): The folder.
    RETURNS (List[Path]): The files, by their names, without what is hidden.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def read_brat(
    folder: Path, nlp: Language, log: Log, *, spans_key: Optional[str] = None
) -> Iterator[Doc]:
    """Read the `.txt` files of a folder, and of the folders in it, by their names. The
    annotation of each is in the `.ann` file beside it, of which text-bound annotations
    (T) are read. A text without such a file is not annotated.

    folder (Path): The folder.
    nlp (Language): The pipeline whose tokenizer is used.
    log (Log): Where to report what could not be read; its tokens are missing.
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    YIELDS (Doc): The documents, one for each text that can be read.
    """
    files = [x for x in visible_files(folder) if x.suffix in (TEXT, ANNOTATION)]
    for path in sorted({each.with_suffix("") for each in files}):
        # Names may have dots.
        text_path = path.with_name(path.name + TEXT)
        annotation_path = path.with_name(path.name + ANNOTATION)
        log.path = text_path
        if not text_path.exists():
            log.path = annotation_path
            log.lose(Problem(1, NO_TEXT_FILE, f"{text_path.name} is not there"))
            continue
        try:
            # Offsets count characters, line ends as they are.
            text = text_path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            log.lose(Problem(1, BAD_FILE, str(error)))
            continue
        if not is_usable(text):
            log.lose(Problem(1, BAD_TEXT, repr(text)))
            continue
        doc = nlp.tokenizer(text)
        marks = Marks(text, 1, log, spans_key=spans_key)
        if annotation_path.exists():
            log.path = annotation_path
            _read_annotation(annotation_path, text, marks)
        else:
            log.note(NO_ANN_FILE, 1)
            marks.leave_open()
        yield marks.apply(doc)
    log.path = folder


def _read_annotation(path: Path, text: str, marks: Marks) -> None:
    try:
        with open_source(path) as source:
            for number, line in source.lines():
                if line.strip() and not _OTHER.match(line):
                    _read_line(number, line, text, marks)
    except UnreadableError as error:
        marks.doubt(BAD_FILE, str(error))


def _read_line(number: int, line: str, text: str, marks: Marks) -> None:
    match = _SPAN.fullmatch(line)
    if match is None:
        marks.doubt(BAD_LINE, repr(line), line=number)
        return
    label, offsets, covered = match.groups()
    fragments = _join(offsets, text)
    if len(fragments) > 1:
        marks.doubt(DISCONTINUOUS, repr(line), *fragments[0], line=number)
        for fragment in fragments[1:]:
            marks.leave_open(*fragment)
        return
    [(start, end)] = fragments
    marks.add(start, end, label, line, covered=covered, line=number)


def _join(offsets: str, text: str) -> List[Tuple[int, int]]:
    """RETURNS (List[Tuple[int, int]]): The fragments of a span. Those that only
    whitespace separates are one: brat cuts spans at line ends.
    """
    fragments: List[Tuple[int, int]] = []
    for pair in sorted(tuple(map(int, x.split())) for x in offsets.split(";")):
        start, end = pair
        if fragments and not text[fragments[-1][1] : start].strip():
            start = fragments.pop()[0]
        fragments.append((start, end))
    return fragments
