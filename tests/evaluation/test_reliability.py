import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from spacy_crf_tagger.evaluation.calibration import analyse_examples
from spacy_crf_tagger.evaluation.reliability import Bin, reliability, score_entities
from tests.helpers.calibration import make_unsure, sample_annotation
from tests.helpers.component import EntityTuple, annotated, make_examples, recognizer

KEY = "crf_ner"
WORDS = ["Ada", "met", "New", "York"]


@pytest.fixture
def nlp() -> Language:
    return spacy.blank("en")


def test_figures_by_hand():
    scores, correct = [0.9, 0.3, 0.8, 0.2], [True, True, False, False]
    measured = reliability(scores, correct, n_bins=2)
    assert measured.size == 4
    assert measured.bins == [
        pytest.approx(Bin(2, 0.25, 0.5)),
        pytest.approx(Bin(2, 0.85, 0.5)),
    ]
    assert measured.ece == pytest.approx((0.25 + 0.35) / 2)
    assert measured.brier == pytest.approx((0.1**2 + 0.7**2 + 0.8**2 + 0.2**2) / 4)


def test_bins_of_different_size_count_by_their_size():
    measured = reliability([0.1, 0.2, 0.3, 0.7, 0.9], [0, 0, 0, 0, 0], n_bins=2)
    assert [part.size for part in measured.bins] == [3, 2]
    assert measured.ece == pytest.approx((3 * 0.2 + 2 * 0.8) / 5)


def test_fewer_events_than_bins():
    measured = reliability([0.5, 1.0], [True, True])
    assert measured.bins == [Bin(1, 0.5, 1.0), Bin(1, 1.0, 1.0)]
    assert measured.ece == pytest.approx(0.25)


def test_nothing_to_measure():
    assert reliability([], []) == (0, [], None, None)


def test_every_score_needs_an_event():
    with pytest.raises(ValueError, match=r"shape \(2,\).*\(1,\)"):
        reliability([0.5, 0.5], [True])


def test_true_probabilities_are_calibrated():
    rng = np.random.default_rng(0)
    truth = rng.uniform(size=50_000)
    correct = rng.uniform(size=len(truth)) < truth
    measured = reliability(truth, correct)
    assert measured.ece < 0.01
    assert measured.brier == pytest.approx(1 / 6, abs=0.005)
    assert reliability(truth**3, correct).ece > 0.2


def test_probabilities_of_the_model_are_calibrated_on_its_own_samples():
    nlp = make_unsure()
    examples = sample_annotation(nlp, 1.0, 400)
    measured = reliability(*score_entities(analyse_examples(nlp, examples), KEY))
    assert measured.size > 4000
    assert measured.ece < 0.03
    recognizer(nlp).cfg["temperature"] = 0.4
    assert reliability(*score_entities(analyse_examples(nlp, examples), KEY)).ece > 0.1


def predicted(nlp: Language, words: list[str], *spans: EntityTuple) -> Doc:
    doc = Doc(nlp.vocab, words=words)
    ents = [Span(doc, *span) for span in spans]
    scores = np.linspace(0.1, 0.5, len(spans), dtype=np.float32)
    doc.set_ents(ents)
    doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=ents, attrs={"scores": scores})
    return doc


@pytest.mark.parametrize(
    ("gold", "expected"),
    [
        ([(0, 1, "PERSON"), (2, 4, "PLACE")], [True, True]),
        ([(0, 1, "PLACE"), (2, 3, "PLACE")], [False, False]),
        ([(1, 4, "PLACE")], [False, False]),
        ([], [False, False]),
    ],
    ids=["right", "wrong label and end", "wrong start", "no entity"],
)
def test_boundaries_and_label_count(nlp, gold, expected):
    reference = annotated(nlp, WORDS, gold)
    reference.set_ents(list(reference.ents), default="outside")
    doc = predicted(nlp, WORDS, (0, 1, "PERSON"), (2, 4, "PLACE"))
    found = score_entities([Example(doc, reference)], KEY)
    assert found.correct.tolist() == expected
    np.testing.assert_allclose(found.scores, [0.1, 0.5])


def test_entities_that_touch_missing_annotation_are_left_out(nlp):
    reference = annotated(nlp, WORDS, [(0, 1, "PERSON")])
    reference.set_ents(
        list(reference.ents), outside=[reference[1:3]], default="missing"
    )
    spans = [(0, 1, "PERSON"), (1, 2, "PLACE"), (2, 4, "PLACE")]
    example = Example(predicted(nlp, WORDS, *spans), reference)
    assert score_entities([example], KEY).correct.tolist() == [True, False]


def test_documents_without_scores_are_passed_over(nlp):
    reference = annotated(nlp, WORDS, [(0, 1, "PERSON")])
    without_group, without_scores = (Doc(nlp.vocab, words=WORDS) for _ in range(2))
    without_scores.spans[KEY] = [without_scores[0:1]]
    not_annotated = predicted(nlp, WORDS, (0, 1, "PERSON"))
    examples = [
        Example(without_group, reference),
        Example(without_scores, reference),
        Example(not_annotated, Doc(nlp.vocab, words=WORDS)),
        Example(Doc(nlp.vocab), Doc(nlp.vocab)),
    ]
    assert not len(score_entities(examples, KEY).scores)


def retokenized(example: Example, seed: int) -> Example:
    """Merge tokens of the reference, and drop the annotation of others."""
    rng = np.random.default_rng(seed)
    reference = example.reference
    with reference.retokenize() as retokenizer:
        for start in range(0, len(reference) - 1, 2):
            span = reference[start : start + 2]
            if rng.random() < 0.2 and not span.text.isspace():
                retokenizer.merge(span)
    outside = [token.i for token in reference if not token.ent_type]
    missing = [reference[i : i + 1] for i in outside if rng.random() < 0.3]
    reference.set_ents(list(reference.ents), missing=missing, default="outside")
    return Example(example.predicted, reference)


def test_the_share_correct_is_the_precision_that_spacy_reports():
    nlp = make_unsure()
    sampled = sample_annotation(nlp, 1.0, 5)
    examples = [retokenized(example, n) for n, example in enumerate(sampled)]
    analysed = analyse_examples(nlp, examples)
    found = score_entities(analysed, KEY)
    in_all = sum(len(example.x.ents) for example in analysed)
    assert 20 < len(found.correct) < in_all
    assert 0 < found.correct.mean() < 1
    assert found.correct.mean() == pytest.approx(get_ner_prf(analysed)["ents_p"])


def test_two_tokens_of_one_annotated_token_are_right_once(nlp):
    [example] = make_examples(nlp, [("NewYork", {"entities": [(0, 7, "PLACE")]})])
    doc = Doc(nlp.vocab, words=["New", "York"], spaces=[False, False])
    spans = [Span(doc, n, n + 1, "PLACE") for n in (0, 1)]
    doc.ents = spans
    doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=spans, attrs={"scores": [0.5, 0.5]})
    split = Example(doc, example.reference)
    assert score_entities([split], KEY).correct.tolist() == [True, False]
    assert get_ner_prf([split])["ents_p"] == 0.5
