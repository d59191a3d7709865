"""Read what reviewers decided about findings, and correct the corpus accordingly."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from spacy.tokens import Doc, Span

from .findings import EntitySpan

_ACCEPT, _REJECT = "accept", "reject"
_OTHERS = (_REJECT, "ignore")
_BEGIN = "B"


class Decision(NamedTuple):
    """How the entities of a context should be.

    place (str): Where it stands, for messages.
    doc (int): The number of the document, from 0.
    start (int): The first token of the context.
    end (int): The token after its last.
    finding (Tuple[int, ...]): The first token of the finding, and the one after its
        last.
    text (str): The text of the context.
    before (Tuple[EntitySpan, ...]): The entities that were in it.
    spans (Tuple[Tuple[int, int, str], ...]): First character, the one after the last,
        and label of those that should be in it, counted from its first character.
    """

    place: str
    doc: int
    start: int
    end: int
    finding: Tuple[int, ...]
    text: str
    before: Tuple[EntitySpan, ...]
    spans: Tuple[Tuple[int, int, str], ...]


class Decisions(NamedTuple):
    """What is in a file of decisions.

    accepted (List[Decision]): What is to be changed, or was confirmed as it is.
    n_left (int): How many findings were rejected, ignored, or not looked at.
    """

    accepted: List[Decision]
    n_left: int


def read_decisions(path: Path) -> Decisions:
    """Read the findings that somebody has looked at: lines of JSON as the page of
    findings and Prodigy write them, or an export of Label Studio as JSON.

    path (Path): The file.
    RETURNS (Decisions): The decisions.
    RAISES (ValueError): If something in it is no finding, with its line, or two
        decisions about the same finding differ.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error.reason}.") from error
    accepted: List[Decision] = []
    kept: List[Decision] = []
    n_left = 0
    if text.lstrip().startswith("["):
        for number, task in enumerate(_parse(text, f"{path}"), start=1):
            place = f"{path}, task {number}"
            spans = _label_studio_spans(task, place)
            if spans is None:
                n_left += 1
            else:
                accepted.append(_decision(task["data"], spans, place))
        _require_agreement(accepted, kept)
        return Decisions(accepted, n_left)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        record = _parse(line, place)
        if not isinstance(record, dict):
            raise ValueError(f"{place} is no finding of `find-errors`.")
        answer = record.get("answer")
        if answer == _ACCEPT:
            accepted.append(_decision(record, record.get("spans"), place))
        elif answer is None or answer in _OTHERS:
            n_left += 1
            if answer == _REJECT:
                kept.append(_decision(record, [], place))
        else:
            raise ValueError(
                f"{place}: the answer {answer!r} is none of accept, reject and ignore."
            )
    _require_agreement(accepted, kept)
    return Decisions(accepted, n_left)


