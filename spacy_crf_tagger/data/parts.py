"""Divide documents into parts, such as those to train on and those to test on."""

import math
import random
from hashlib import blake2b
from typing import Dict, List, Sequence

from spacy.tokens import Doc

from .tagged import CONTINUES

NAMES = ("train", "dev", "test")
_TOLERANCE = 1e-6


def parse_fractions(text: str) -> List[float]:
    """Read how large the parts are to be.

    text (str): Two or three fractions, or percentages, separated by commas.
    RETURNS (List[float]): The fractions.
    RAISES (ValueError): If they are none, or do not make a whole.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no list of numbers such as 0.8,0.1,0.1"
        ) from error
    if len(numbers) not in (2, 3) or not all(0 < n < math.inf for n in numbers):
        raise ValueError(
            f"{text!r} must be two or three numbers above 0: for {', '.join(NAMES)}"
        )
    total = sum(numbers)
    if min(abs(total - whole) / whole for whole in (1, 100)) > _TOLERANCE:
        raise ValueError(f"{text!r} must add up to 1 or 100, and not to {total:g}")
    return [number / total for number in numbers]


class Divider:
    """Divides documents into parts at random. The same text comes into the same part,
    whatever the whitespace in it, and so do documents that a file has as one. Any
    beginning of the documents is divided in nearly the same proportions.

    fractions (Sequence[float]): How large each part is to be.
    seed (int): For the random numbers.
    """

    def __init__(self, fractions: Sequence[float], seed: int = 0) -> None:
        self._fractions = fractions
        self._random = random.Random(seed)
        self._counts = [0] * len(fractions)
        # Eight bytes of each text, since texts may be large.
        self._parts: Dict[int, int] = {}
        self._last = 0

    def part_of(self, doc: Doc) -> int:
        """Choose the part of the next document.

        doc (Doc): The document.
        RETURNS (int): The number of its part, from 0.
        """
        if not (self._counts[self._last] and doc.user_data.get(CONTINUES)):
            key = _hash(" ".join(doc.text.split()))
            if key not in self._parts:
                self._parts[key] = self._draw()
            self._last = self._parts[key]
        return self._last

    def _draw(self) -> int:
        """RETURNS (int): A part, likelier the more it lacks."""
        n = sum(self._counts) + 1
        pairs = zip(self._fractions, self._counts, strict=True)
        lacking = [max(n * fraction - count, 0.0) for fraction, count in pairs]
        [part] = self._random.choices(range(len(lacking)), lacking)
        self._counts[part] += 1
        return part


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf8"), digest_size=8).digest(), "big")
