"""Labels, tags and spans that mean nothing."""

from typing import Any

import numpy as np
import pytest

from spacy_crf_tagger import crf
from spacy_crf_tagger.crf import Lattice, NegativeSpan, ScoredSpans, TagScheme
from spacy_crf_tagger.crf.risk import best_spans, largest_expected_f, minimum_risk
from spacy_crf_tagger.crf.scheme import TaggedSpans
from spacy_crf_tagger.crf.spans import by_sequence, span_probabilities

from .brute_force import random_potentials
from .conftest import Engine

SCHEME = TagScheme(["A", "B"])


def lattice_of() -> Lattice:
    potentials = random_potentials(np.random.default_rng(0), [4, 0, 2], SCHEME.n_tags)
    return Lattice.build(potentials, SCHEME.constraints)


@pytest.mark.parametrize("labels", ["PE", b"PE", {"P", "E"}, 3, None], ids=range(5))
def test_labels_that_are_no_list(labels: Any) -> None:
    with pytest.raises(ValueError, match="must be a list of strings"):
        TagScheme(labels)


def test_labels_that_can_be_read_once() -> None:
    assert TagScheme(label for label in "PE").labels == ("P", "E")
    with pytest.raises(ValueError, match="Unknown tag scheme"):
        TagScheme(["P"], ["bio"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spans", "length"),
    [
        ([(0.0, 1, 0)], 3),
        ([(0, True, 0)], 3),
        ([(0, 1, "A")], 3),
        ([(0, 1, None)], 3),
        ([(0, 1)], 3),
        ([3], 3),
        ([(0, 1, 0)], 3.0),
        ([(0, 1, 0)], None),
        ([], -1),
        ([], 2**62),
    ],
)
def test_spans_that_cannot_be_encoded(spans: Any, length: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SCHEME.encode(spans, length)


@pytest.mark.parametrize(
    "tags", [[-1], [9], [0.0], [True], [[0]], 0, None, ["O"], [2, 3], [0, 1], [1, 7]]
)
def test_tags_that_cannot_be_decoded(tags: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SCHEME.decode(tags)


@pytest.mark.parametrize("label", [-1, 2, 0.0, True, None, "A"])
def test_labels_that_there_are_not(label: Any) -> None:
    yes = np.array([True])
    with pytest.raises(ValueError, match="label"):
        SCHEME.inside_tag(label)
    with pytest.raises(ValueError, match="label"):
        SCHEME.tag_of(np.array([label]), yes, yes)


@pytest.mark.parametrize("first", [[1], [0.0], [[True]], True, None, [True, False]])
def test_masks_of_first_tokens(first: Any) -> None:
    with pytest.raises(ValueError, match="first"):
        SCHEME.tag_of(np.array([0]), first, np.array([True]))


CANDIDATES = ScoredSpans(
    np.array([0, 1]), np.array([1, 3]), np.array([0, 0]), np.array([0.5, 0.75])
)


@pytest.mark.parametrize(
    "changes",
    [
        {"probability": np.array([0.5, np.nan])},
        {"probability": np.array([0.5, 1.5])},
        {"probability": np.array([0.5])},
        {"start": np.array([0, 3])},
        {"start": np.array([-1, 1])},
        {"start": np.array([0.0, 1.0])},
        {"end": np.array([1])},
        {"label": np.array([0, 0, 0])},
    ],
)
def test_candidates_that_are_no_spans(changes: dict) -> None:
    candidates = CANDIDATES._replace(**changes)
    with pytest.raises(ValueError, match=r"\w"):
        minimum_risk(candidates, 0.5)
    with pytest.raises(ValueError, match=r"\w"):
        largest_expected_f(candidates, 1.0)


@pytest.mark.parametrize("number", [np.nan, np.inf, None, "1", True, 1j])
def test_prices_that_are_no_numbers(number: Any) -> None:
    with pytest.raises(ValueError, match="price"):
        minimum_risk(CANDIDATES, number)
    if number is not None:
        with pytest.raises(ValueError, match="price"):
            best_spans(lattice_of(), SCHEME, number)
    for wrong in (number, -1.0):
        with pytest.raises(ValueError, match="expected_number"):
            largest_expected_f(CANDIDATES, wrong)


@pytest.mark.parametrize("numbers", [[2], [-1], [0.0], [True, False], 0, None, [[0]]])
def test_numbers_of_spans(numbers: Any) -> None:
    with pytest.raises(ValueError, match="numbers"):
        CANDIDATES.take(numbers)


@pytest.mark.parametrize(
    "span",
    [
        NegativeSpan(0, 0, (0,)),
        NegativeSpan(-1, 1, (0,)),
        NegativeSpan(3, 5, (0,)),  # from the first sequence into the next
        NegativeSpan(5, 7, (0,)),
        NegativeSpan(6, 7, (0,)),
        NegativeSpan(0, 1, ()),
        NegativeSpan(0, 1, (2,)),
        NegativeSpan(0, 1, (-1,)),
        NegativeSpan(0, 1, (0, 0)),
        NegativeSpan(0, 1, 0),  # type: ignore[arg-type]
        NegativeSpan(0.0, 1, (0,)),  # type: ignore[arg-type]
        NegativeSpan(0, True, (0,)),
        NegativeSpan(0, 1, ("A",)),  # type: ignore[arg-type]
    ],
)
def test_negative_spans_that_are_none(span: NegativeSpan, engine: Engine) -> None:
    lattice = engine.prepare(lattice_of())
    fine = NegativeSpan(0, 1, (0, 1))
    with pytest.raises(ValueError, match=r"[Ss]pan 1"):
        crf.negative_span_loss(lattice, [fine, span], SCHEME, engine.backend)


@pytest.mark.parametrize(
    "span",
    [
        (0, 0, 0),
        (-1, 1, 0),
        (-3, -1, 0),
        (2, 1, 0),
        (3, 5, 0),  # from the first sequence into the next
        (5, 7, 0),
        (6, 7, 0),
        (8, 9, 0),
        (0, 1, -1),
        (0.0, 1, 0),
        (0, True, 0),
        (0, 1, "A"),
    ],
)
def test_tagged_spans_that_are_none(span: tuple, engine: Engine) -> None:
    spans = TaggedSpans(*(np.array([each]) for each in span))
    lattice = engine.prepare(lattice_of())
    with pytest.raises(ValueError, match=r"Span 0|must be whole numbers"):
        span_probabilities(lattice, SCHEME, spans, engine.backend)
    with pytest.raises(ValueError, match=r"Span 0|must be whole numbers"):
        by_sequence(spans, lattice.lengths)


@pytest.mark.parametrize("number", [2, 2**62])
def test_tagged_spans_of_other_labels(number: int) -> None:
    spans = TaggedSpans(np.array([0]), np.array([1]), np.array([number]))
    with pytest.raises(ValueError, match="one of 2 labels"):
        span_probabilities(lattice_of(), SCHEME, spans)


@pytest.mark.parametrize("spans", [None, [], [(0, 1, 0)], CANDIDATES[:3]])
def test_what_is_no_tagged_spans(spans: Any) -> None:
    with pytest.raises(ValueError, match="TaggedSpans or ScoredSpans"):
        span_probabilities(lattice_of(), SCHEME, spans)
    with pytest.raises(ValueError, match="TaggedSpans or ScoredSpans"):
        by_sequence(spans, np.array([3]))


def test_columns_of_spans_that_differ_in_length() -> None:
    spans = CANDIDATES._replace(end=np.array([1]))
    for ask in (
        lambda: span_probabilities(lattice_of(), SCHEME, spans),
        lambda: by_sequence(spans, np.array([3])),
    ):
        with pytest.raises(ValueError, match="2 starts, 1 ends and 2 labels"):
            ask()


def test_spans_in_no_order() -> None:
    spans = TaggedSpans(np.array([1, 0]), np.array([2, 1]), np.array([0, 0]))
    with pytest.raises(ValueError, match="not ordered by their start"):
        by_sequence(spans, np.array([3]))
    assert len(span_probabilities(lattice_of(), SCHEME, spans)) == 2


@pytest.mark.parametrize("lengths", [[-1, 4], [3.0], None, [[3]], 3])
def test_lengths_of_sequences(lengths: Any) -> None:
    with pytest.raises(ValueError, match="lengths"):
        by_sequence(CANDIDATES, lengths)


@pytest.mark.parametrize("scheme", [TagScheme(["A"]), TagScheme(["A", "B"], "bio")])
def test_spans_under_another_scheme(scheme: TagScheme) -> None:
    spans = TaggedSpans(np.array([0]), np.array([1]), np.array([0]))
    for ask in (
        lambda: span_probabilities(lattice_of(), scheme, spans),
        lambda: best_spans(lattice_of(), scheme, None),
    ):
        with pytest.raises(ValueError, match="the lattice has 9"):
            ask()
