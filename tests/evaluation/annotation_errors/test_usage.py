import math

import pytest
import spacy
from spacy.tokens import Span

from spacy_crf_tagger.evaluation.annotation_errors.findings import (
    EntitySpan,
    change_of,
)
from spacy_crf_tagger.evaluation.annotation_errors.usage import Usage, relabelled

PERSON, PLACE = "PERSON", "PLACE"


@pytest.fixture
def nlp():
    return spacy.blank("en")


def annotated_doc(nlp, text, *spans, missing=()):
    doc = nlp(text)
    ents = [Span(doc, *span) for span in spans]
    doc.set_ents(ents, missing=[doc[i : i + 1] for i in missing], default="outside")
    return doc


def test_other_occurrences_are_counted(nlp):
    usage = Usage()
    doc = annotated_doc(nlp, "Paris", (0, 1, PERSON))
    others = [annotated_doc(nlp, "paris", (0, 1, PLACE)) for _ in range(3)]
    others.append(annotated_doc(nlp, "Paris"))
    others.append(annotated_doc(nlp, "Paris", missing=[0]))
    for each in (doc, *others):
        usage.add(each)
    person, place = EntitySpan(0, 1, PERSON), EntitySpan(0, 1, PLACE)
    # The word by itself, and with what is before and behind it: nothing.
    ratio = usage.log_ratio(doc, [0], [person], [place])
    assert ratio == pytest.approx(2 * math.log(3.1 / 0.1))
    ratio = usage.log_ratio(doc, [0], [person], [])
    assert ratio == pytest.approx(2 * math.log(1.1 / 0.1))
    outside = others[3]
    ratio = usage.log_ratio(outside, [0], [], [place])
    assert ratio == pytest.approx(2 * math.log(3.1 / 0.1))


def test_neighbours_are_counted(nlp):
    usage = Usage()
    doc = annotated_doc(nlp, "in Paris Texas", (1, 3, PLACE))
    other = annotated_doc(nlp, "of Paris Texas", (1, 2, PERSON))
    for each in (doc, other):
        usage.add(each)
    places = [EntitySpan(1, 3, PLACE)]
    ratio = usage.log_ratio(doc, [1], places, [EntitySpan(1, 2, PERSON)])
    # By itself, and before Texas, but not after "in".
    assert ratio == pytest.approx(1.5 * math.log(1.1 / 0.1))


def test_abbreviations_are_other_words_and_punctuation_is_none(nlp):
    usage = Usage()
    doc = annotated_doc(nlp, "AT ( AT", (0, 1, PLACE), (2, 3, PLACE))
    for each in (doc, *(annotated_doc(nlp, "at ( at") for _ in range(9))):
        usage.add(each)
    whole = EntitySpan(0, 3, PLACE)
    assert usage.log_ratio(doc, [0, 1, 2], [whole], []) < 0
    assert usage.log_ratio(doc, [1], [whole], []) > 0


def test_words_that_were_never_seen_say_nothing(nlp):
    usage = Usage()
    doc = annotated_doc(nlp, "Vega", (0, 1, PLACE))
    usage.add(doc)
    assert usage.log_ratio(doc, [0], [EntitySpan(0, 1, PLACE)], []) == 0


@pytest.mark.parametrize(
    ("annotated", "suggested", "tokens", "kind"),
    [
        ([(0, 2, PLACE)], [], [0, 1], "spurious"),
        ([], [(1, 2, PLACE)], [1], "missing"),
        ([(0, 2, PLACE)], [(0, 2, PERSON)], [0, 1], "label"),
        ([(0, 2, PLACE)], [(0, 3, PLACE)], [2], "border"),
        ([(0, 2, PLACE)], [(1, 3, PERSON)], [0, 1, 2], "border"),
        ([(0, 2, PLACE)], [(0, 1, PLACE), (1, 2, PLACE)], [0, 1], "border"),
    ],
)
def test_what_changes(annotated, suggested, tokens, kind):
    both = [[EntitySpan(*span) for span in each] for each in (annotated, suggested)]
    assert relabelled(*both) == tokens
    assert change_of(*both) == (tuple(both[0]), tuple(both[1]), kind)
    same = EntitySpan(5, 6, PLACE)
    assert change_of([*both[0], same], [*both[1], same]).kind == kind
