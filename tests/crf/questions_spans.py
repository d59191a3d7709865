"""Questions about several paths, two lattices and spans; see `cases`."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, List, Optional

import numpy as np
from scipy.special import logsumexp

from spacy_crf_tagger import crf
from spacy_crf_tagger.crf import NegativeSpan, TagScheme

from . import hostile
from .brute_force import all_paths, enumerate_paths, rows_of, score_paths
from .cases import (
    Case,
    Plain,
    ask,
    assert_close,
    has_digits,
    is_possible,
    question,
    random_case,
    size_of,
)
from .hostile import pick


@question
def k_best(case: Case) -> bool:
    plain = case.plain
    k: Any = int(case.rng.integers(1, 8))
    if case.is_wrong:
        k = hostile.hostile_number(case.rng)
    meant = hostile.as_count(k, 1)
    expected = enumerate_paths(plain)
    fine = has_digits(expected, plain.lengths) and is_possible(expected)
    cells = len(plain.lengths) + len(plain.emissions)
    fits = meant is not None and meant * max(cells, 1) < 2**26
    if meant is not None and not fits and meant * max(cells, 1) < 2**31:
        return False  # answered, but not in a moment
    lattice = case.lattice
    answer = ask(lambda: crf.k_best(lattice, k, case.backend), fine and fits, k)
    if answer is None:
        return False
    for b, rows in enumerate(rows_of(plain.lengths)):
        scores = score_paths(plain, rows, all_paths(len(rows), plain.n_tags))
        best = np.sort(scores[scores > -np.inf])[::-1][:meant]
        found = np.asarray(answer.scores)[:, b]
        np.testing.assert_allclose(found[: len(best)], best, rtol=1e-7, atol=1e-6)
        assert np.isneginf(found[len(best) :]).all()
        paths = np.asarray(answer.tags)[: len(best), rows]
        assert len({tuple(path) for path in paths.tolist()}) == len(best)
    return True


@question
def sample(case: Case) -> bool:
    plain = case.plain
    n: Any = int(case.rng.integers(1, 8))
    seed: Any = pick(case.rng, [0, 3, (1, 2), np.int64(5), [2**70]])
    if case.is_wrong:
        if case.rng.random() < 0.5:
            n = hostile.hostile_number(case.rng)
        else:
            seed = hostile.hostile_number(case.rng)
    meant = hostile.as_count(n, 1)
    if isinstance(seed, (list, tuple)):
        is_seed = len(seed) > 0 and all(
            hostile.as_count(s, 0) is not None for s in seed
        )
    else:
        is_seed = hostile.as_count(seed, 0) is not None
    expected = enumerate_paths(plain)
    fine = has_digits(expected, plain.lengths) and is_possible(expected)
    n_tokens = max(len(plain.emissions), 1)
    fits = meant is not None and meant * n_tokens < 2**26
    if meant is not None and not fits and meant * n_tokens < 2**31:
        return False
    lattice = case.lattice
    call = lambda: crf.sample(lattice, n, seed, case.backend)  # noqa: E731
    answer = ask(call, fine and fits and is_seed, (n, seed))
    if answer is None:
        return False
    paths = np.asarray(answer)
    assert paths.shape == (meant, len(plain.emissions))
    for rows in rows_of(plain.lengths):
        assert (score_paths(plain, rows, paths[:, rows]) > -np.inf).all()
    return True


@question
def divergence(case: Case) -> bool:
    """Whether the lattices fit to each other, and the value."""
    student, plain = case.lattice, case.plain
    other = random_case(int(case.rng.integers(2**32)), case.kind)
    if case.is_wrong and case.rng.random() < 0.5:
        teacher, theirs = other.lattice, other.plain
    else:
        moved = case.scores.emissions + case.rng.normal(size=plain.emissions.shape)
        scores = case.scores._replace(emissions=moved.astype(case.scores[0].dtype))
        same = replace(case, scores=scores)
        teacher, theirs = same.lattice, same.plain
    alike = plain.n_tags == theirs.n_tags and np.array_equal(
        plain.lengths, theirs.lengths
    )
    expected = [enumerate_paths(each) for each in (plain, theirs)]
    fine = alike and all(
        has_digits(each, lattice.lengths) and is_possible(each)
        for each, lattice in zip(expected, (plain, theirs), strict=True)
    )
    value = 0.0
    for rows in rows_of(plain.lengths) if fine else []:
        paths = all_paths(len(rows), plain.n_tags)
        ours, others = (score_paths(each, rows, paths) for each in (plain, theirs))
        with np.errstate(invalid="ignore", over="ignore"):
            log_p, log_q = others - logsumexp(others), ours - logsumexp(ours)
            shares = np.exp(log_p)
            value += float((shares * (log_p - log_q))[shares > 0].sum())
    if not value < 1e12:
        return False
    call = lambda: crf.divergence(student, teacher, case.backend)  # noqa: E731
    answer = ask(call, fine)
    if answer is not None:
        # Differences of scores are in the precision of the scores.
        tolerance = 1e-6 + 1e-6 * (size_of(plain) + size_of(theirs))
        np.testing.assert_allclose(float(answer[0]), value, rtol=1e-5, atol=tolerance)
    return answer is not None


def shares_with(plain: Plain, scheme: TagScheme, span: NegativeSpan) -> Optional[Any]:
    """Probability that a span has one of its labels, None if it is no span."""
    values = [span.start, span.end]
    labels = hostile.as_integers(span.labels, len(scheme.labels), (None,))
    if any(hostile.as_count(each, 0) is None for each in values) or labels is None:
        return None
    if not len(labels) or len(set(labels.tolist())) < len(labels):
        return None
    offsets = [0, *np.cumsum(plain.lengths).tolist()]
    for first, behind in pairwise(offsets):
        if first <= span.start < span.end <= behind:
            break
    else:
        return None
    rows = np.arange(first, behind)
    paths = all_paths(len(rows), plain.n_tags)
    scores = score_paths(plain, rows, paths)
    positions = len(scheme.positions)
    has = np.zeros(len(paths), bool)
    for label in labels.tolist():
        length, tag = span.end - span.start, 1 + label * positions
        inner = [tag] + [tag + 1] * (length - 1)
        if scheme.name == "biluo":
            inner = (
                [tag, *[tag + 1] * (length - 2), tag + 2] if length > 1 else [tag + 3]
            )
        own = (paths[:, span.start - first : span.end - first] == inner).all(1)
        if scheme.name == "bio" and span.end < behind:
            own &= paths[:, span.end - first] != tag + 1
        has |= own
    with np.errstate(all="ignore"):
        total = logsumexp(scores)
        return np.exp(logsumexp(scores[has]) - total) if has.any() else 0.0, (
            total - logsumexp(scores[~has]) if (~has).any() else np.inf
        )


def random_span(case: Case) -> NegativeSpan:
    """Mostly within a sequence, and with labels if there are any."""
    n_tokens = len(case.scores.emissions)
    start = int(case.rng.integers(0, n_tokens + 1))
    end = start + int(pick(case.rng, [1, 1, 2, 3]))
    occupied = [rows for rows in rows_of(case.scores.lengths) if len(rows)]
    if occupied and case.rng.random() < 0.8:
        rows = pick(case.rng, occupied)
        start = int(pick(case.rng, rows))
        end = (
            int(case.rng.integers(start, rows[-1])) + 1
            if start < rows[-1]
            else start + 1
        )
    labels = tuple(case.rng.permutation(len(case.scheme.labels)).tolist())
    return NegativeSpan(start, end, labels[: int(case.rng.integers(1, 3))])


@question
def negative_span_loss(case: Case) -> bool:
    plain, scheme = case.plain, case.scheme
    span = random_span(case)
    if case.is_wrong:
        field = pick(case.rng, ["start", "end", "labels"])
        span = span._replace(**{field: hostile.hostile_number(case.rng)})
    if field_of_iterator(span.labels):
        return False
    found = shares_with(plain, scheme, span)
    expected = enumerate_paths(plain)
    fine = found is not None and has_digits(expected, plain.lengths)
    # There is no share of nothing: its sequence has no path at all.
    fine = fine and not np.isnan(found[1])
    if fine and found[1] > 1e5:
        return False  # no path, or none worth speaking of, is without the span
    lattice = case.lattice
    if not is_strict(plain, scheme):
        return False
    answer = ask(
        lambda: crf.negative_span_loss(lattice, [span], scheme, case.backend),
        fine,
        span,
    )
    if answer is not None:
        assert_close(answer[0], [found[1]], plain)
        assert all(np.isfinite(np.asarray(each)).all() for each in answer[1][:4])
    return answer is not None


def field_of_iterator(labels: Any) -> bool:
    return hasattr(labels, "__next__")


def is_strict(plain: Plain, scheme: TagScheme) -> bool:
    """Whether what the scheme forbids has no weight."""
    allowed = scheme.constraints
    return bool(
        (plain.transitions[~allowed.transitions] < -1e8).all()
        and (plain.start[~allowed.start] < -1e8).all()
        and (plain.end[~allowed.end] < -1e8).all()
    )


@question
def probabilities(case: Case) -> bool:
    plain, scheme = case.plain, case.scheme
    expected = enumerate_paths(plain)
    strict = has_digits(expected, plain.lengths) and is_strict(plain, scheme)
    if not (strict and is_possible(expected)):
        return False
    spans = [random_span(case) for _ in range(int(case.rng.integers(0, 4)))]
    columns: List[Any] = [
        np.array([span.start for span in spans], np.int64),
        np.array([span.end for span in spans], np.int64),
        np.array([span.labels[0] if span.labels else 0 for span in spans], np.int64),
    ]
    if case.is_wrong:
        place = int(case.rng.integers(3))
        columns[place] = hostile.hostile_integers(case.rng, columns[place], 3)
    meant = [hostile.as_integers(column, 2**62, (None,)) for column in columns]
    found: List[Any] = [None]
    if all(column is not None for column in meant) and len(set(map(len, meant))) == 1:
        found = [
            shares_with(plain, scheme, NegativeSpan(start, end, (label,)))
            for start, end, label in zip(*(c.tolist() for c in meant), strict=True)
        ]
    posterior = crf.SpanPosterior(case.lattice, scheme, case.backend)
    fine = all(each is not None for each in found)
    answer = ask(lambda: posterior.probabilities(*columns), fine, columns)
    if answer is not None:
        assert_close(answer, [share for share, _ in found], plain)
    return answer is not None


@question
def above(case: Case) -> bool:
    plain, scheme = case.plain, case.scheme
    expected = enumerate_paths(plain)
    strict = has_digits(expected, plain.lengths) and is_strict(plain, scheme)
    if not (strict and is_possible(expected)):
        return False
    floor: Any = float(case.rng.random())
    if case.is_wrong:
        floor = hostile.hostile_number(case.rng)
    meant = hostile.as_number(floor, 5e-324, np.inf)
    posterior = crf.SpanPosterior(case.lattice, scheme, case.backend)
    answer = ask(lambda: posterior.above(floor), meant is not None, floor)
    if answer is None:
        return False
    found = set(zip(*(column.tolist() for column in answer[:3]), strict=True))
    n_tokens = len(plain.emissions)
    for start in range(n_tokens):
        for end in range(start + 1, n_tokens + 1):
            for label in range(len(scheme.labels)):
                both = shares_with(plain, scheme, NegativeSpan(start, end, (label,)))
                share = both[0] if both else 0.0
                # Neither where rounding decides.
                if share > meant + 1e-5:
                    assert (start, end, label) in found
                elif share < meant - 1e-5 or both is None:
                    assert (start, end, label) not in found
    return True
