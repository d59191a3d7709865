"""Count the entities of a part of the data, and find those that cannot be learned."""

from collections import Counter
from typing import Any, Dict, Iterable, Optional

from spacy.attrs import ENT_IOB
from spacy.tokens import Doc, Span

from .corpus_reading import Located
from .findings import Places, place_in_text, place_of_text
from .text_index import TextIndex, text_key


class EntityCounts:
    """What is known of the entities of a part of the data. It grows with the forms of
    entities and, by some bytes each, with the documents.
    """

    def __init__(self, part: str, window: Optional[int] = None) -> None:
        """Start with no document.

        part (str): The name of the part.
        window (Optional[int]): The most tokens that the network sees at once.
        """
        self.part = part
        self.window = window
        self.n_docs = 0
        self.n_tokens = 0
        self.n_missing_tokens = 0
        self.n_docs_without_annotation = 0
        self.n_docs_without_entities = 0
        self.labels: Counter[str] = Counter()
        self.docs_by_label: Counter[str] = Counter()
        # How often each form has each label.
        self.forms: Dict[str, Counter[str]] = {}
        self.texts = TextIndex()
        self.left_out = Places()
        self.misaligned = Places()
        self.whitespace = Places()
        self.crossing = Places()
        self.long = Places()
        self.negated = Places()
        self.repeated = Places()
        self.contradicting = Places()
        self.shared = Places()
        self.shared_differently = 0

    @property
    def n_entities(self) -> int:
        """RETURNS (int): The number of entities."""
        return sum(self.labels.values())

    def add(self, located: Located, others: Optional[TextIndex] = None) -> None:
        """Count a document.

        located (Located): The document.
        others (Optional[TextIndex]): The texts of the part that it must not be in.
        """
        doc, file, number = located.reference, located.file, located.number
        text = doc.text  # which spaCy puts together each time
        if located.example is None:
            note = f"{len(doc)} tokens"
            self.left_out.add(place_of_text(text, note, file, number))
            return
        self.n_docs += 1
        self.n_tokens += len(doc)
        self.n_missing_tokens += int((doc.to_array([ENT_IOB]) == 0).sum())
        ents = doc.ents
        if not doc.has_annotation("ENT_IOB"):
            self.n_docs_without_annotation += 1
        elif not ents:
            self.n_docs_without_entities += 1
        self.docs_by_label.update({ent.label_ for ent in ents})
        for ent in ents:
            self._add_entity(ent, text, located.example.predicted, file, number)
        if located.whole is doc:
            self._add_text(text, ents, file, number, others)
        elif located.whole is not None:
            self._add_text(located.whole.text, located.whole.ents, file, number, others)

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The counts in plain values."""
        return {
            "n_docs": self.n_docs,
            "n_tokens": self.n_tokens,
            "n_missing_tokens": self.n_missing_tokens,
            "n_docs_without_annotation": self.n_docs_without_annotation,
            "n_docs_without_entities": self.n_docs_without_entities,
            "n_entities": self.n_entities,
            "n_forms": len(self.forms),
            "labels": dict(self.labels.most_common()),
            "docs_by_label": dict(self.docs_by_label.most_common()),
        }

    def _add_entity(
        self, ent: Span, text: str, tokens: Doc, file: str, number: int
    ) -> None:
        start, end, label = ent.start_char, ent.end_char, ent.label_
        surface = text[start:end]
        self.labels[label] += 1
        form = " ".join(surface.split())
        self.forms.setdefault(form, Counter())[label] += 1
        wrong = []
        if surface != surface.strip():
            wrong.append(self.whitespace)
        elif tokens.char_span(start, end) is None:
            wrong.append(self.misaligned)
        if any(token.is_sent_start for token in ent[1:]):
            wrong.append(self.crossing)
        if self.window is not None and len(ent) > self.window:
            wrong.append(self.long)
        if label.startswith("!"):
            wrong.append(self.negated)
        for places in wrong:
            places.add(place_in_text(text, start, end, label, file, number))

    def _add_text(
        self,
        text: str,
        ents: Iterable[Span],
        file: str,
        number: int,
        others: Optional[TextIndex],
    ) -> None:
        if not text.strip():
            return
        key = text_key(text, ents)
        own = self.texts.find(key)
        if own is None:
            self.texts.add(key, file, number)
        else:
            places = self.repeated if own.same_entities else self.contradicting
            note = f"as {own.file}, document {own.number}"
            places.add(place_of_text(text, note, file, number))
        found = others.find(key) if others is not None else None
        if found is not None:
            note = f"as {found.file}, document {found.number}"
            self.shared.add(place_of_text(text, note, file, number))
            self.shared_differently += not found.same_entities
