"""Paths from the numbers that spaCy keeps of clusters in `token.cluster`."""

from itertools import pairwise
from typing import Dict, List, Mapping

from .paths import ClusteredWord

UNKNOWN = 0


def words_of_numbers(numbers: Mapping[str, int]) -> List[ClusteredWord]:
    """Turn numbers back into paths. A number has the first bit of its path as its
    lowest bit. That hides zeros at the end of a path, as far as they are not needed to
    tell it from those of other words: these are found again.

    numbers (Mapping[str, int]): The number of each word; 0 if its class is not known.
    RETURNS (List[ClusteredWord]): The words whose class is known, with counts of 0.
    RAISES (ValueError): If a number is negative.
    """
    wrong = [word for word, number in numbers.items() if number < UNKNOWN]
    if wrong:
        raise ValueError(
            f"the number of {wrong[0]!r} is negative: it stands for no path"
        )
    known = {word: number for word, number in numbers.items() if number != UNKNOWN}
    paths = _paths_of(set(known.values()))
    return [ClusteredWord(paths[number], word, 0) for word, number in known.items()]


def _paths_of(numbers: "set[int]") -> Dict[int, str]:
    """RETURNS (Dict[int, str]): The path of each number, none of which is the beginning
    of another.
    """
    by_bits = {f"{number:b}"[::-1]: number for number in numbers}
    in_order = sorted(by_bits)
    paths = dict(zip(in_order, in_order, strict=True))
    for bits, following in pairwise(in_order):
        if following.startswith(bits):
            # The following one has zeros up to where the two part, and a one there.
            paths[bits] = bits.ljust(following.index("1", len(bits)) + 1, "0")
    return {by_bits[bits]: path for bits, path in paths.items()}
