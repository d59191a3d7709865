"""Read the named entities of INCEpTION and WebAnno, from WebAnno TSV 3."""

from typing import Iterator, List, NamedTuple, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc

from .reading import Log, Problem
from .source import Source, UnreadableError
from .texts import BAD_TEXT, Marks, from_utf16, is_usable
from .webanno import (
    Layer,
    Sentence,
    Value,
    group_values,
    parse_extent,
    parse_layers,
    parse_sentences,
    parse_values,
)

BAD_LINE = "line that is no token of WebAnno"
NO_LABEL = "span without a label"
NO_LAYER = "Read texts without a layer of named entities as not annotated"
SEVERAL_LAYERS = "several layers, and none of named entities"

_FORMAT = "#FORMAT=WebAnno TSV 3"
_ENTITIES = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
_FEATURE = "value"
_CUSTOM = "webanno.custom."


class _Units(NamedTuple):
    """The text of a file, and what covers it, in units of UTF-16."""

    text: str
    values: List[Tuple[int, Tuple[int, int], List[Value]]]


def is_webanno(line: str) -> bool:
    """Find out whether a file is WebAnno TSV 3.

    line (str): Its first line.
    RETURNS (bool): Whether it says so.
    """
    return line.startswith(_FORMAT)


def read_webanno(
    source: Source, nlp: Language, log: Log, *, spans_key: Optional[str] = None
) -> Iterator[Doc]:
    """Read the layer of named entities, or the only custom layer of spans, of a file.
    Other layers are left alone. The file becomes one document.

    source (Source): The file.
    nlp (Language): The pipeline whose tokenizer is used.
    log (Log): Where to report what could not be read; its tokens are missing.
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    YIELDS (Doc): The document, if it has a text.
    RAISES (UnreadableError): If the file cannot be read.
    """
    header: List[str] = []
    sentences = list(parse_sentences(source.lines(), header))
    layers = parse_layers(header)
    column = _find_column(layers)
    problems: List[Problem] = []
    units = _collect(sentences, column, problems)
    if not is_usable(units.text):
        log.lose(Problem(1, BAD_TEXT, "there is no #Text="))
        return
    doc = nlp.tokenizer(units.text)
    marks = Marks(units.text, 1, log, spans_key=spans_key)
    for problem in problems:
        marks.doubt(problem.kind, problem.text, line=problem.line)
    if column is None:
        customs = [each.name for each in layers if _is_custom(each)]
        if customs:
            marks.doubt(SEVERAL_LAYERS, ", ".join(customs))
        else:
            log.note(NO_LAYER, 1)
            marks.leave_open()
    for line, start, end, label in group_values(units.values):
        first, last = from_utf16(units.text, start), from_utf16(units.text, end)
        if label is None:
            culprit = repr(units.text[first:last])
            marks.doubt(NO_LABEL, culprit, first, last, line=line)
        else:
            marks.add(first, last, label, label, line=line)
    yield marks.apply(doc)


def _is_custom(layer: Layer) -> bool:
    return layer.kind == "SP" and layer.name.startswith(_CUSTOM)


def _find_column(layers: List[Layer]) -> Optional[int]:
    """RETURNS (Optional[int]): The column that has labels of spans, if one is known."""
    found = [each for each in layers if each.name == _ENTITIES]
    if not found:
        found = [each for each in layers if _is_custom(each) and each.features != [""]]
    if len(found) != 1:
        return None
    [layer] = found
    has_value = _FEATURE in layer.features
    return layer.column + (layer.features.index(_FEATURE) if has_value else 0)


def _collect(
    sentences: List[Sentence], column: Optional[int], problems: List[Problem]
) -> _Units:
    """Put a text together from its sentences. Between them is whitespace, of which the
    file does not say what it is.
    """
    text, length = "", 0
    values: List[Tuple[int, Tuple[int, int], List[Value]]] = []
    for sentence in sentences:
        is_placed = False
        for line, cells in sentence.units:
            extent = parse_extent(cells)
            if extent is None or (column is not None and column >= len(cells)):
                problems.append(Problem(line, BAD_LINE, repr("\t".join(cells))))
                continue
            if not is_placed:
                is_placed = True
                gap = _start_of(sentence, cells, extent[0]) - length
                if gap < 0:
                    raise UnreadableError(
                        f"line {line}: the offset {extent[0]} is within the sentence "
                        "before; export the document again"
                    )
                text += " " * gap + sentence.text
                length += gap + _utf16_length(sentence.text)
            if column is not None:
                values.append((line, extent, parse_values(cells[column])))
    return _Units(text, values)


def _start_of(sentence: Sentence, cells: List[str], first: int) -> int:
    """RETURNS (int): Where a sentence starts, of which the first token is known."""
    before = max(sentence.text.find(cells[2]), 0)
    return first - _utf16_length(sentence.text[:before])


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
