from itertools import pairwise
from typing import Any, List, NamedTuple, Tuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.crf import Lattice, PlainTags, Potentials, TagScheme, viterbi

SCHEMES = ["biluo", "bio"]
LABELS = ["PER", "B-PER", "-", "I-"]
Span = Tuple[int, int, int]


def entities(name: str, label: str) -> List[List[str]]:
    """How the scheme writes down one entity of one, two, three and four tokens."""
    positions = {"biluo": ["U", "BL", "BIL", "BIIL"], "bio": ["B", "BI", "BII", "BIII"]}
    return [[f"{p}-{label}" for p in word] for word in positions[name]]


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("labels", [[], ["PER"], LABELS])
def test_constraints_allow_what_can_be_written(name: str, labels: list) -> None:
    """A text is written as O and entities, in any order, and nothing else."""
    scheme = TagScheme(labels, name)
    words = [["O"], *(word for label in labels for word in entities(name, label))]
    pairs = {pair for a in words for b in words for pair in adjacent([*a, *b])}
    number = {tag: n for n, tag in enumerate(scheme.tags)}
    transitions = np.zeros((scheme.n_tags, scheme.n_tags), dtype=bool)
    for before, after in pairs:
        transitions[number[before], number[after]] = True
    constraints = scheme.constraints
    for before in scheme.tags:
        for after in scheme.tags:
            pair = number[before], number[after]
            assert constraints.transitions[pair] == transitions[pair], (before, after)
    for tag in scheme.tags:
        assert constraints.start[number[tag]] == any(w[0] == tag for w in words), tag
        assert constraints.end[number[tag]] == any(w[-1] == tag for w in words), tag


def adjacent(tags: List[str]) -> List[Tuple[str, str]]:
    return list(pairwise(tags))


@pytest.mark.parametrize("name", SCHEMES)
def test_tags_are_positions_and_labels(name: str) -> None:
    scheme = TagScheme(LABELS, name)
    assert scheme.tags[0] == "O"
    assert len(scheme.tags) == scheme.n_tags == len(set(scheme.tags))
    for tag, position, label in zip(
        scheme.tags[1:], scheme.tag_positions[1:], scheme.tag_labels[1:], strict=True
    ):
        assert tag == f"{position}-{LABELS[label]}"
    assert (scheme.tag_positions[0], scheme.tag_labels[0]) == ("O", -1)
    for tag, continues, at_edge in zip(
        scheme.tags, scheme.continues, scheme.at_edge, strict=True
    ):
        assert continues == (tag[0] in "IL")
        assert at_edge == (tag[0] in "BLU")


@pytest.mark.parametrize("name", SCHEMES)
def test_labels_added_later_move_no_tag(name: str) -> None:
    for n in range(len(LABELS)):
        few, more = TagScheme(LABELS[:n], name), TagScheme(LABELS, name)
        assert more.tags[: few.n_tags] == few.tags
        np.testing.assert_array_equal(
            more.constraints.transitions[: few.n_tags, : few.n_tags],
            few.constraints.transitions,
        )


class Texts(NamedTuple):
    lengths: List[int]
    spans: List[List[Span]]  # of each text


@st.composite
def texts(draw: st.DrawFn) -> Texts:
    lengths, all_spans = [], []
    spaced_span = st.tuples(
        st.integers(0, 3), st.integers(1, 5), st.integers(0, len(LABELS) - 1)
    )
    for _ in range(draw(st.integers(0, 4))):
        spans, position = [], 0
        for gap, width, label in draw(st.lists(spaced_span, max_size=5)):
            start = position + gap
            position = start + width
            spans.append((start, position, label))
        all_spans.append(spans)
        lengths.append(position + draw(st.integers(0, 2)))
    return Texts(lengths, all_spans)


