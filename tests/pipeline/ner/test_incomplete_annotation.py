"""Tokens without annotation: latent, outside, or in entities as often as expected."""

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from spacy.training import Example

from spacy_crf_tagger.crf import TagScheme
from spacy_crf_tagger.pipeline.annotation import UNKNOWN
from tests.helpers.component import (
    annotated,
    fit,
    make_examples,
    make_nlp,
    recognizer,
    trained_nlp,
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
    analyses_of,
    assert_same_gradients,
    differentiate,
    score_paths,
    tokens_of,
    training_paths,
    uncertain_nlp,
)

WORDS = ["We", "left", "New", "York", "today"]
MODES = ["latent", "outside", "expected_entity_ratio"]
each_mode = pytest.mark.parametrize("missing", MODES)


@pytest.fixture(scope="module", params=["biluo", "bio"])
def ner(request):
    return recognizer(uncertain_nlp(request.param))


def loss_of(ner, examples, missing, **settings):
    """The loss without regard to the ratio, unless a weight is given."""
    settings.setdefault("entity_ratio_weight", 0.0)
    before = dict(ner.cfg)
    ner.cfg.update(missing=missing, **settings)
    try:
        scores = ner.model.predict([example.x for example in examples])
        return ner.get_loss(examples, scores)[0]
    finally:
        ner.cfg.update(before)


def expected_loss(ner, doc, entities=(), outside=()):
    """−log P(these are entities and those tokens are in none)."""
    probability = sum(
        p
        for found, p in analyses_of(ner, doc, respect=False).items()
        if set(entities) <= found and not tokens_of(found) & set(outside)
    )
    return -np.log(probability)


# Latent and outside


@each_mode
@pytest.mark.parametrize(
    ("spans", "outside", "blocked"),
    [
        ([(2, 4, "PLACE")], [0], []),
        ([(2, 4, "PLACE")], [], []),
        ([(2, 4, "PLACE")], [], [4]),
        ([(0, 1, "PERSON"), (3, 4, "PLACE")], [], [1, 2]),
        ([], [1], [0]),
        ([], [], [0, 3]),
        ([], [0, 1, 2, 3, 4], []),
        ([], [], []),
    ],
)
def test_what_is_not_annotated(ner, missing, spans, outside, blocked):
    """Blocked tokens are no annotation to `ner` either."""
    doc = Doc(ner.vocab, words=WORDS)
    reference = annotated(ner, WORDS, spans, blocked)
    for token in outside:
        span = reference[token : token + 1]
        reference.set_ents([], outside=[span], default="unmodified")
    found = loss_of(ner, [Example(doc, reference)], missing)
    if missing == "outside":
        outside = set(range(5)) - tokens_of(spans)
    expected = expected_loss(ner, doc, spans, outside)
    assert found == pytest.approx(expected, abs=1e-4)


@each_mode
@pytest.mark.parametrize("default", ["missing", "outside"])
def test_entities_that_do_not_fit_the_tokens_stay_latent(ner, missing, default):
    doc = Doc(ner.vocab, words=["Ada", "left", "New-York", "today"])
    words, spaces = ["Ada", "left", "New-", "York", "today"], [True, True, False, True]
    reference = Doc(ner.vocab, words=words, spaces=[*spaces, False])
    ada, new = reference[0:1], reference[2:3]
    ada.label_, new.label_ = "PERSON", "PLACE"
    reference.set_ents([ada, new], default=default)
    example = Example(doc, reference)
    assert example.get_aligned_ner()[2] is None
    outside = [] if (default, missing == "outside") == ("missing", False) else [1, 3]
    expected = expected_loss(ner, doc, [(0, 1, "PERSON")], outside)
    assert loss_of(ner, [example], missing) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("same_tokens", [True, False])
def test_unannotated_documents(ner, same_tokens):
    doc = Doc(ner.vocab, words=["a", "b", "c", "d"], spaces=[True, False, True, False])
    words = ["a", "b", "c", "d"] if same_tokens else ["a", "bc", "d"]
    spaces = [True, False, True, False] if same_tokens else [True, True, False]
    example = Example(doc, Doc(ner.vocab, words=words, spaces=spaces))
    assert loss_of(ner, [example], "latent") == 0.0
    assert loss_of(ner, [example], "expected_entity_ratio") == 0.0
    expected = expected_loss(ner, doc, outside=range(4))
    assert loss_of(ner, [example], "outside") == pytest.approx(expected, abs=1e-4)


@each_mode
def test_complete_annotation_is_the_same_in_all_modes(missing):
    nlp = trained_nlp()
    examples = make_examples(nlp)
    expected = loss_of(recognizer(nlp), examples, "latent")
    assert loss_of(recognizer(nlp), examples, missing) == expected


@each_mode
@pytest.mark.parametrize("n_empty", [1, 2])
def test_empty_documents_have_no_loss(ner, missing, n_empty):
    empty = Example(Doc(ner.vocab), Doc(ner.vocab))
    examples = [empty] * n_empty
    assert loss_of(ner, examples, missing, entity_ratio_weight=10.0) == 0.0
    assert ner.update(examples) == {"crf_ner": 0.0}


# The expected entity ratio


