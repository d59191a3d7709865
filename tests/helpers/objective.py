"""Random scores and annotation for tests of objectives."""

import numpy as np
import pytest

from spacy_crf_tagger.crf import Potentials
from spacy_crf_tagger.pipeline.annotation import UNKNOWN
from spacy_crf_tagger.pipeline.ner.annotation import EntityAnnotation
from spacy_crf_tagger.pipeline.ner.objective import annotation_loss
from spacy_crf_tagger.pipeline.ner.settings import Settings

SCORES = ("emissions", "transitions", "start", "end")
LENGTHS = np.array([4, 0, 1, 3])
both_schemes = pytest.mark.parametrize("scheme_name", ["biluo", "bio"])
both_outputs = pytest.mark.parametrize("output", ["crf", "softmax"])


def random_potentials(n_tags, output="crf", seed=0, lengths=LENGTHS):
    rng = np.random.default_rng(seed)
    emissions = rng.normal(size=(int(lengths.sum()), n_tags)).astype("float32")
    if output == "softmax":
        return Potentials(emissions, None, None, None, lengths)
    others = [
        rng.normal(size=shape).astype("float32")
        for shape in ((n_tags, n_tags), (n_tags,), (n_tags,))
    ]
    return Potentials(emissions, *others, lengths)


def some_tags(scheme):
    """One document for each case: with gaps, empty, without annotation, complete."""
    person, place = (
        scheme.tags.index(("U" if scheme.name == "biluo" else "B") + f"-{label}")
        for label in scheme.labels
    )
    return np.array([UNKNOWN, person, 0, UNKNOWN, UNKNOWN, place, 0, person])


def loss_of_tags(tags, potentials, scheme, **settings):
    annotation = EntityAnnotation(tags, [], settings.pop("incorrect", []))
    return annotation_loss(annotation, potentials, scheme, Settings(**settings))


def assert_gradients(loss_of, potentials, gradients):
    """Compare with finite differences of the mean loss, along random directions."""
    rng = np.random.default_rng(5)
    for name in SCORES:
        scores = getattr(potentials, name)
        if scores is None:
            assert getattr(gradients, name) is None
            continue
        direction = rng.normal(size=scores.shape)
        moved = [
            potentials._replace(**{name: (scores.astype("float64") + step * direction)})
            for step in (1e-4, -1e-4)
        ]
        expected = (loss_of(moved[0]) - loss_of(moved[1])) / 2e-4
        found = (getattr(gradients, name) * direction).sum() * len(LENGTHS)
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
