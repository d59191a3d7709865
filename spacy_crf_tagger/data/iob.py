"""Parse tags of the IOB family, and find their entities and errors."""

import re
from collections import Counter
from functools import lru_cache
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from .invisible import clean_label, strip_edges


class Tag(NamedTuple):
    """A tag.

    position (str): `B`, `I` (also written `M`), `L` (also written `E`), `U` (also
        written `S`), `O`, `?` for annotation that is missing on purpose, or `!` for
        what cannot be read.
    label (str): The label of an entity's tag, otherwise empty.
    """

    position: str
    label: str = ""

    def __str__(self) -> str:
        """RETURNS (str): The tag as one writes it."""
        return f"{self.position}-{self.label}" if self.label else self.position


class Entities(NamedTuple):
    """What the tags of a sentence tell.

    spans (List[Tuple[int, int, str]]): First token, token after the last, and label of
        each entity.
    doubtful (List[Tuple[int, int]]): First token and token after the last of each
        entity of which nobody knows where it starts or ends.
    """

    spans: List[Tuple[int, int, str]]
    doubtful: List[Tuple[int, int]]


NO_ENTITY = Tag("O")
MISSING = Tag("?")
UNREADABLE = Tag("!")
Pair = Tuple[Tag, Tag]

_ENTITY_TAG = re.compile(r"([BILUESM])-(.+)")
_OTHER_NAMES = {"E": "L", "S": "U", "M": "I"}
_PLAIN_TAGS = {"O": NO_ENTITY, "": MISSING, "-": MISSING, "?": MISSING}


@lru_cache(maxsize=4096)
def parse_tag(text: str) -> Optional[Tag]:
    """Read a tag. Labels may hold hyphens. What is invisible around the tag and its
    label is no part of them.

    text (str): The tag as it is written.
    RETURNS (Optional[Tag]): The tag, or None if it is none.
    """
    text = strip_edges(text)
    if text in _PLAIN_TAGS:
        return _PLAIN_TAGS[text]
    match = _ENTITY_TAG.fullmatch(text)
    if match is None:
        return None
    position, label = match.group(1), clean_label(match.group(2))
    return Tag(_OTHER_NAMES.get(position, position), label) if label else None


def read_entities(tags: Sequence[Tag], scheme: str = "IOB2") -> Entities:
    """Find the entities of a sentence in any scheme. Where a tag does not continue
    the entity before it, a new one starts (as conlleval reads it).

    An entity is doubtful if it may go on in a tag beside it that cannot be read: one
    that does not start with B or U after such a tag, and one that does not end with L
    or U before it. The same holds beside a tag that is missing on purpose where the
    scheme, or an entity that goes on behind it, says that something is lacking.
    Otherwise, since nothing marks the end of an entity in IOB1 and IOB2, nor its start
    in IOB1, one beside a missing tag is complete: whoever annotates only what they know
    writes it so.

    tags (Sequence[Tag]): The tags.
    scheme (str): Which scheme they follow, as `closest_scheme` names it.
    RETURNS (Entities): The entities.
    """
    starts: List[int] = []
    ends: List[int] = []
    if tags.count(NO_ENTITY) == len(tags):
        return Entities([], [])
    for i, (before, tag) in enumerate(_pairs(tags)):
        if not (before.label or tag.label):
            continue
        joined = _is_joined(before, tag)
        if before.label and not joined:
            ends.append(i)
        if tag.label and not joined:
            starts.append(i)
    entities = Entities([], [])
    for start, end in zip(starts, ends, strict=True):
        first, last = tags[start], tags[end - 1]
        before, after = _neighbour(tags, start, -1), _neighbour(tags, end - 1, 1)
        starts_before = first.position not in "BU" and (
            _is_open(before, first, before, scheme)
            or _is_joined(_neighbour(tags, start, -1, known=True), first)
        )
        ends_after = last.position not in "LU" and (
            _is_open(last, after, after, scheme)
            or _is_joined(last, _neighbour(tags, end - 1, 1, known=True))
        )
        if starts_before or ends_after:
            entities.doubtful.append((start, end))
        else:
            entities.spans.append((start, end, first.label))
    return entities


def closest_scheme(sentences: Iterable[Sequence[Tag]]) -> str:
    """Find out which scheme a corpus is written in. Tags that are missing or cannot be
    read have no say: they may be whatever a scheme allows between their neighbours.

    sentences (Iterable[Sequence[Tag]]): The tags of each sentence.
    RETURNS (str): `"IOB2"`, `"BILUO"` or `"IOB1"`: the one that is violated least.
    """
    # All that a scheme asks of neighbours is their positions and whether their labels
    # are the same: there are few such pairs, however many labels.
    counts: Counter[Tuple[str, str, bool]] = Counter()
    for tags in sentences:
        if tags.count(NO_ENTITY) < len(tags):
            counts.update(
                (before.position, tag.position, before.label == tag.label)
                for before, tag in _pairs(tags)
            )

    def n_violations(scheme: str) -> int:
        return sum(
            count for pair, count in counts.items() if not _is_possible(scheme, *pair)
        )

    return min(_SCHEMES, key=n_violations)


def find_violations(tags: Sequence[Tag], scheme: str) -> List[int]:
    """Find the tags of a sentence that must not follow the ones before them. What is
    beside a tag that cannot be read is not judged.

    tags (Sequence[Tag]): The tags, N of them.
    scheme (str): The scheme.
    RETURNS (List[int]): Indices of tags; N if the last tag must not end a sentence.
    """
    if tags.count(NO_ENTITY) == len(tags):
        return []
    is_valid = _SCHEMES[scheme]
    return [
        i
        for i, pair in enumerate(_pairs(tags))
        if UNREADABLE not in pair and not is_valid(*pair)
    ]


def _pairs(tags: Sequence[Tag]) -> Iterable[Pair]:
    """RETURNS (Iterable[Pair]): The neighbours in a sentence and at its two ends."""
    return zip([NO_ENTITY, *tags], [*tags, NO_ENTITY], strict=True)


def _is_possible(scheme: str, before: str, position: str, is_same: bool) -> bool:
    """RETURNS (bool): Whether two positions may be neighbours, where the labels are the
    same or not, and what is missing or unreadable may be anything.
    """
    label = "same" if is_same else "other"
    return any(
        _SCHEMES[scheme](first, second)
        for first in _possible_tags(before, "same")
        for second in _possible_tags(position, label)
    )


def _possible_tags(position: str, label: str) -> List[Tag]:
    if position not in "?!":
        return [Tag(position, "" if position == "O" else label)]
    return [
        NO_ENTITY,
        *(Tag(each, some) for each in "BILU" for some in ("same", "other")),
    ]


def _neighbour(tags: Sequence[Tag], i: int, step: int, *, known: bool = False) -> Tag:
    """RETURNS (Tag): The next tag in a direction, or the next one that is known."""
    i += step
    while known and 0 <= i < len(tags) and tags[i].position in "?!":
        i += step
    return tags[i] if 0 <= i < len(tags) else NO_ENTITY


def _is_open(before: Tag, tag: Tag, beside: Tag, scheme: str) -> bool:
    """RETURNS (bool): Whether of two neighbours the one `beside` an entity, which is
    not closed there, may belong to it.
    """
    is_valid = _SCHEMES[scheme](before, tag)
    return beside == UNREADABLE or (beside == MISSING and not is_valid)


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
