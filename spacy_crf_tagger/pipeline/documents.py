"""Group documents into batches, and name the document that an error is about."""

from contextlib import contextmanager
from typing import Iterator, List, Sequence

from spacy.tokens import Doc

from ..crf.inference import ImpossibleSequenceError

_MOST_TEXT = 80  # characters of a document that an error message shows


def group_by_tokens(docs: Sequence[Doc], max_tokens: int) -> Iterator[List[Doc]]:
    """Group documents in their order.

    docs (Sequence[Doc]): The documents.
    max_tokens (int): Most tokens of a group, unless it is a single document.
    YIELDS (List[Doc]): The groups.
    """
    group: List[Doc] = []
    n_tokens = 0
    for doc in docs:
        if group and n_tokens + len(doc) > max_tokens:
            yield group
            group, n_tokens = [], 0
        group.append(doc)
        n_tokens += len(doc)
    if group:
        yield group


@contextmanager
def naming_document(docs: Sequence[Doc], advice: str) -> Iterator[None]:
    """Say which document it is that has no possible analysis.

    docs (Sequence[Doc]): The documents of the lattices that are asked in the context.
    advice (str): Where to look for the contradiction.
    """
    try:
        yield
    except ImpossibleSequenceError as error:
        text = docs[error.sequence].text
        start = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
        raise ValueError(
            f"there is no way to tag document {error.sequence} of the batch, "
            f"{start!r}: what is set or annotated there contradicts itself. {advice}"
        ) from error
