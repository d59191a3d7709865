"""How well a ranking finds damage that is known."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .damage import Damage

FIRST = 100


class Place(NamedTuple):
    """A place of a document that a method ranks.

    doc (int): The number of the document.
    start (int): The first token.
    end (int): The token behind the last.
    """

    doc: int
    start: int
    end: int


class Ranked(NamedTuple):
    """How good a ranking is.

    average_precision (float): The mean of the precision at each damage that is found,
        where those that are not found count as 0.
    precision (float): That of the first hundred.
    found (int): How many of the damages are among the places.
    """

    average_precision: float
    precision: float
    found: int


def rank_places(
    places: Sequence[Place], scores: Sequence[float], damages: Sequence[Damage]
) -> Ranked:
    """Score a ranking of places. A place is right if it overlaps a damage that no place
    before it has found; one that overlaps only damages that are found counts neither
    way.

    places (Sequence[Place]): The places.
    scores (Sequence[float]): Their scores, the highest for the most probable error.
    damages (Sequence[Damage]): What has been damaged.
    RETURNS (Ranked): How good the ranking is.
    """
    by_doc: dict[int, list[Damage]] = {}
    for each in damages:
        by_doc.setdefault(each.doc, []).append(each)
    found: set[Damage] = set()
    hits: list[bool] = []
    for i in np.argsort(-np.asarray(scores), kind="stable").tolist():
        place = places[i]
        own = {
            each
            for each in by_doc.get(place.doc, [])
            if each.start < place.end and each.end > place.start
        }
        if own - found:
            hits.append(True)
        elif not own:
            hits.append(False)
        found |= own
    right = np.array(hits, dtype=bool)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return Ranked(
        float(precision[right].sum() / max(len(damages), 1)),
        float(right[:FIRST].mean()) if len(right) else 0.0,
        len(found),
    )


def average_precision(scores: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """RETURNS (float): The average precision (the area under the steps of precision and
    recall) of scores of tokens or documents; those that are equal count at once.
    """
    order = np.argsort(-scores, kind="stable")
    right, ranked = wrong[order], scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(right)[last]
    recall = true / max(int(wrong.sum()), 1)
    precision = true / (last + 1)
    return float((np.diff(np.concatenate([[0.0], recall])) * precision).sum())
