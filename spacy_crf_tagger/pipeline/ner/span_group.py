"""The span group with scores that `crf_ner` writes."""

import struct
from typing import Any, Iterator, Optional, Sequence

import numpy as np
import srsly
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, SpanGroup

# How spaCy packs a span: id, kb_id and label; first token and token after the last;
# first character and character after the last.
_PACKED = struct.Struct(">QQQllll")


class Scores(np.ndarray[Any, np.dtype[np.float32]]):
    """An array whose single numbers are Python's: they print as such."""

    def __getitem__(self, key: Any) -> Any:
        """RETURNS (Any): A number as a float, or some of the scores as an array."""
        found = super().__getitem__(key)
        return float(found) if isinstance(found, np.floating) else found

    def __iter__(self) -> Iterator[Any]:
        """YIELDS (float): The scores."""
        return iter(self.tolist())


class ScoredSpanGroup(SpanGroup):
    """Spans with scores that follow their tokens. spaCy's retokenizer, by which
    `merge_entities` works for one, moves tokens and leaves span groups as they are: a
    group of spaCy's own class then breaks whatever reads it, `Doc.to_bytes` included.
    Spans whose border is no longer one between tokens are dropped, with their scores.
    """

    def __init__(
        self, doc: Doc, *, name: str, spans: Sequence[Span], scores: NDArray[np.float32]
    ) -> None:
        """Create the group.

        doc (Doc): The document.
        name (str): The name of the group.
        spans (Sequence[Span]): Its spans.
        scores (NDArray[float32]): The score of each, found under `attrs["scores"]`.
        """
        attrs = {"scores": scores.view(Scores)}
        super().__init__(doc, name=name, attrs=attrs, spans=spans)
        self._n_tokens = len(doc)

    def __len__(self) -> int:
        """RETURNS (int): The number of spans."""
        self._follow_tokens()
        return super().__len__()

    def __getitem__(self, i: int) -> Span:
        """RETURNS (Span): A copy of the span of a number."""
        self._follow_tokens()
        return super().__getitem__(i)

    def __iter__(self) -> Iterator[Span]:
        """YIELDS (Span): The spans."""
        self._follow_tokens()
        return map(super().__getitem__, range(super().__len__()))

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The group as spaCy saves it, and loads as a `SpanGroup`."""
        self._follow_tokens()
        return super().to_bytes()

    def copy(self, doc: Optional[Doc] = None) -> "ScoredSpanGroup":
        """Copy the group.

        doc (Optional[Doc]): Another document of the same tokens; this one if None.
        RETURNS (ScoredSpanGroup): The copy.
        """
        self._follow_tokens()
        copied = super().copy(doc)
        group = ScoredSpanGroup(
            copied.doc,
            name=self.name,
            spans=list(copied),
            scores=np.asarray(self.attrs.get("scores", ()), dtype=np.float32),
        )
        group.attrs = copied.attrs
        return group

    def _follow_tokens(self) -> None:
        """Find the tokens of each span again if tokens were merged or split."""
        doc = self.doc
        if len(doc) == self._n_tokens:
            return
        self._n_tokens = len(doc)
        packed = srsly.msgpack_loads(super().to_bytes())["spans"]
        spans, kept = [], []
        for number, fields in enumerate(map(_PACKED.unpack, packed)):
            span_id, kb_id, label, _, _, start, end = fields
            span = doc.char_span(start, end, label, kb_id, span_id=span_id)
            if span is not None:
                spans.append(span)
                kept.append(number)
        attrs, scores = self.attrs, self.attrs.get("scores")
        if isinstance(scores, np.ndarray) and len(scores) == len(packed):
            attrs = {**attrs, "scores": scores[np.array(kept, dtype=np.int64)]}
        # There is no other way to set all spans of a group.
        self.from_bytes(SpanGroup(doc, name=self.name, spans=spans).to_bytes())
        self.attrs = attrs
