"""Annotated tags, and what else is known of the tag of a token."""

from typing import Iterable, List, NamedTuple, Optional, Sequence, Set

import numpy as np
from numpy.typing import NDArray
from spacy.strings import StringStore
from spacy.tokens import Doc
from spacy.training import Example

from ..annotation import UNKNOWN, Mask, Tags, known_mask
from .attribute import Ids, TokenAttribute


class NegatableAnnotation(NamedTuple):
    """The annotation of a batch, in which a tag may be known to be wrong.

    tags (NDArray[int]): The tag of each predicted token, `UNKNOWN` where annotation is
        missing or only a wrong tag is known, [N].
    new_labels (List[str]): Labels that the component does not have, sorted. Where there
        are any, the tags are of no use.
    allowed (Optional[NDArray[bool]]): The tags that agree with the annotation, [N, K];
        None if that is what `tags` says already.
    """

    tags: Tags
    new_labels: List[str]
    allowed: Optional[Mask]


def read_annotation(
    examples: Sequence[Example],
    attribute: TokenAttribute,
    labels: Sequence[str],
    strings: StringStore,
    neg_prefix: str,
) -> NegatableAnnotation:
    """Read the tags of reference documents, by the tokens of the predicted ones.

    examples (Sequence[Example]): The examples.
    attribute (TokenAttribute): Where the tags are.
    labels (Sequence[str]): The labels of the component.
    strings (StringStore): The strings of its vocabulary.
    neg_prefix (str): What a tag starts with that is known to be wrong.
    RETURNS (NegatableAnnotation): The annotation.
    """
    parts = [attribute.read_aligned(example) for example in examples]
    ids = np.concatenate([np.zeros(0, dtype=np.uint64), *parts])
    tags = to_tags(ids, labels, strings)
    new: Set[str] = set()
    allowed: Optional[Mask] = None
    for number in np.unique(ids[(tags == UNKNOWN) & (ids != 0)]).tolist():
        name = _name_of(number, examples)
        if name.startswith(neg_prefix):
            if allowed is None:
                allowed = known_mask(tags, len(labels))
            wrong = name[len(neg_prefix) :]
            allowed[ids == number] = [label != wrong for label in labels]
        else:
            new.add(name)
    return NegatableAnnotation(tags, sorted(new), allowed)


def _name_of(number: int, examples: Sequence[Example]) -> str:
    """RETURNS (str): The string of a number in the vocab of one of the examples."""
    for example in examples:
        try:
            return example.y.vocab.strings[number]
        except KeyError:
            continue
    raise KeyError(number)


def find_labels(
    examples: Iterable[Example], attribute: TokenAttribute, neg_prefix: str
) -> List[str]:
    """Find the tags of reference documents.

    examples (Iterable[Example]): The examples.
    attribute (TokenAttribute): Where the tags are.
    neg_prefix (str): What a tag starts with that is known to be wrong.
    RETURNS (List[str]): The tags, sorted.
    """
    found: Set[str] = set()
    for example in examples:
        strings = example.y.vocab.strings
        numbers = np.unique(attribute.read(example.y)).tolist()
        found.update(strings[number] for number in numbers if number)
    return sorted(tag for tag in found if not tag.startswith(neg_prefix))


def to_tags(ids: Ids, labels: Sequence[str], strings: StringStore) -> Tags:
    """Turn numbers of strings into numbers of tags.

    ids (NDArray[uint64]): Numbers in the string store, [N].
    labels (Sequence[str]): The labels.
    strings (StringStore): The strings.
    RETURNS (NDArray[int]): The tags, [N]; `UNKNOWN` for what is no label.
    """
    if not ids.any():
        return np.full(len(ids), UNKNOWN, dtype=np.int64)
    own = label_ids(labels, strings)
    order = np.argsort(own)
    place = np.minimum(np.searchsorted(own[order], ids), len(own) - 1)
    found: Tags = order[place]
    return np.where(own[found] == ids, found, UNKNOWN)


def label_ids(labels: Sequence[str], strings: StringStore) -> NDArray[np.uint64]:
    """RETURNS (NDArray[uint64]): The numbers of labels in the string store, [K]."""
    return np.array([strings.add(label) for label in labels], dtype=np.uint64)


def set_tags(
    docs: Sequence[Doc], attribute: TokenAttribute, labels: Sequence[str]
) -> Tags:
    """Read the tags that are set already.

    docs (Sequence[Doc]): The documents; at least one.
    attribute (TokenAttribute): Where the tags are.
    labels (Sequence[str]): The labels.
    RETURNS (NDArray[int]): The tag of each token, [N]; `UNKNOWN` where none is set, or
        one that is no label.
    """
    ids = np.concatenate([attribute.read(doc) for doc in docs])
    return to_tags(ids, labels, docs[0].vocab.strings)
