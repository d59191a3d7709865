"""Weights of labels: a margin in the loss, by softmax-margin, for annotated tokens."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_crf_tagger.crf import TagScheme
from spacy_crf_tagger.pipeline.annotation import UNKNOWN
from tests.helpers.component import (
    entities,
    fit,
    make_examples,
    make_nlp,
    recognizer,
    small_model,
)
from tests.helpers.objective import (
    LENGTHS,
    both_outputs,
    both_schemes,
    loss_of_tags,
    random_potentials,
    some_tags,
)
from tests.helpers.span_sets import (
    assert_same_gradients,
    differentiate,
    score_paths,
    training_paths,
    uncertain_nlp,
)

LABELS = ["PERSON", "PLACE"]


def softmax_margin(potentials, scheme, tags, weights):
    """log Σ exp(score + cost) − log Σ exp(score of what agrees), by torch, where the
    cost of a path is the sum of the log weights of the tokens that it gets wrong.
    """
    of_label = {tag: tag.partition("-")[2] or "O" for tag in scheme.tags}
    log_weights = np.array(
        [np.log(weights.get(of_label[tag], 1.0)) for tag in scheme.tags]
    )

    def loss(scores):
        total, row = 0.0, 0
        for length in LENGTHS.tolist():
            paths = training_paths(length, scheme, len(scores) > 1)
            of_paths = score_paths(scores, paths, row)
            known = tags[row : row + length]
            wrong = (paths != known) & (known != UNKNOWN)
            costs = torch.tensor((wrong * log_weights[known]).sum(1))
            total = total + torch.logsumexp(of_paths + costs, 0)
            total = total - torch.logsumexp(of_paths[~wrong.any(1)], 0)
            row += length
        return total

    return differentiate(loss, potentials)


@both_schemes
@both_outputs
@pytest.mark.parametrize(
    "weights",
    [
        {"PERSON": 5.0},
        {"O": 0.2},
        {"PERSON": 0.01, "PLACE": 100.0, "O": 3.0},
        {"PLACE": 2},
    ],
    ids=str,
)
def test_loss_and_gradients_equal_the_enumeration(scheme_name, output, weights):
    scheme = TagScheme(LABELS, scheme_name)
    potentials = random_potentials(scheme.n_tags, output, seed=4)
    tags = some_tags(scheme)
    found, gradients = loss_of_tags(tags, potentials, scheme, label_weights=weights)
    expected, of_sum = softmax_margin(potentials, scheme, tags, weights)
    assert found == pytest.approx(expected, abs=1e-4)
    assert_same_gradients(gradients, of_sum, 1 / len(LENGTHS))
    unweighted, _ = loss_of_tags(tags, potentials, scheme)
    assert abs(found - unweighted) > 0.05


@both_schemes
@pytest.mark.parametrize("weights", [{"PERSON": 1.0}, {"O": 1, "PLACE": 1.0}, {}])
def test_weights_of_one_change_nothing(scheme_name, weights):
    scheme = TagScheme(LABELS, scheme_name)
    potentials = random_potentials(scheme.n_tags)
    tags = some_tags(scheme)
    expected, of_loss = loss_of_tags(tags, potentials, scheme)
    found, gradients = loss_of_tags(tags, potentials, scheme, label_weights=weights)
    assert found == expected
    assert_same_gradients(gradients, of_loss)


def test_tokens_without_annotation_have_no_weight():
    scheme = TagScheme(LABELS)
    potentials = random_potentials(scheme.n_tags)
    unknown = np.full(LENGTHS.sum(), UNKNOWN)
    weights = {"PERSON": 9.0, "PLACE": 9.0, "O": 9.0}
    loss, gradients = loss_of_tags(unknown, potentials, scheme, label_weights=weights)
    assert loss == 0.0
    assert not gradients.emissions.any()


def test_weights_leave_the_other_costs_alone():
    """Of incorrect spans, and of the share of tokens in entities."""
    nlp = uncertain_nlp()
    ner = recognizer(nlp)
    ner.cfg.update(incorrect_spans_key="wrong", missing="expected_entity_ratio")
    words = ["We", "left", "New", "York"]
    reference = Doc(nlp.vocab, words=words)
    reference.spans["wrong"] = [Span(reference, 2, 4, label="PLACE")]
    examples = [Example(Doc(nlp.vocab, words=words), reference)]
    scores = ner.model.predict([examples[0].x])
    expected, _ = ner.get_loss(examples, scores)
    ner.cfg["label_weights"] = {"PLACE": 7.0, "O": 3.0}
    assert ner.get_loss(examples, scores)[0] == pytest.approx(expected)
    assert expected > 0


# Through the component


@pytest.mark.parametrize("labels", [None, ["PERSON", "PLACE"]])
def test_unknown_labels_are_named_at_initialisation(labels):
    nlp = spacy.blank("en")
    weights = {"PERSON": 2.0, "PLAEC": 2.0, "O": 2.0}
    config = {"label_weights": weights, "model": small_model()}
    ner = nlp.add_pipe("crf_ner", config=config)
    examples = make_examples(nlp)
    with pytest.raises(ValueError, match=r"'crf_ner'.*\['PLAEC'\].*'PERSON', 'PLACE'"):
        ner.initialize(lambda: examples, labels=labels)


def test_weights_of_labels_added_by_hand_are_known():
    nlp = spacy.blank("en")
    config = {"label_weights": {"DOG": 2.0}, "model": small_model()}
    nlp.add_pipe("crf_ner", config=config).add_label("DOG")
    nlp.initialize(lambda: make_examples(nlp))
    assert recognizer(nlp).settings.label_weights == {"DOG": 2.0}


def after_training(weights):
    """Of a place that is annotated twice, and three times is not."""
    nlp = make_nlp()
    entities_of = [[(10, 15, "PLACE")]] * 2 + [[]] * 3
    data = [("We are in Paris now", {"entities": ents}) for ents in entities_of]
    examples = make_examples(nlp, data)
    nlp.initialize(lambda: examples)
    recognizer(nlp).cfg["label_weights"] = weights
    fit(nlp, examples, 60)
    doc = nlp("We are in Paris now")
    [[probability]] = recognizer(nlp).span_probabilities(doc, [[(3, 4, "PLACE")]])
    return entities(doc), probability


@pytest.mark.parametrize(
    ("weights", "is_found"),
    [
        ({}, False),
        ({"PLACE": 2.0}, False),
        ({"PLACE": 10.0}, True),
        ({"O": 10.0}, False),
    ],
    ids=str,
)
def test_weight_raises_recall_of_a_label(weights, is_found):
    """With weights w and v, the loss is least where the odds x of the place solve
    2 · w / (x + w) = 3 · v · x / (1 + v · x). Without they are 2 : 3.
    """
    w, v = weights.get("PLACE", 1.0), weights.get("O", 1.0)
    odds = (np.sqrt((w * v) ** 2 + 24 * w * v) - w * v) / (6 * v)
    found, probability = after_training(weights)
    assert probability == pytest.approx(odds / (1 + odds), abs=0.03)
    assert found == ([(3, 4, "PLACE")] if is_found else [])