def expected_with_ratio(potentials, scheme, tags, settings):
    """By torch, from the list of all paths."""
    ends = np.cumsum(LENGTHS)

    def loss(scores):
        n_inside = total = 0.0
        for length, end in zip(LENGTHS.tolist(), ends.tolist(), strict=True):
            with_transitions = len(scores) > 1
            paths = training_paths(length, scheme, with_transitions)
            of_paths = score_paths(scores, paths, end - length)
            log_z = torch.logsumexp(of_paths, 0)
            known = tags[end - length : end]
            agree = ((paths == known) | (known == UNKNOWN)).all(1)
            total = total + log_z - torch.logsumexp(of_paths[agree], 0)
            inside = torch.tensor((paths != 0).sum(1), dtype=torch.float64)
            n_inside = n_inside + (torch.exp(of_paths - log_z) * inside).sum()
        share = n_inside / int(LENGTHS.sum())
        distance = (share - settings["entity_ratio"]).abs()
        excess = torch.clamp(distance - settings["entity_ratio_margin"], min=0.0)
        return total + len(LENGTHS) * settings["entity_ratio_weight"] * excess

    return differentiate(loss, potentials)


@both_schemes
@both_outputs
@pytest.mark.parametrize(
    ("ratio", "margin", "weight"),
    [(0.0, 0.0, 1.0), (0.15, 0.05, 10.0), (1.0, 0.1, 3.0), (1.0, 0.0, 0.0)],
)
@pytest.mark.parametrize("annotated_tags", [True, False])
def test_ratio_and_gradients_equal_the_enumeration(
    scheme_name, output, ratio, margin, weight, annotated_tags
):
    scheme = TagScheme(["PERSON", "PLACE"], scheme_name)
    potentials = random_potentials(scheme.n_tags, output, seed=3)
    settings = {
        "entity_ratio": ratio,
        "entity_ratio_margin": margin,
        "entity_ratio_weight": weight,
    }
    tags = some_tags(scheme) if annotated_tags else np.full(LENGTHS.sum(), UNKNOWN)
    found, gradients = loss_of_tags(
        tags, potentials, scheme, missing="expected_entity_ratio", **settings
    )
    expected, of_sum = expected_with_ratio(potentials, scheme, tags, settings)
    assert found == pytest.approx(expected, abs=1e-4)
    assert found > 0 or not (weight or annotated_tags)
    assert_same_gradients(gradients, of_sum, 1 / len(LENGTHS))


@both_schemes
def test_inside_the_margin_the_ratio_costs_nothing(scheme_name):
    scheme = TagScheme(["PERSON", "PLACE"], scheme_name)
    potentials = random_potentials(scheme.n_tags, seed=3)
    tags = some_tags(scheme)
    latent, expected = loss_of_tags(tags, potentials, scheme)
    for ratio, margin in ((0.0, 1.0), (0.5, 0.5), (1.0, 1.0)):
        found, gradients = loss_of_tags(
            tags, potentials, scheme, missing="expected_entity_ratio",
            entity_ratio=ratio, entity_ratio_margin=margin,
        )  # fmt: skip
        assert found == latent
        assert_same_gradients(gradients, expected)


@pytest.mark.parametrize(("ratio", "sign"), [(0.0, 1), (1.0, -1)])
def test_gradients_pull_towards_the_ratio(ratio, sign):
    scheme = TagScheme(["PERSON"])
    potentials = random_potentials(scheme.n_tags)
    _, gradients = loss_of_tags(
        np.full(LENGTHS.sum(), UNKNOWN), potentials, scheme,
        missing="expected_entity_ratio", entity_ratio=ratio,
    )  # fmt: skip
    assert np.sign(gradients.emissions[:, 1:].sum()) == sign


POSITIVES = [
    ("Ada met Grace in the garden today", [(0, 3, "PERSON")]),
    ("They left New York for good", [(10, 18, "PLACE")]),
    ("Nobody was seen in Paris last week", [(19, 24, "PLACE")]),
    ("Then Grace went home to sleep", [(5, 10, "PERSON")]),
]


def share_in_entities_after_training(missing):
    nlp = make_nlp()
    examples = []
    for text, spans in POSITIVES:
        reference = nlp.make_doc(text)
        ents = [reference.char_span(*span) for span in spans]
        reference.set_ents(ents, default="missing")
        examples.append(Example(nlp.make_doc(text), reference))
    nlp.initialize(lambda: examples)
    recognizer(nlp).cfg.update(missing=missing, entity_ratio=0.2)
    fit(nlp, examples, 40)
    texts = [text for text, _ in POSITIVES]
    docs = list(nlp.pipe([*texts, "She saw a dog in the garden", "Then they met"]))
    found = sum(span in doc.ents for doc, span in gold_spans(docs))
    n_inside = sum(token.ent_iob_ in "BI" for doc in docs for token in doc)
    return n_inside / sum(map(len, docs)), found / len(POSITIVES)


def gold_spans(docs):
    for doc, (_, spans) in zip(docs, POSITIVES, strict=False):
        for span in spans:
            yield doc, doc.char_span(*span)


def test_with_positives_only_the_ratio_keeps_entities_rare():
    latent, _ = share_in_entities_after_training("latent")
    assert latent > 0.5
    outside, found = share_in_entities_after_training("outside")
    assert outside < 0.3
    assert found == 1.0
    ratio, found = share_in_entities_after_training("expected_entity_ratio")
    assert 0.1 < ratio < 0.35
    assert found == 1.0
