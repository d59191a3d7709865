import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_crf_tagger.evaluation.risk_control import UncontrollableError, control_floor

LEAST = 1e-4
PROBABILITIES = st.lists(
    st.lists(st.sampled_from([0.0, 0.01, 0.25, 0.2500004, 0.5, 0.9, 1.0]), max_size=4),
    min_size=1,
    max_size=30,
)


def as_arrays(documents):
    return [np.array(each, dtype=np.float64) for each in documents]


def bound_at(documents, floor, most_entities):
    """The formulas of the paper: mean loss of n documents, and the loss's bound."""
    documents = [each for each in documents if each]
    missed = [sum(p <= floor for p in each) for each in documents]
    if most_entities is not None:
        total = sum(map(len, documents)) + most_entities
        return (sum(missed) + most_entities) / total
    n = len(documents)
    losses = [m / len(each) for m, each in zip(missed, documents, strict=True)]
    return (n / (n + 1)) * (sum(losses) / n if n else 0.0) + 1 / (n + 1)


@given(
    PROBABILITIES, st.sampled_from([0.05, 0.1, 0.3, 0.5]), st.sampled_from([None, 4])
)
def test_floor_is_the_highest_that_keeps_the_promise(documents, rate, most_entities):
    levels = sorted({p for each in documents for p in each if p > LEAST})
    # Just below each probability, so that it is above the floor.
    bounds = {p: bound_at(documents, p - 1e-9, most_entities) for p in levels}
    kept = [p for p, bound in bounds.items() if bound <= rate + 1e-9]
    options = {"least_floor": LEAST, "most_entities": most_entities}
    if not kept:
        with pytest.raises(UncontrollableError):
            control_floor(as_arrays(documents), rate, **options)
        return
    found = control_floor(as_arrays(documents), rate, **options)
    assert max(kept) - 2e-6 <= found.floor < max(kept)
    assert found.bound == pytest.approx(bound_at(documents, found.floor, most_entities))
    assert found.bound <= rate + 1e-9
    assert found.n_docs == sum(map(bool, documents))
    assert found.n_entities == sum(map(len, documents))
    assert found.n_missed == sum(p <= found.floor for each in documents for p in each)
    assert round(found.floor, 6) == found.floor


def draw_document(rng):
    """Long documents are harder, so that means over documents and entities differ."""
    size = rng.integers(1, 9)
    return rng.beta(5.0 / size, 1.0, size)


@pytest.mark.parametrize("most_entities", [None, 8])
def test_promise_is_kept_by_new_documents(most_entities):
    rate = 0.15
    rng = np.random.default_rng(0)
    missed, entities, shares = [], [], []
    for _ in range(400):
        documents = [draw_document(rng) for _ in range(60)]
        new = draw_document(rng)
        found = control_floor(
            documents, rate, least_floor=1e-6, most_entities=most_entities
        )
        missed.append(int((new <= found.floor).sum()))
        entities.append(len(new))
        shares.append(missed[-1] / entities[-1])
    # Of exchangeable documents the expectation is at most the rate, and, where
    # probabilities do not repeat, little less.
    if most_entities is None:
        error = np.std(shares) / math.sqrt(len(shares))
        assert rate - 0.04 < np.mean(shares) <= rate + 2 * error
        return
    error = np.std(np.array(missed) - rate * np.array(entities))
    error /= np.mean(entities) * math.sqrt(len(missed))
    assert rate - 0.04 < sum(missed) / sum(entities) <= rate + 2 * error


def test_documents_without_entities_do_not_count():
    documents = as_arrays([[0.9], [0.8, 0.4], [0.7]] * 10)
    found = control_floor(documents, 0.2, least_floor=LEAST)
    with_empty = [*documents, *as_arrays([[]] * 100)]
    assert control_floor(with_empty, 0.2, least_floor=LEAST) == found


@pytest.mark.parametrize(
    ("documents", "options", "message"),
    [
        ([[0.9]] * 18, {}, "19 documents with entities are needed, and there are 18"),
        ([], {}, "19 documents with entities are needed, and there are 0"),
        (
            [[0.9]] * 37,
            {"most_entities": 2},
            "38 entities are needed, and there are 37",
        ),
        ([[0.9]] * 36 + [[0.0]] * 3, {}, r"no miss rate below 0\.100 can be promised"),
    ],
)
def test_promises_that_cannot_be_made(documents, options, message):
    with pytest.raises(UncontrollableError, match=message):
        control_floor(as_arrays(documents), 0.05, **{"least_floor": LEAST, **options})


def test_what_cannot_be_promised_is_named_exactly():
    documents = as_arrays([[0.9]] * 36 + [[0.0]] * 3)
    assert control_floor(documents, 0.1, least_floor=LEAST).bound == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("rate", "options", "message"),
    [
        (0.0, {}, "above 0 and below 1, not 0"),
        (1.0, {}, "above 0 and below 1, not 1"),
        (0.1, {"least_floor": 1e-7}, "least floor must be at least 1e-06"),
        (0.5, {"most_entities": 1}, "a document has 2 entities.*said to be 1"),
    ],
)
def test_arguments_that_mean_nothing(rate, options, message):
    documents = as_arrays([[0.9, 0.8]] * 30)
    with pytest.raises(ValueError, match=message):
        control_floor(documents, rate, **{"least_floor": LEAST, **options})