@pytest.mark.parametrize("name", SCHEMES)
@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=texts())
@example(text=Texts([], []))
@example(text=Texts([0, 0], [[], []]))
@example(text=Texts([2, 0, 1], [[(0, 1, 0), (1, 2, 0)], [], [(0, 1, 0)]]))
@example(text=Texts([4, 3], [[(0, 2, 1), (2, 4, 1)], [(0, 3, 1)]]))
def test_spans_survive_the_round_trip(name: str, text: Texts) -> None:
    scheme = TagScheme(LABELS, name)
    parts = [
        scheme.encode(spans, length)
        for spans, length in zip(text.spans, text.lengths, strict=True)
    ]
    tags = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
    decoded = scheme.decode(tags)
    offsets = np.cumsum(text.lengths) - text.lengths
    expected = [
        (offset + start, offset + end, label)
        for offset, spans in zip(offsets, text.spans, strict=True)
        for start, end, label in spans
    ]
    assert list(zip(*map(np.ndarray.tolist, decoded), strict=True)) == expected
    for part in parts:
        assert_allowed(scheme, part)


def assert_allowed(scheme: TagScheme, tags: np.ndarray) -> None:
    constraints = scheme.constraints
    assert constraints.transitions[tags[:-1], tags[1:]].all()
    assert constraints.start[tags[:1]].all()
    assert constraints.end[tags[-1:]].all()


@pytest.mark.parametrize("name", SCHEMES)
def test_entities_are_written_as_the_scheme_says(name: str) -> None:
    scheme = TagScheme(LABELS, name)
    for label, text in enumerate(LABELS):
        for word in entities(name, text):
            tags = scheme.encode([(1, 1 + len(word), label)], len(word) + 2)
            assert [scheme.tags[tag] for tag in tags] == ["O", *word, "O"]


def test_plain_tags_are_the_labels() -> None:
    tags = PlainTags(LABELS)
    assert tags.labels == tuple(LABELS)
    assert tags.tags == LABELS
    assert tags.n_tags == len(LABELS)


@pytest.mark.parametrize("n", range(len(LABELS) + 1))
def test_plain_tags_may_follow_each_other_in_any_order(n: int) -> None:
    few, more = PlainTags(LABELS[:n]), PlainTags(LABELS)
    assert more.tags[:n] == few.tags
    constraints = few.constraints
    assert constraints.transitions.shape == (n, n)
    assert constraints.start.shape == constraints.end.shape == (n,)
    assert constraints.transitions.all()
    assert constraints.start.all()
    assert constraints.end.all()


def test_plain_tags_constrain_no_lattice() -> None:
    scores = np.random.default_rng(0).normal(size=(5, len(LABELS)))
    potentials = Potentials(scores, None, None, None, np.array([3, 2]))
    lattice = Lattice.build(potentials, PlainTags(LABELS).constraints)
    np.testing.assert_array_equal(viterbi(lattice).tags, scores.argmax(1))


@pytest.mark.parametrize("make", [PlainTags, TagScheme])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("PER", "must be a list of strings"),
        ({"PER", "ORG"}, "must be a list of strings"),
        (None, "must be a list of strings"),
        (["PER", 1], "must be strings"),
        (["PER", ""], "Empty label"),
        (["PER", "ORG", "PER"], "Repeated label"),
    ],
)
def test_labels_that_number_no_tags(make: type, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(labels)


@pytest.mark.parametrize(
    ("labels", "name", "message"),
    [
        (["PER"], "iob", "Unknown tag scheme 'iob'"),
        (["PER"], "BILUO", "Unknown tag scheme"),
        (["PER", ""], "biluo", "Empty label"),
        (["PER", "ORG", "PER"], "bio", "Repeated label"),
    ],
)
def test_schemes_that_cannot_be(labels: list, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TagScheme(labels, name)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 2, 0), (1, 3, 0)], "overlaps"),
        ([(0, 3, 0), (1, 2, 1)], "overlaps"),
        ([(1, 2, 0), (0, 3, 1)], "overlaps"),
        ([(0, 1, 0), (0, 1, 0)], "overlaps"),
        ([(3, 5, 0)], "does not fit"),
        ([(-1, 2, 0)], "does not fit"),
        ([(2, 2, 0)], "does not fit"),
        ([(2, 1, 0)], "does not fit"),
        ([(0, 1, 2)], "label number 2, but there are 2"),
        ([(0, 1, -1)], "label number -1"),
    ],
)
@pytest.mark.parametrize("name", SCHEMES)
def test_spans_that_cannot_be_written(name: str, spans: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TagScheme(["PER", "ORG"], name).encode(spans, 4)
