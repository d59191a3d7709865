"""Compare the entities of two parts of the data."""

from collections import Counter
from math import sqrt
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from .entity_counts import EntityCounts

MOST_AMBIGUOUS = 20


class Unseen(NamedTuple):
    """What one part has that another one has not.

    n_forms (int): The number of different forms of entities in the part.
    n_unseen_forms (int): Those among them that the other part does not have.
    n_entities (int): The number of entities in the part.
    n_unseen_entities (int): Those among them whose form the other part does not have.
    """

    n_forms: int
    n_unseen_forms: int
    n_entities: int
    n_unseen_entities: int


def count_unseen(train: EntityCounts, dev: EntityCounts) -> Unseen:
    """Count the entities of one part whose form is not among those of another one.

    train (EntityCounts): The part that is learned from.
    dev (EntityCounts): The other part.
    RETURNS (Unseen): The counts.
    """
    sizes = {form: sum(labels.values()) for form, labels in dev.forms.items()}
    unseen = {form: n for form, n in sizes.items() if form not in train.forms}
    return Unseen(len(sizes), len(unseen), sum(sizes.values()), sum(unseen.values()))


def label_shift(first: Mapping[str, int], second: Mapping[str, int]) -> Optional[float]:
    """Measure how differently labels are distributed in two parts, by the total
    variation distance: half the sum over the labels of the difference of their shares.
    It is the share of the entities of one part that would need another label for the
    two distributions to be the same.

    first (Mapping[str, int]): How often each label is in the first part.
    second (Mapping[str, int]): How often each label is in the second part.
    RETURNS (Optional[float]): From 0, if they are the same, to 1, if no label is in
        both; None if a part has no labels.
    """
    sizes = sum(first.values()), sum(second.values())
    if not all(sizes):
        return None
    differences = (
        abs(first.get(label, 0) / sizes[0] - second.get(label, 0) / sizes[1])
        for label in {*first, *second}
    )
    return sum(differences) / 2.0


def expected_shift(
    first: Mapping[str, int], second: Mapping[str, int]
) -> Optional[float]:
    """Estimate how large the label shift of two parts is by chance alone, if the labels
    of both are drawn from one distribution, by the normal approximation.

    first (Mapping[str, int]): How often each label is in the first part.
    second (Mapping[str, int]): How often each label is in the second part.
    RETURNS (Optional[float]): The expectation; None if a part has no labels.
    """
    sizes = sum(first.values()), sum(second.values())
    if not all(sizes):
        return None
    scale = 1.0 / sizes[0] + 1.0 / sizes[1]
    shares = [
        (first.get(label, 0) + second.get(label, 0)) / sum(sizes)
        for label in {*first, *second}
    ]
    # The mean of the absolute value of a normal variable is 0.8 of its deviation.
    return 0.4 * sum(sqrt(scale * share * (1.0 - share)) for share in shares)


def ambiguous_forms(
    parts: Iterable[EntityCounts], most: int = MOST_AMBIGUOUS
) -> List[Tuple[str, Dict[str, int]]]:
    """Find the forms that have different labels.

    parts (Iterable[EntityCounts]): The parts of the data.
    most (int): How many to return.
    RETURNS (List[Tuple[str, Dict[str, int]]]): The most common ones of these forms, and
        how often each has each label.
    """
    together: Dict[str, Counter[str]] = {}
    for part in parts:
        for form, labels in part.forms.items():
            together.setdefault(form, Counter()).update(labels)
    ambiguous = [(form, labels) for form, labels in together.items() if len(labels) > 1]
    # Of as common ones the order must not depend on that of the documents.
    ambiguous.sort(key=lambda found: (-sum(found[1].values()), found[0]))
    return [(form, dict(labels.most_common())) for form, labels in ambiguous[:most]]


def compare_entities(train: EntityCounts, dev: EntityCounts) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): All comparisons, in plain values."""
    return {
        "label_shift": label_shift(train.labels, dev.labels),
        "label_shift_by_chance": expected_shift(train.labels, dev.labels),
        **count_unseen(train, dev)._asdict(),
        "ambiguous_forms": [
            {"form": form, "labels": labels}
            for form, labels in ambiguous_forms([train, dev])
        ],
    }
