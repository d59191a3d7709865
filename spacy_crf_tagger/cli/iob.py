"""Tags of the IOB family as annotators write them: read leniently, judged strictly."""

import re
from collections import Counter
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple


class Tag(NamedTuple):
    """A tag.

    position (str): `B`, `I`, `L` (also written `E`), `U` (also written `S`), `O`, or
        `?` for missing annotation.
    label (str): The label of an entity's tag, otherwise empty.
    """

    position: str
    label: str = ""

    def __str__(self) -> str:
        """RETURNS (str): The tag as one writes it."""
        return f"{self.position}-{self.label}" if self.label else self.position


OUTSIDE = Tag("O")
MISSING = Tag("?")
Pair = Tuple[Tag, Tag]

_ENTITY_TAG = re.compile(r"([BILUES])-(.+)")
_OTHER_NAMES = {"E": "L", "S": "U"}
_PLAIN_TAGS = {"O": OUTSIDE, "": MISSING, "-": MISSING, "?": MISSING}


def parse_tag(text: str) -> Optional[Tag]:
    """Read a tag. Labels may hold hyphens.

    text (str): The tag as it is written.
    RETURNS (Optional[Tag]): The tag, or None if it is none.
    """
    if text in _PLAIN_TAGS:
        return _PLAIN_TAGS[text]
    match = _ENTITY_TAG.fullmatch(text)
    if match is None:
        return None
    position, label = match.groups()
    return Tag(_OTHER_NAMES.get(position, position), label)


def read_entities(tags: Sequence[Tag]) -> List[Tuple[int, int, str]]:
    """Find the entities of a sentence in any scheme. Where a tag does not continue
    the entity before it, a new one starts.

    tags (Sequence[Tag]): The tags.
    RETURNS (List[Tuple[int, int, str]]): First token, token after the last, and label
        of each entity.
    """
    starts, ends = [], []
    for i, (before, tag) in enumerate(_pairs(tags)):
        joined = _is_joined(before, tag)
        if before.label and not joined:
            ends.append(i)
        if tag.label and not joined:
            starts.append(i)
    return [
        (start, end, tags[start].label) for start, end in zip(starts, ends, strict=True)
    ]


def closest_scheme(sentences: Iterable[Sequence[Tag]]) -> str:
    """Find out which scheme a corpus is written in.

    sentences (Iterable[Sequence[Tag]]): The tags of each sentence.
    RETURNS (str): `"IOB2"`, `"BILUO"` or `"IOB1"`: the one that is violated least.
    """
    pairs = Counter(pair for tags in sentences for pair in _pairs(tags))

    def n_violations(scheme: str) -> int:
        is_valid = _SCHEMES[scheme]
        return sum(count for pair, count in pairs.items() if not is_valid(*pair))

    return min(_SCHEMES, key=n_violations)


def find_violations(tags: Sequence[Tag], scheme: str) -> List[int]:
    """Find the tags of a sentence that must not follow the ones before them.

    tags (Sequence[Tag]): The tags, N of them.
    scheme (str): The scheme.
    RETURNS (List[int]): Indices of tags; N if the last tag must not end a sentence.
    """
    is_valid = _SCHEMES[scheme]
    return [i for i, pair in enumerate(_pairs(tags)) if not is_valid(*pair)]


def _pairs(tags: Sequence[Tag]) -> Iterable[Pair]:
    """RETURNS (Iterable[Pair]): The neighbours in a sentence and at its two ends."""
    return zip([OUTSIDE, *tags], [*tags, OUTSIDE], strict=True)


def _is_joined(before: Tag, tag: Tag) -> bool:
    return (
        before.label == tag.label and before.position in "BI" and tag.position in "IL"
    )


def _is_valid_iob2(before: Tag, tag: Tag) -> bool:
    return tag.position in "O?B" or (tag.position == "I" and _is_joined(before, tag))


def _is_valid_iob1(before: Tag, tag: Tag) -> bool:
    separates = tag.position == "B" and before.label == tag.label
    return tag.position in "O?I" or separates


def _is_valid_biluo(before: Tag, tag: Tag) -> bool:
    is_open = before.position in "BI"
    return _is_joined(before, tag) or not (is_open or tag.position in "IL")


# In the order in which they are preferred if a corpus violates them equally.
_SCHEMES: Dict[str, Callable[[Tag, Tag], bool]] = {
    "IOB2": _is_valid_iob2,
    "BILUO": _is_valid_biluo,
    "IOB1": _is_valid_iob1,
}
