"""What a pipeline has seen in training."""

from collections import Counter
from typing import Dict, Iterable, Optional, Set, Tuple

from spacy.tokens import Doc

from ...pipeline.tagger.attribute import TokenAttribute


class Forms:
    """The forms and labels of the documents that a pipeline has learned."""

    def __init__(
        self, docs: Iterable[Doc], attribute: Optional[TokenAttribute] = None
    ) -> None:
        """Read documents.

        docs (Iterable[Doc]): The documents.
        attribute (Optional[TokenAttribute]): Where the tags of tokens are; None to read
            entities.
        """
        self.labels: Counter[str] = Counter()
        self._labels_of: Dict[str, Set[str]] = {}
        for doc in docs:
            pairs = _entities(doc) if attribute is None else _tags(doc, attribute)
            for form, label in pairs:
                self.labels[label] += 1
                self._labels_of.setdefault(form, set()).add(label)

    def group_of(self, text: str, label: str) -> Tuple[int, str]:
        """Find out whether a form has been seen.

        text (str): The form.
        label (str): Its label.
        RETURNS (Tuple[int, str]): The number and name of a group.
        """
        labels = self._labels_of.get(one_line(text))
        if labels is None:
            return 2, "not seen in training"
        if label in labels:
            return 0, "seen with this label"
        return 1, "seen with other labels only"


def one_line(text: str) -> str:
    """RETURNS (str): The text without line breaks or repeated blanks."""
    return " ".join(text.split())


def _entities(doc: Doc) -> Iterable[Tuple[str, str]]:
    return ((one_line(ent.text), ent.label_) for ent in doc.ents)


def _tags(doc: Doc, attribute: TokenAttribute) -> Iterable[Tuple[str, str]]:
    strings = doc.vocab.strings
    numbers = attribute.read(doc).tolist()
    for token, number in zip(doc, numbers, strict=True):
        if number:
            yield one_line(token.text), strings[number]
