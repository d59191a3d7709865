"""Regions against all paths of small lattices."""

from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp

from spacy_crf_tagger.crf import Lattice, Potentials, SpanPosterior, TagScheme
from spacy_crf_tagger.crf.spans import by_sequence
from spacy_crf_tagger.evaluation.annotation_errors.regions import find_regions
from spacy_crf_tagger.pipeline.annotation import UNKNOWN

LENGTHS = np.array([3, 0, 1, 4])


def random_case(scheme, seed):
    """A lattice, and annotation of which some is missing."""
    rng = np.random.default_rng(seed)
    k, n = scheme.n_tags, LENGTHS.sum()
    shapes = ((n, k), (k, k), (k,), (k,))
    scores = [rng.normal(size=shape) * 2 for shape in shapes]
    lattice = Lattice.build(Potentials(*scores, LENGTHS), scheme.constraints)
    spans = {3: [[], [(0, 1, 0)], [(1, 3, 0)]], 0: [[]], 1: [[], [(0, 1, 1)]]}
    spans[4] = [[(0, 2, 1), (2, 3, 0)], [(1, 4, 0)], []]
    tags = [
        scheme.encode(spans[length][rng.integers(len(spans[length]))], length)
        for length in LENGTHS.tolist()
    ]
    joined = np.concatenate(tags)
    if rng.random() < 0.5:
        outside = np.flatnonzero(joined == 0)
        joined[outside[: len(outside) // 2]] = UNKNOWN
    return lattice, joined


def scored_fillings(lattice, scheme, tags, start, end):
    """RETURNS the score of all tags of a region with those of the annotation around
    it, which count as outside where there are none.
    """
    first = np.concatenate([[0], np.cumsum(lattice.lengths)])
    document = int(np.searchsorted(first, start, side="right")) - 1
    low, high = first[document], first[document + 1]
    path = np.maximum(tags[low:high], 0)
    found = {}
    for inner in product(range(scheme.n_tags), repeat=int(end - start)):
        filled = path.copy()
        filled[start - low : end - low] = inner
        allowed = scheme.constraints
        steps = allowed.transitions[filled[:-1], filled[1:]].all()
        # Under BIO, that would change the entity before.
        steps = steps and not scheme.continues[inner[0]]
        if steps and allowed.start[filled[0]] and allowed.end[filled[-1]]:
            score = lattice.emissions[np.arange(low, high), filled].sum()
            score += lattice.transitions[filled[:-1], filled[1:]].sum()
            found[inner] = score + lattice.start[filled[0]] + lattice.end[filled[-1]]
    return found


@pytest.mark.parametrize("name", ["biluo", "bio"])
@pytest.mark.parametrize("seed", range(8))
def test_regions_are_those_of_brute_force(name, seed):
    scheme = TagScheme(["A", "B"], name)
    lattice, tags = random_case(scheme, seed)
    regions = find_regions(lattice, scheme, tags, SpanPosterior(lattice, scheme))
    assert (regions.start[1:] >= regions.end[:-1]).all()
    for i, (start, end) in enumerate(zip(regions.start, regions.end, strict=True)):
        own = tags[start:end]
        assert (own != UNKNOWN).all()
        scores = scored_fillings(lattice, scheme, tags, start, end)
        log_z = logsumexp(list(scores.values()))
        gold = scores.pop(tuple(own.tolist()))
        best = max(scores, key=scores.__getitem__)
        assert regions.log_annotated[i] == pytest.approx(gold - log_z, abs=1e-5)
        assert regions.log_suggested[i] == pytest.approx(scores[best] - log_z, abs=1e-5)
        for spans, path in ((regions.suggested, best), (regions.annotated, own)):
            [expected] = by_sequence(
                scheme.decode(np.array(path)), np.array([end - start])
            )
            assert spans[i] == expected


def test_all_annotated_entities_are_in_a_region():
    scheme = TagScheme(["A"])
    scores = [np.zeros((4, 5)), np.zeros((5, 5)), np.zeros(5), np.zeros(5)]
    scores[0][:, 0] = 20.0  # sure that there is none
    lattice = Lattice.build(Potentials(*scores, np.array([4])), scheme.constraints)
    tags = scheme.encode([(1, 3, 0)], 4)
    posterior = SpanPosterior(lattice, scheme)
    regions = find_regions(lattice, scheme, tags, posterior)
    assert regions.annotated == [[(0, 2, 0)]]
    assert regions.suggested == [[]]
    assert regions.log_annotated[0] == pytest.approx(-40, abs=0.1)
    outside = np.zeros(4, dtype=np.int64)
    nothing = find_regions(lattice, scheme, outside, posterior)
    assert len(nothing.start) == 0
