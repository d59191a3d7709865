"""Labels, tags and spans that mean nothing."""

from typing import Any

import numpy as np
import pytest

from spacy_crf_tagger import crf
from spacy_crf_tagger.crf import Lattice, NegativeSpan, ScoredSpans, TagScheme
from spacy_crf_tagger.crf.risk import largest_expected_f, minimum_risk

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
