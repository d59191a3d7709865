"""Two passes under different dropout, and the distance between them in training."""

import math

import numpy as np
import pytest
from component_helpers import (
    SMALL_TOK2VEC,
    TRAIN_DATA,
    entities,
    fit,
    make_examples,
    make_nlp,
    parameters,
    recognizer,
    trained_nlp,
)
from objective_helpers import (
    both_outputs,
    both_schemes,
    random_potentials,
    some_tags,
)
from thinc.api import set_dropout_rate

from spacy_crf_tagger.crf import Lattice, TagScheme, mutual_divergence
from spacy_crf_tagger.gold import Annotation
from spacy_crf_tagger.objective import annotation_loss, consistent_loss, rehearsal_loss
from spacy_crf_tagger.passes import begin_passes
from spacy_crf_tagger.settings import Settings

PARTLY = [
    *TRAIN_DATA,
    ("", {}),
    ("Ada left Paris", {}),
    ("Ada left", {"entities": [(0, 3, "PERSON")]}),
]


def two_passes(scheme, output):
    """Scores of the same documents that differ at the tokens, and their annotation."""
    first, second = (random_potentials(scheme.n_tags, output, seed) for seed in (0, 1))
    tags = np.tile(some_tags(scheme), 2)
    both = first._replace(
        emissions=np.concatenate([first.emissions, second.emissions]),
        lengths=np.tile(first.lengths, 2),
    )
    second = first._replace(emissions=second.emissions)
    return first, second, both, Annotation(tags, [], [])


@both_schemes
@both_outputs
@pytest.mark.parametrize("weight", [0.5, 3.0])
def test_loss_is_that_of_the_annotation_and_of_the_distance(
    scheme_name, output, weight
):
    scheme = TagScheme(["PERSON", "PLACE"], scheme_name)
    first, second, both, annotation = two_passes(scheme, output)
    settings = Settings(consistency=weight)
    loss, gradients = consistent_loss(annotation, both, scheme, settings)
    plain, d_plain = annotation_loss(annotation, both, scheme, settings)
    forth, d_first = rehearsal_loss(second, first, scheme)
    back, d_second = rehearsal_loss(first, second, scheme)
    assert loss == pytest.approx((plain + weight * (forth + back)) / 2, rel=1e-5)
    # Means over the documents, of which there are twice as many in both passes.
    distance = np.concatenate([d_first.emissions, d_second.emissions]) / 2
    np.testing.assert_allclose(
        gradients.emissions, d_plain.emissions + weight * distance, atol=1e-6
    )
    for name in ("transitions", "start", "end"):
        np.testing.assert_array_equal(getattr(gradients, name), getattr(d_plain, name))


@both_schemes
@both_outputs
def test_without_dropout_two_passes_teach_what_one_does(scheme_name, output):
    nlp = trained_nlp(scheme_name, output)
    again = trained_nlp(scheme_name, output)
    recognizer(again).cfg["consistency"] = 1.0
    for _ in range(3):
        (once,), (twice,) = (
            fit(pipeline, make_examples(pipeline, PARTLY), 1)
            for pipeline in (nlp, again)
        )
        assert twice["crf_ner"] == pytest.approx(once["crf_ner"], rel=1e-3)
    ones, others = (parameters(recognizer(pipeline)) for pipeline in (nlp, again))
    for name, values in ones.items():
        np.testing.assert_allclose(others[name], values, atol=2e-3)


def distance_of_passes(nlp):
    """In nats a document, under dropout, of many pairs of passes."""
    ner = recognizer(nlp)
    docs = [example.predicted for example in make_examples(nlp)] * 50
    set_dropout_rate(ner.model, 0.4)
    potentials, _ = begin_passes(ner.model, docs, 2)
    distance, _ = mutual_divergence(Lattice.build(potentials, ner.scheme.constraints))
    return float(distance) / len(docs)


def test_passes_come_closer_to_each_other():
    distances = []
    for weight in (0.0, 1.0, 5.0):
        nlp = make_nlp()
        recognizer(nlp).cfg["consistency"] = weight
        nlp.initialize(lambda nlp=nlp: make_examples(nlp))
        fit(nlp, make_examples(nlp), 200, drop=0.4)
        assert entities(nlp(TRAIN_DATA[0][0])) == [
            (0, 2, "PERSON"),
            (3, 4, "PERSON"),
            (5, 6, "PLACE"),
        ]
        distances.append(distance_of_passes(nlp))
    assert distances[0] > 1.5 * distances[1]
    assert distances[1] > 1.5 * distances[2] > 0


@pytest.mark.parametrize("form_dropout", [0.0, 0.5])
def test_token_vectors_are_computed_anew_for_each_pass(form_dropout):
    nlp = make_nlp(tok2vec={**SMALL_TOK2VEC, "form_dropout": form_dropout})
    nlp.initialize(lambda: make_examples(nlp))
    fit(nlp, make_examples(nlp), 5)
    docs = [example.predicted for example in make_examples(nlp)] * 10
    potentials, _ = begin_passes(recognizer(nlp).model, docs, 2)
    first, second = np.split(potentials.emissions, 2)
    assert np.allclose(first, second, atol=1e-6) == (not form_dropout)


def test_batches_without_tokens_or_annotation():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    ner.cfg["consistency"] = 1.0
    assert ner.update([]) == {"crf_ner": 0.0}
    assert ner.update(make_examples(nlp, [("", {})])) == {"crf_ner": 0.0}
    nothing = make_examples(nlp, [("Ada left Paris", {})])
    assert ner.update(nothing, drop=0.0) == {"crf_ner": pytest.approx(0.0, abs=1e-6)}
    # The passes may agree on more than what is annotated.
    assert ner.update(nothing, drop=0.5)["crf_ner"] > 1e-3


def test_labels_that_are_met_in_training_are_added():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    ner.cfg["consistency"] = 1.0
    new = make_examples(nlp, [("Ada left Rex", {"entities": [(9, 12, "PET")]})])
    first, *_, last = fit(nlp, new, 40, drop=0.3)
    assert math.isfinite(first["crf_ner"])
    assert last["crf_ner"] < first["crf_ner"]
    assert entities(nlp("Ada left Rex")) == [(2, 3, "PET")]
