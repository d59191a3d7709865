"""Read annotation and preset entities as restrictions of the lattice."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, ENT_TYPE, IS_SPACE, ORTH, SENT_START
from spacy.errors import Errors
from spacy.strings import StringStore
from spacy.tokens import Doc, Span
from spacy.training import Example

from ...crf import NegativeSpan
from ...crf.lattice import Lengths, offsets_of
from ...crf.scheme import OUTSIDE, TagScheme
from ..annotation import UNKNOWN, Mask, Tags, known_mask
from .settings import Settings

_MISSING, _INSIDE, _OUT, _BEGIN = 0, 1, 2, 3  # values of ENT_IOB


class EntityAnnotation(NamedTuple):
    """The annotation of a batch as tag numbers.

    tags (NDArray[int]): The tag of each predicted token, `UNKNOWN` where annotation is
        missing, [N].
    new_labels (List[str]): Labels that the scheme does not have, sorted. Where there
        are any, the tags are of no use.
    incorrect (List[NegativeSpan]): Spans that are known to be no entities.
    """

    tags: Tags
    new_labels: List[str]
    incorrect: List[NegativeSpan]


def read_annotation(
    examples: Sequence[Example],
    scheme: TagScheme,
    strings: StringStore,
    settings: Settings,
) -> EntityAnnotation:
    """Read the entities of reference documents as tags of the predicted tokens, as
    `Example.get_aligned_ner` does, and their incorrect spans.

    examples (Sequence[Example]): The examples.
    scheme (TagScheme): The tags.
    strings (StringStore): The names of labels.
    settings (Settings): What missing annotation means, and where incorrect spans are.
    RETURNS (EntityAnnotation): The annotation.
    RAISES (ValueError): For a label in the deprecated notation `!LABEL`, or a span that
        is annotated as an entity and as incorrect.
    """
    fill_missing = settings.missing == "outside"
    label_ids = {strings.add(label): n for n, label in enumerate(scheme.labels)}
    # All documents one behind another: most are short, and NumPy's calls are not.
    parts = [_entity_arrays(example, fill_missing) for example in examples]
    ends = np.cumsum([len(iob) for iob, _ in parts], dtype=np.int64)
    iob = np.concatenate([np.zeros(0, dtype=np.int64), *(iob for iob, _ in parts)])
    types = np.concatenate([np.zeros(0, dtype=np.uint64), *(own for _, own in parts)])
    labels, is_new = _label_indices(types, label_ids)
    new: Set[str] = set()
    for number in np.unique(np.searchsorted(ends, np.flatnonzero(is_new), "right")):
        # The annotation may have come with a vocab of its own.
        new.update(span.label_ for span in examples[number].y.ents)
    new_labels = sorted(new.difference(scheme.labels, [""]))
    for label in new_labels:
        if label.startswith("!"):
            raise ValueError(
                f"Entity label {label!r}: the notation '!' for negative annotation is "
                "no longer supported by spaCy."
            )
    tags = _to_tags(iob, labels, ends, scheme)
    incorrect: List[NegativeSpan] = []
    if settings.incorrect_spans_key is not None:
        incorrect = _incorrect_spans(examples, scheme, settings.incorrect_spans_key)
    return EntityAnnotation(tags, new_labels, incorrect)


def _incorrect_spans(
    examples: Sequence[Example], scheme: TagScheme, key: str
) -> List[NegativeSpan]:
    """RETURNS (List[NegativeSpan]): The incorrect spans that fit the predicted tokens.
    Those without a label are no entities of any; those of a label that there is not
    have no probability to lose.
    """
    indices: Dict[str, Tuple[int, ...]] = {
        label: (n,) for n, label in enumerate(scheme.labels)
    }
    indices[""] = tuple(range(len(scheme.labels)))
    found: List[NegativeSpan] = []
    first_token = 0
    for example in examples:
        group = example.y.spans.get(key, [])
        right = {(ent.start_char, ent.end_char): ent.label_ for ent in example.y.ents}
        for span in group:
            offsets = (span.start_char, span.end_char)
            if offsets in right and span.label_ in ("", right[offsets]):
                raise ValueError(Errors.E868.format(span=(*offsets, right[offsets])))
            labels = indices.get(span.label_, ())
            for aligned in example.get_aligned_spans_y2x([span]) if labels else []:
                start, end = first_token + aligned.start, first_token + aligned.end
                found.append(NegativeSpan(start, end, labels))
        first_token += len(example.x)
    return found


def annotated_mask(tags: Tags, scheme: TagScheme, lengths: Lengths) -> Mask:
    """Turn annotation into allowed tags. Where an entity ends is part of it, also if
    nothing is known about the token behind it: under BIO, that one may not continue it.

    tags (NDArray[int]): The tag of each token, or `UNKNOWN`, [N].
    scheme (TagScheme): The tags.
    lengths (NDArray[int]): Tokens of each document, [B].
    RETURNS (NDArray[bool]): The allowed tags, [N, K].
    """
    mask = known_mask(tags, scheme.n_tags)
    if scheme.name == "bio":
        behind_entity = np.zeros(len(tags), dtype=bool)
        behind_entity[1:] = (tags[:-1] > OUTSIDE) & (tags[1:] == UNKNOWN)
        behind_entity[offsets_of(lengths[lengths > 0])[:-1]] = False
        mask[behind_entity] &= ~scheme.continues
    return mask


def preset_mask(
    docs: Iterable[Doc],
    scheme: TagScheme,
    settings: Settings,
    own_spans_key: Optional[str] = None,
) -> Optional[Mask]:
    """Find out what is already decided about documents that are to be annotated:
    entities and blocked tokens that are set stay as they are, if they are to be
    respected; no entity crosses a sentence start that is set, or starts or ends on
    whitespace. Under BIO, which does not mark ends, none contains whitespace.

    docs (Iterable[Doc]): The documents.
    scheme (TagScheme): The tags.
    settings (Settings): Whether to respect what is set.
    own_spans_key (Optional[str]): Where `doc.spans` holds entities that do not count
        as set, because the component has predicted them itself.
    RETURNS (Optional[NDArray[bool]]): The tags that are allowed at each token, [N, K],
        or None if nothing is restricted.
    """
    columns = [ENT_IOB, ENT_TYPE, SENT_START, IS_SPACE]
    docs = list(docs)
    attrs = np.concatenate(
        [doc.to_array(columns) for doc in docs] or [np.zeros((0, 4), np.uint64)]
    )
    # The first token of a document counts as one, and can continue nothing anyway.
    lengths = np.array([len(doc) for doc in docs if len(doc)], dtype=np.int64)
    attrs[np.cumsum(lengths) - lengths, 2] = 0
    if not attrs.take((0, 2, 3), axis=1).any():  # as in most texts
        return None
    iob = attrs[:, 0].astype(np.int64)
    if settings.presets == "ignore":
        iob[:] = _MISSING
    types = attrs[:, 1]
    if iob.any():
        types = _types_of_entities(iob, types)
        if own_spans_key is not None:
            _forget_own(docs, own_spans_key, iob, types)
    preset = (iob == _BEGIN) | (iob == _INSIDE)
    starts_sentence = attrs[:, 2] == 1
    space = attrs[:, 3] == 1
    if not (preset.any() or starts_sentence.any() or space.any()):
        return None
    mask = np.ones((len(attrs), scheme.n_tags), dtype=bool)
    mask[starts_sentence] &= ~scheme.continues
    mask[space] &= ~scheme.at_edge
    if scheme.name == "bio":
        mask[space] &= ~scheme.continues
    after_preset = np.zeros_like(preset)
    after_preset[1:] = preset[:-1] & (iob[1:] != _INSIDE)
    mask[after_preset] &= ~scheme.continues
    strings = docs[0].vocab.strings
    label_ids = {strings.add(label): n for n, label in enumerate(scheme.labels)}
    labels, _ = _label_indices(types, label_ids)
    # An entity of a label that the scheme does not have is walled in by O, like a
    # blocked token; whoever writes the entities back keeps it.
    tags = _to_tags(iob, labels, np.cumsum(lengths), scheme)
    tags[preset & (tags == UNKNOWN)] = OUTSIDE
    mask[preset] = known_mask(tags[preset], scheme.n_tags)
    # Tokens that continue no entity are an error to `doc.ents`: nothing is possible.
    mask[(iob == _INSIDE) & (types == 0)] = False
    return mask


def _forget_own(
    docs: Iterable[Doc],
    key: str,
    iob: NDArray[np.int64],
    types: NDArray[np.uint64],
) -> None:
    """Treat the entities of a batch that are in span groups as missing."""
    first_token = 0
    for doc in docs:
        for span in own_spans(doc, key):
            start, end = first_token + span.start, first_token + span.end
            begins = iob[start] == _BEGIN and (iob[start + 1 : end] == _INSIDE).all()
            ends = span.end == len(doc) or iob[end] != _INSIDE
            if begins and ends and (types[start:end] == span.label).all():
                iob[start:end] = _MISSING
        first_token += len(doc)


def own_spans(doc: Doc, key: str) -> List[Span]:
    """Read the entities that a component has predicted before.

    doc (Doc): The document.
    key (str): Their group in `doc.spans`.
    RETURNS (List[Span]): The entities. None, if tokens were merged or split since:
        spaCy's retokenizer does not move span groups.
    """
    try:
        return list(doc.spans.get(key, []))
    except IndexError:
        return []


def preset_spans(
    doc: Doc, own_spans_key: Optional[str] = None
) -> Tuple[List[Span], List[Span]]:
    """Read what earlier components have set.

    doc (Doc): The document.
    own_spans_key (Optional[str]): Where `doc.spans` holds entities that do not count.
    RETURNS (Tuple[List[Span], List[Span]]): Its entities, and its blocked tokens.
    """
    arrays = doc.to_array([ENT_IOB, ENT_TYPE])
    if not ((arrays[:, 0] == _BEGIN) | (arrays[:, 0] == _INSIDE)).any():
        return [], []
    blocked = np.flatnonzero((arrays[:, 0] == _BEGIN) & (arrays[:, 1] == 0))
    own_group = own_spans(doc, own_spans_key) if own_spans_key else []
    own = {(span.start, span.end, span.label) for span in own_group}
    ents = [ent for ent in doc.ents if (ent.start, ent.end, ent.label) not in own]
    return ents, [doc[int(i) : int(i) + 1] for i in blocked]


def _entity_arrays(
    example: Example, fill_missing: bool
) -> Tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """RETURNS (Tuple): ENT_IOB and ENT_TYPE of the annotation, by predicted token."""
    x, y = example.x, example.y
    ours = x.to_array([ORTH, IS_SPACE])
    if len(x) == len(y) and (ours[:, 0] == y.to_array(ORTH)).all():
        # Alignment would copy these arrays, slowly.
        theirs = y.to_array([ENT_IOB, ENT_TYPE])
        iob = theirs[:, 0].astype(np.int64)
        types = _types_of_entities(iob, theirs[:, 1])
        if ((iob == _INSIDE) & (types == 0)).any() or (len(x) and iob[0] == _INSIDE):
            _ = y.ents  # says what is wrong: an entity that does not begin
        blocked = (iob == _BEGIN) & (types == 0)
        iob[blocked] = _MISSING
        if fill_missing:
            iob[iob == _MISSING] = _OUT
        elif iob.any() or blocked.any():
            iob[(iob == _MISSING) & (ours[:, 1] == 1)] = _OUT
        return iob, types
    return _aligned_entity_arrays(example, fill_missing)


def _types_of_entities(
    iob: NDArray[np.int64], types: NDArray[Any]
) -> NDArray[np.uint64]:
    """Give the tokens of an entity the type of its first one, as `doc.ents` does: that
    of a single token may have been set to another.

    iob (NDArray[int]): ENT_IOB of tokens, [N].
    types (NDArray[uint64]): Their ENT_TYPE, [N].
    RETURNS (NDArray[uint64]): The types, [N].
    """
    numbers = np.arange(len(iob))
    first = np.maximum.accumulate(np.where(iob == _INSIDE, 0, numbers))
    return np.where(iob == _INSIDE, types[first], types)


def _aligned_entity_arrays(
    example: Example, fill_missing: bool
) -> Tuple[NDArray[np.int64], NDArray[np.uint64]]:
    codes = {"B": _BEGIN, "U": _BEGIN, "I": _INSIDE, "L": _INSIDE, "O": _OUT}
    iob = np.zeros(len(example.x), dtype=np.int64)
    types = np.zeros(len(example.x), dtype=np.uint64)
    strings = example.x.vocab.strings
    for i, tag in enumerate(example.get_aligned_ner()):
        if tag is not None:
            position, _, label = tag.partition("-")
            iob[i] = codes[position]
            types[i] = strings.add(label) if label else 0
        elif fill_missing and not _in_entity(example, i):
            iob[i] = _OUT
    return iob, types


def _in_entity(example: Example, token: int) -> bool:
    """RETURNS (bool): Whether a predicted token lies in an annotated entity, though
    perhaps one that does not fit the predicted tokens.
    """
    aligned = example.alignment.x2y[token]
    return any(bool(example.y[int(i)].ent_type) for i in aligned)


def _label_indices(
    types: NDArray[np.uint64], label_ids: Dict[int, int]
) -> Tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """RETURNS (Tuple[NDArray[int], NDArray[bool]]): The index of each label, -1 for
    none or one that is not known; and whether it is such a one.
    """
    known, places = np.unique(types, return_inverse=True)
    indices = np.array([label_ids.get(each, -1) for each in known.tolist()], np.int64)
    is_new = (indices < 0) & (known != 0)
    return indices[places], is_new[places]


def _to_tags(
    iob: NDArray[np.int64],
    labels: NDArray[np.int64],
    ends: NDArray[np.int64],
    scheme: TagScheme,
) -> Tags:
    """RETURNS (NDArray[int]): Tags of entities whose label is known, `OUTSIDE` for
    tokens outside, `UNKNOWN` for all others. No entity crosses the end of a doc, of
    which `ends` has the place behind it.
    """
    last = np.ones(len(iob), dtype=bool)
    last[:-1] = iob[1:] != _INSIDE
    last[ends[ends > 0] - 1] = True
    tags = np.full(len(iob), UNKNOWN, dtype=np.int64)
    tags[iob == _OUT] = OUTSIDE
    entity = ((iob == _BEGIN) | (iob == _INSIDE)) & (labels >= 0)
    tags[entity] = scheme.tag_of(labels[entity], iob[entity] == _BEGIN, last[entity])
    return tags
