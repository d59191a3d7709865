import numpy as np
import pytest

from spacy_crf_tagger.crf import k_best, log_partition
from spacy_crf_tagger.evaluation.uncertainty import (
    Measure,
    entropies,
    measure_uncertainty,
    shares_of_words,
)
from tests.helpers.calibration import make_unsure
from tests.helpers.component import recognizer
from tests.helpers.tagging import make_unsure_tagger

SHORT = ["Nobody", "", "Grace met", "We left Paris"]


def lattice_of(nlp, name="crf_ner"):
    pipe = nlp.get_pipe(name)
    [(_, lattice)] = pipe.lattices([nlp.make_doc(text) for text in SHORT])
    return lattice


LATTICES = {
    "biluo": lambda: lattice_of(make_unsure()),
    "bio": lambda: lattice_of(make_unsure("bio")),
    "tagger": lambda: lattice_of(make_unsure_tagger(), "crf_tagger"),
}


@pytest.fixture(params=LATTICES)
def lattice(request):
    return LATTICES[request.param]()


def all_paths(lattice):
    """The tags of all paths of each sequence, and their probabilities."""
    for n in np.flatnonzero(lattice.lengths).tolist():
        one = lattice.select(np.array([n]))
        paths = k_best(one, 500)
        possible = paths.scores[:, 0] > -np.inf
        scores = paths.scores[possible, 0] - log_partition(one)[0]
        yield n, paths.tags[possible], np.exp(scores)


def test_measures_are_those_of_all_paths(lattice):
    measured = {each: measure_uncertainty(lattice, each).totals for each in Measure}
    for n, tags, probabilities in all_paths(lattice):
        assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
        entropy = -(probabilities * np.log(probabilities)).sum()
        assert measured[Measure.entropy][n] == pytest.approx(entropy, abs=1e-4)
        best = -np.log(probabilities.max())
        assert measured[Measure.mnlp][n] == pytest.approx(best, abs=1e-4)
        one_hot = np.eye(lattice.n_tags)[tags]
        marginals = np.tensordot(probabilities, one_hot, 1)
        lengths = ((one_hot - marginals) ** 2).sum(axis=(1, 2))
        change = (probabilities * lengths).sum()
        assert measured[Measure.change][n] == pytest.approx(change, abs=1e-4)
    assert all(measured[each][1] == 0.0 for each in Measure)  # of the empty text


def test_entropy_of_what_is_certain_is_zero():
    lattice = lattice_of(make_unsure())
    outside = np.zeros((len(lattice.emissions), lattice.n_tags), dtype=np.bool_)
    outside[:, 0] = True
    certain = lattice.restrict(outside)
    assert entropies(certain) == pytest.approx(np.zeros(len(certain.lengths)), abs=1e-5)
    assert measure_uncertainty(certain, Measure.change).by_token == pytest.approx(0.0)


def test_unsure_words_come_first():
    words = np.array([7, 8, 7, 9], dtype=np.uint64)
    found, shares = shares_of_words(words, np.array([1.0, 0.5, 2.0, 1.5]), 2)
    assert found.tolist() == [7, 9]
    assert shares == pytest.approx([0.6, 0.3])
    found, shares = shares_of_words(words, np.zeros(4), 2)
    assert found.tolist() == shares.tolist() == []


def test_tokens_differ(lattice):
    by_token = measure_uncertainty(lattice, Measure.entropy).by_token
    assert len(by_token) == lattice.lengths.sum()
    assert by_token.min() >= 0
    assert by_token.max() > 0.1


def test_component_is_asked_at_its_temperature():
    nlp = make_unsure()
    before = entropies(lattice_of(nlp))
    recognizer(nlp).temperature = 3.0
    assert entropies(lattice_of(nlp)).sum() > before.sum()
