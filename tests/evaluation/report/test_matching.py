"""Counts are those of nervaluate, seqeval and spaCy."""

import random

import pytest
import seqeval.metrics
import spacy
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_crf_tagger.evaluation.report.collector import Collector, judge
from spacy_crf_tagger.evaluation.report.matching import SCHEMES, Kind, kind_of, pair_up
from spacy_crf_tagger.evaluation.report.outcomes import Outcome, Unit, read_entities

LENGTH = 30
LABELS = ["PER", "LOC", "MISC"]


def random_units(rng):
    units, token = [], rng.randint(0, 3)
    while token < LENGTH:
        end = min(LENGTH, token + rng.randint(1, 4))
        units.append(Unit(token, end, rng.choice(LABELS)))
        token = end + rng.choice([0, 0, 1, 2, 5])
    return units


@pytest.fixture(scope="module")
def corpus():
    """Pairs of what is annotated and predicted: much of it is nearly the same."""
    rng = random.Random(0)
    pairs = [(random_units(rng), random_units(rng)) for _ in range(60)]
    for _ in range(60):
        gold = random_units(rng)
        changed = [
            unit._replace(label=rng.choice([unit.label, *LABELS])) for unit in gold
        ]
        pairs.append((gold, [unit for unit in changed if rng.random() < 0.8]))
    return [*pairs, ([], []), (pairs[0][0], []), ([], pairs[0][0])]


@pytest.fixture(scope="module")
def collector(corpus):
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["word"] * LENGTH)
    found = Collector("entity")
    for gold, predicted in corpus:
        found.add(judge(Outcome(doc, gold, predicted, [None] * len(predicted)), "here"))
    return found


def test_counts_are_those_of_nervaluate(corpus, collector):
    nervaluate = pytest.importorskip("nervaluate", reason="needs Python 3.11")

    def as_dicts(units):
        return [{"start": s, "end": e - 1, "label": label} for s, e, label in units]

    gold, predicted = ([as_dicts(pair[n]) for pair in corpus] for n in (0, 1))
    expected = nervaluate.Evaluator(gold, predicted, LABELS, loader="dict").evaluate()
    names = ("correct", "incorrect", "partial", "missed", "spurious")
    own = {score.scheme: score for score in collector.muc()}
    for scheme in SCHEMES:
        theirs = expected["overall"][scheme]
        assert own[scheme][1:6] == tuple(getattr(theirs, name) for name in names)
        is_partial = scheme in ("partial", "ent_type")
        theirs.compute_metrics(partial_or_type=is_partial)
        measured = (theirs.precision, theirs.recall, theirs.f1)
        assert own[scheme][6:] == pytest.approx(measured)
    for score in collector.scores(10)[1]:
        theirs = expected["entities"][score.name]["strict"]
        assert (score.right, score.predicted, score.gold) == (
            *(theirs.correct, theirs.actual, theirs.possible),
        )


def test_scores_are_those_of_seqeval(corpus, collector):
    def as_tags(units):
        tags = ["O"] * LENGTH
        for start, end, label in units:
            tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
        return tags

    gold, predicted = ([as_tags(pair[n]) for pair in corpus] for n in (0, 1))
    expected = seqeval.metrics.classification_report(gold, predicted, output_dict=True)
    overall, labels, _ = collector.scores(10)
    for score in [overall._replace(name="micro avg"), *labels]:
        theirs = expected[score.name]
        names = ("precision", "recall", "f1-score", "support")
        assert (score.precision, score.recall, score.f, score.gold) == pytest.approx(
            tuple(theirs[name] for name in names)
        )


def test_errors_confusion_and_groups_add_up(collector):
    errors, muc = collector.errors.finish(), collector.muc()[0]
    assert errors.times["missed"] == muc.missed
    assert errors.times["spurious"] == muc.spurious
    assert sum(group.times for group in errors.groups) == (
        muc.incorrect + muc.missed + muc.spurious
    )
    names, _, counts = collector.confusion()
    nothing = names.index("nothing")
    assert sum(counts[nothing]) == muc.spurious
    assert sum(row[nothing] for row in counts) == muc.missed
    overall = collector.scores(10)[0]
    for group in collector.breakdowns():
        columns = zip(*(score[1:4] for score in group.rows), strict=True)
        assert tuple(map(sum, columns)) == overall[1:4], group.title


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        ([(0, 2, "A")], [(0, 2, "A")], [None]),
        ([(0, 2, "A")], [(0, 2, "B")], [Kind.label]),
        ([(0, 2, "A")], [(1, 3, "A")], [Kind.border]),
        ([(0, 2, "A")], [(1, 3, "B")], [Kind.both]),
        ([(0, 2, "A")], [(2, 3, "A")], [Kind.spurious, Kind.missed]),
        # What is right is not given to what comes before.
        ([(0, 2, "A")], [(0, 1, "A"), (0, 2, "A")], [Kind.spurious, None]),
    ],
)
def test_kinds(gold, predicted, kinds):
    gold, predicted = ([Unit(*unit) for unit in each] for each in (gold, predicted))
    found = [
        kind_of(
            None if pair.gold is None else gold[pair.gold],
            None if pair.predicted is None else predicted[pair.predicted],
        )
        for pair in pair_up(gold, predicted)
    ]
    assert found == kinds


def test_counts_are_those_of_spacy_in_other_tokens_and_partial_annotation():
    """Tokens are split otherwise, and some are not annotated."""
    nlp = spacy.blank("en")
    rng = random.Random(1)
    examples = []
    for _ in range(30):
        words = [rng.choice(["a-b", "c", "d-e-f", "g"]) for _ in range(12)]
        reference = Doc(nlp.vocab, words=words)
        spans = [Span(reference, i, i + 1, rng.choice("XY")) for i in (1, 4, 6, 9)]
        missing = [reference[rng.randint(0, 11) :][:1]]
        entities = [span for span in spans if span.start != missing[0].start]
        reference.set_ents(entities, missing=missing, default="outside")
        predicted = Doc(nlp.vocab, words=" ".join(words).replace("-", " - ").split())
        starts = rng.sample(range(0, len(predicted) - 3, 3), 4)
        predicted.ents = [
            Span(predicted, i, i + rng.randint(1, 3), rng.choice("XY")) for i in starts
        ]
        examples.append(Example(predicted, reference))
    collector = Collector("entity")
    for example in examples:
        collector.add(judge(read_entities(example, []), "here"))
    expected = get_ner_prf(examples)
    overall, labels, _ = collector.scores(10)
    names = ("ents_p", "ents_r", "ents_f")
    assert overall[4:7] == pytest.approx(tuple(expected[name] for name in names))
    for score in labels:
        theirs = expected["ents_per_type"][score.name]
        assert (score.precision or 0.0) == pytest.approx(theirs["p"])
        assert (score.recall or 0.0) == pytest.approx(theirs["r"])
