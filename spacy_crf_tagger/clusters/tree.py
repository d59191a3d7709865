"""Bit strings from merges: the way from the root of the tree to each leaf."""

from typing import List, Sequence, Tuple


def codes_of_merges(merges: Sequence[Tuple[int, int]], n_classes: int) -> List[str]:
    """Give each class the bits of its way from the root of the tree of merges.

    merges (Sequence[Tuple[int, int]]): The classes that become one, in order; the
        merged class has the number of the first.
    n_classes (int): How many classes there are.
    RETURNS (List[str]): The bits of each class. None is the beginning of another.
    """
    prefixes = [""] * n_classes
    # Backwards, each fork splits a class whose own way is known already.
    for first, second in reversed(merges):
        prefixes[second] = prefixes[first] + "1"
        prefixes[first] += "0"
    # The only class of a tree without forks has to be called something, too.
    return [prefix or "0" for prefix in prefixes]