class Corrector:
    """Corrects documents.

    decisions (Iterable[Decision]): What was decided.
    """

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._by_doc: Dict[int, List[Decision]] = {}
        for decision in decisions:
            self._by_doc.setdefault(decision.doc, []).append(decision)
        self.n_removed = self.n_added = self.n_docs = 0

    def correct(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        """Correct the documents of the corpus that the findings are about.

        docs (Iterable[Doc]): The documents, which are changed.
        YIELDS (Doc): The same.
        RAISES (ValueError): If a decision is about another corpus, or two contradict
            each other.
        """
        n_docs = 0
        for number, doc in enumerate(docs):
            n_docs += 1
            if number in self._by_doc:
                self._correct(doc, self._by_doc[number])
            yield doc
        beyond = [each for n in self._by_doc if n >= n_docs for each in self._by_doc[n]]
        if beyond:
            raise ValueError(
                f"{beyond[0].place} is about document {beyond[0].doc}, but the corpus "
                f"has {n_docs}, numbered from 0. Name the corpus that the findings are "
                "of."
            )

    def _correct(self, doc: Doc, decisions: List[Decision]) -> None:
        removed: Set[EntitySpan] = set()
        added: Set[EntitySpan] = set()
        for decision in decisions:
            before, after = _entities(doc, decision)
            removed |= before - after
            added |= after - before
        kept = [ent for ent in doc.ents if _key(ent) not in removed]
        new = [Span(doc, *span) for span in sorted(added)]
        _require_apart([*kept, *new], decisions)
        taken = {i for ent in (*kept, *new) for i in range(ent.start, ent.end)}
        missing = [doc[t.i : t.i + 1] for t in doc if not t.ent_iob]
        blocked = [
            doc[t.i : t.i + 1] for t in doc if t.ent_iob_ == _BEGIN and not t.ent_type
        ]
        doc.set_ents(
            [*kept, *new],
            missing=[span for span in missing if span.start not in taken],
            blocked=[span for span in blocked if span.start not in taken],
            default="outside",
        )
        self.n_removed += len(removed)
        self.n_added += len(added)
        self.n_docs += bool(removed or added)


def _entities(doc: Doc, decision: Decision) -> Tuple[Set[EntitySpan], Set[EntitySpan]]:
    """RETURNS (Tuple[Set[EntitySpan], Set[EntitySpan]]): The entities of the context
    before and after.
    """
    start, end = decision.start, decision.end
    context = doc[start:end] if 0 <= start < end <= len(doc) else None
    inside = {_key(e) for e in doc.ents if e.start >= start and e.end <= end}
    # A task of Prodigy has the blank that follows its last token.
    if context is None or context.text.rstrip() != decision.text.rstrip():
        raise ValueError(
            f"{decision.place} is not about document {decision.doc} of this corpus, "
            "which has another text. Name the corpus that the findings are of."
        )
    if inside != set(decision.before):
        raise ValueError(
            f"{decision.place}: document {decision.doc} has other entities than when "
            "the finding was made. Name the corpus that the findings are of, as it was."
        )
    after = set()
    for first, last, label in decision.spans:
        shift = context.start_char
        span = doc.char_span(first + shift, last + shift, label)
        if span is None or span.start < start or span.end > end:
            raise ValueError(
                f"{decision.place}: the span from character {first} to {last} does not "
                "begin and end with tokens of the document. Move it to their borders."
            )
        after.add(_key(span))
    return inside, after


def _require_agreement(accepted: List[Decision], kept: List[Decision]) -> None:
    """Refuse two answers to the same question."""
    answers: Dict[Tuple[int, ...], Tuple[object, str]] = {}
    decided: List[Tuple[Decision, Optional[Set[Tuple[int, int, str]]]]] = [
        *((each, set(each.spans)) for each in accepted),
        *((each, None) for each in kept),
    ]
    for decision, answer in decided:
        key = (decision.doc, decision.start, decision.end, *decision.finding)
        before, place = answers.setdefault(key, (answer, decision.place))
        if before != answer:
            raise ValueError(
                f"{place} and {decision.place} decide otherwise about the same "
                "finding. Leave one of them out."
            )


def _require_apart(spans: List[Span], decisions: List[Decision]) -> None:
    spans = sorted(spans, key=lambda span: (span.start, span.end))
    for first, second in pairwise(spans):
        if second.start < first.end:
            places = ", ".join(each.place for each in decisions)
            raise ValueError(
                f"{first.text!r} ({first.label_}) and {second.text!r} "
                f"({second.label_}) overlap after the decisions about document "
                f"{decisions[0].doc} ({places}). Accept only one of them."
            )


def _key(span: Span) -> EntitySpan:
    return EntitySpan(span.start, span.end, span.label_)


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{place} is no JSON: {error}") from error


def _label_studio_spans(task: Any, place: str) -> Any:
    """RETURNS (Any): The spans of the first annotation that was not cancelled, or None
    if there is none.
    """
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        raise ValueError(f"{place} is no task of Label Studio.")
    try:
        for annotation in task.get("annotations") or []:
            if not annotation.get("was_cancelled"):
                values = [each.get("value") or {} for each in annotation["result"]]
                return [
                    {**value, "label": value["labels"][0]}
                    for value in values
                    if value.get("labels")
                ]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{place} has annotations that are none of Label Studio "
            f"({type(error).__name__}: {error})."
        ) from error
    return None


def _decision(record: Any, spans: Any, place: str) -> Decision:
    try:
        finding, text = record["finding"], record["text"]
        before = tuple(
            EntitySpan(int(start), int(end), str(label))
            for start, end, label in finding["entities"]
        )
        after = tuple(
            (int(span["start"]), int(span["end"]), str(span["label"])) for span in spans
        )
        numbers = (int(finding[key]) for key in ("doc", "start", "end"))
        doc, start, end = numbers
        tokens = tuple(int(number) for number in finding["tokens"])
        if doc < 0 or not all(label for _, _, label in after):
            raise ValueError("a negative document or an empty label")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{place} is no finding of `find-errors` with the spans that should be "
            f"there ({type(error).__name__}: {error})."
        ) from error
    return Decision(place, doc, start, end, tokens, str(text), before, after)
