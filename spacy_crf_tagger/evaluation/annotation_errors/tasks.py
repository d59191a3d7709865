"""A finding with its context, as somebody is to look at it."""

from typing import Any, Dict, List, NamedTuple, Tuple

from spacy.tokens import Doc

from ...data.export.annotation import Annotated, LabelledSpan
from ...data.export.json_lines import prodigy_task
from ...data.export.label_studio import label_studio_task
from .findings import KINDS, EntitySpan, Finding

# Tokens before and behind a finding, where there are no sentences, or longer ones than
# the second number.
_CONTEXT, _LONGEST = 30, 200
_MODEL = "find-errors"
_DIGITS = 4


class Task(NamedTuple):
    """A finding and the text around it.

    finding (Finding): The finding.
    start (int): The first token of the context in the document.
    words (Tuple[str, ...]): The tokens of the context.
    spaces (Tuple[bool, ...]): Whether a blank follows each.
    entities (Tuple[EntitySpan, ...]): The annotated entities of the context, counted
        from the document's first token.
    """

    finding: Finding
    start: int
    words: Tuple[str, ...]
    spaces: Tuple[bool, ...]
    entities: Tuple[EntitySpan, ...]

    @property
    def corrected(self) -> List[EntitySpan]:
        """RETURNS (List[EntitySpan]): The entities of the context as suggested."""
        kept = [
            span for span in self.entities if span not in self.finding.change.annotated
        ]
        return sorted([*kept, *self.finding.change.suggested])

    def text_of(self, start: int, end: int) -> str:
        """RETURNS (str): The text of tokens of the context, counted from the document's
        first token, without whitespace around it.
        """
        return self.text_with_ws(start, end).strip()

    def text_with_ws(self, start: int, end: int) -> str:
        """RETURNS (str): The same, with the whitespace around it."""
        pairs = list(zip(self.words, self.spaces, strict=True))
        own = pairs[start - self.start : end - self.start]
        return "".join(word + " " * space for word, space in own)


def task_of(doc: Doc, finding: Finding) -> Task:
    """Take the context of a finding from its document: the sentences that it is in, if
    there are any that somebody would read, or else some tokens. No entity is cut.

    doc (Doc): The document.
    finding (Finding): The finding.
    RETURNS (Task): Both.
    """
    start = max(finding.start - _CONTEXT, 0)
    end = min(finding.end + _CONTEXT, len(doc))
    if doc.has_annotation("SENT_START"):
        first, last = doc[finding.start].sent.start, doc[finding.end - 1].sent.end
        if last - first <= max(_LONGEST, finding.end - finding.start):
            start, end = first, last
    for ent in doc.ents:
        if ent.start < end and ent.end > start:
            start, end = min(start, ent.start), max(end, ent.end)
    for span in finding.change.suggested:
        start, end = min(start, span.start), max(end, span.end)
    context = doc[start:end]
    return Task(
        finding,
        start,
        tuple(token.text for token in context),
        tuple(bool(token.whitespace_) for token in context),
        tuple(
            EntitySpan(ent.start, ent.end, ent.label_)
            for ent in doc.ents
            if ent.start >= start and ent.end <= end
        ),
    )


def to_prodigy(task: Task, group: int, vocab_doc: Doc) -> Dict[str, Any]:
    """Make a task of Prodigy, whose spans are what is suggested: to accept it is to
    accept the suggestion.

    task (Task): The finding and its context.
    group (int): The number of its group.
    vocab_doc (Doc): Any document, for its vocabulary.
    RETURNS (Dict[str, Any]): The task. `finding` is what `--apply` needs of it.
    """
    record = prodigy_task(_annotated(task, vocab_doc))
    return {**record, "meta": describe(task, group), "finding": _reference(task)}


def to_label_studio(
    number: int, task: Task, group: int, vocab_doc: Doc
) -> Dict[str, Any]:
    """Make a task of Label Studio, whose prediction is what is suggested.

    number (int): The number of the task.
    task (Task): The finding and its context.
    group (int): The number of its group.
    vocab_doc (Doc): Any document, for its vocabulary.
    RETURNS (Dict[str, Any]): The task. `finding` is what `--apply` needs of it.
    """
    record = label_studio_task(number, _annotated(task, vocab_doc))
    record["data"] |= {**describe(task, group), "finding": _reference(task)}
    for prediction in record["predictions"]:
        prediction["score"] = round(task.finding.score, _DIGITS)
    return record


def describe(task: Task, group: int) -> Dict[str, Any]:
    """Say in a few words what is probably wrong.

    task (Task): The finding and its context.
    group (int): The number of its group.
    RETURNS (Dict[str, Any]): What to show beside the text.
    """
    finding = task.finding
    return {
        "score": finding.score,
        "evidence": finding.evidence,
        "log_odds": finding.log_odds,
        "usage": finding.usage,
        "kind": finding.change.kind,
        "what": KINDS[finding.change.kind],
        "annotated": quote(task, finding.change.annotated),
        "suggested": quote(task, finding.change.suggested),
        "probability": finding.probability,
        "suggested_probability": finding.suggested_probability,
        "group": group,
        "doc": finding.doc,
        "tokens": [finding.start, finding.end],
    }


def quote(task: Task, spans: Tuple[EntitySpan, ...]) -> str:
    """RETURNS (str): The texts of spans, with their labels."""
    return ", ".join(f"{task.text_of(s.start, s.end)} ({s.label})" for s in spans)


def _reference(task: Task) -> Dict[str, Any]:
    return {
        "doc": task.finding.doc,
        "start": task.start,
        "end": task.start + len(task.words),
        "tokens": [task.finding.start, task.finding.end],
        "entities": [list(span) for span in task.entities],
    }


def _annotated(task: Task, vocab_doc: Doc) -> Annotated:
    doc = Doc(vocab_doc.vocab, words=list(task.words), spaces=list(task.spaces))
    spans = []
    for span in task.corrected:
        own = doc[span.start - task.start : span.end - task.start]
        is_new = span in task.finding.change.suggested
        score = task.finding.suggested_probability if is_new else None
        spans.append(
            LabelledSpan(
                own.start, own.end, own.start_char, own.end_char, span.label, score
            )
        )
    return Annotated(doc, spans, set(), _MODEL)
