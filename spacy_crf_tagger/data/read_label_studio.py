"""Read texts with labelled spans as Label Studio exports them."""

from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span

from .label_studio import Annotation, Task, read_tasks
from .reading import Log, Problem
from .source import Source
from .texts import BAD_TEXT, Marks, is_usable

MARKUP = "span of a page or dialogue, whose offsets count no characters of the text"
BAD_ANNOTATION = "annotation that cannot be read"
NO_ANNOTATOR = "nobody has this name or number (--annotator)"
NOT_ANNOTATED = "Read tasks without annotation as not annotated"
NOT_BY = "Read tasks that the annotator has not done as not annotated"
DISAGREEMENT = "Left out what annotators disagree on (see --annotator)"

_TEXT = "text"
_MOST_NAMES = 20


class _Choice(NamedTuple):
    """A text that a task holds, and its key."""

    key: str
    text: str


def read_label_studio(
    source: Source,
    nlp: Language,
    log: Log,
    *,
    annotator: Optional[str] = None,
    spans_key: Optional[str] = None,
) -> Iterator[Doc]:
    """Read an export as JSON or JSON-MIN. What has been cancelled, and predictions, are
    no annotation. Where several people annotated a text, entities are the spans that
    all of them have, and tokens that they disagree on are missing.

    source (Source): The file: an array of tasks, or one task a line.
    nlp (Language): The pipeline whose tokenizer is used.
    log (Log): Where to report what could not be read; its tokens are missing.
    annotator (Optional[str]): The number, name or address of the one whose annotation
        is used.
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    YIELDS (Doc): The documents, one for each task whose text can be read.
    RAISES (UnreadableError): If the file cannot be read.
    """
    names: Dict[str, None] = {}  # in their order
    is_known = False
    key: Optional[str] = None
    for task in read_tasks(source, log):
        annotations = task.annotations
        if annotator is not None:
            names.update(dict.fromkeys(n for each in annotations for n in each.names))
            wanted = annotator.strip().casefold()
            annotations = [each for each in annotations if wanted in each.names]
            is_known = is_known or bool(annotations)
        choice = _choose_text(task, key)
        if choice is None:
            keys = ", ".join(k for k, v in task.data.items() if isinstance(v, str))
            hint = f"; call the right one of these text: {keys}" if keys else ""
            log.lose(Problem(task.line, BAD_TEXT, f"{task.name}{hint}"))
            continue
        key = choice.key
        if not annotations:
            is_other = bool(task.annotations)
            log.note(NOT_BY if is_other else NOT_ANNOTATED, task.line)
        docs = [
            _read_annotation(each, choice.text, task, nlp, log, spans_key)
            for each in annotations
        ]
        doc = nlp.tokenizer(choice.text)
        if spans_key is not None:
            _group_agreed(doc, docs, spans_key)
        if not _set_agreed(doc, docs) and len(docs) > 1:
            log.note(DISAGREEMENT, task.line)
        yield doc
    if annotator is not None and names and not is_known:
        listed = ", ".join(list(names)[:_MOST_NAMES])
        log.report(Problem(1, NO_ANNOTATOR, f"{annotator!r}; there are {listed}"))


def _read_annotation(
    annotation: Annotation,
    text: str,
    task: Task,
    nlp: Language,
    log: Log,
    spans_key: Optional[str],
) -> Doc:
    doc = nlp.tokenizer(text)
    marks = Marks(doc.text, task.line, log, task.name, spans_key=spans_key)
    for culprit in annotation.unreadable:
        marks.doubt(BAD_ANNOTATION, culprit)
    for culprit in annotation.of_markup:
        marks.doubt(MARKUP, culprit)
    for region in annotation.regions:
        for label in region.labels:
            marks.add(
                region.start, region.end, label, region.raw, covered=region.covered
            )
    return marks.apply(doc)


def _group_agreed(doc: Doc, docs: Sequence[Doc], spans_key: str) -> None:
    """Put the spans that are in a group of all others into that of a document."""
    found = [
        {(s.start, s.end, s.label_) for s in each.spans[spans_key]} for each in docs
    ]
    agreed = sorted(set.intersection(*found)) if found else []
    doc.spans[spans_key] = [Span(doc, *key) for key in agreed]


def _set_agreed(doc: Doc, docs: Sequence[Doc]) -> bool:
    """Set the entities of a document to those that are in all of others. Tokens that
    are not outside in all the others are missing.

    RETURNS (bool): Whether they all agree.
    """
    spans: Set[Tuple[int, int, str]] = set()
    outside: Set[int] = set()
    if docs:
        found = [{(e.start, e.end, e.label_) for e in each.ents} for each in docs]
        spans = set.intersection(*found)
        iobs = [[token.ent_iob_ for token in each] for each in docs]
        outside = {i for i in range(len(doc)) if all(iob[i] == "O" for iob in iobs)}
    agreed = [Span(doc, start, end, label=label) for start, end, label in spans]
    covered = {i for start, end, _ in spans for i in range(start, end)}
    open_ones = [i for i in range(len(doc)) if i not in covered and i not in outside]
    missing = [doc[i : i + 1] for i in open_ones]
    doc.set_ents(agreed, missing=missing, default="outside")
    unknown = {i for each in docs for i, t in enumerate(each) if not t.ent_iob}
    return set(open_ones) <= unknown


def _choose_text(task: Task, known: Optional[str]) -> Optional[_Choice]:
    """RETURNS (Optional[_Choice]): The text of a task: `text`, or the only one, or the
    only one in which all spans cover what they say they do, or that of an earlier task.
    """
    texts = {key: value for key, value in task.data.items() if is_usable(value)}
    keys: List[str] = list(texts)
    if _TEXT in task.data:
        keys = [_TEXT] if _TEXT in texts else []
    if len(keys) > 1:
        fitting = [key for key in keys if task.fits(texts[key])]
        keys = fitting if len(fitting) == 1 else [key for key in keys if key == known]
    return _Choice(keys[0], texts[keys[0]]) if len(keys) == 1 else None
