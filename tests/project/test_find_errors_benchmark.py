import numpy as np
import pytest
import spacy
from sklearn.metrics import average_precision_score
from spacy.tokens import Span

from benchmarks.harness.damage import Damage, damage
from benchmarks.harness.ranking import Place, average_precision, rank_places
from tests.helpers.component import entities


def make_docs(n=40):
    nlp = spacy.blank("en")
    docs = []
    for _ in range(n):
        doc = nlp("Ada Merrick left New York for good in May")
        doc.set_ents([Span(doc, 0, 2, "A"), Span(doc, 3, 5, "B")], default="outside")
        docs.append(doc)
    return docs


def test_damage_is_what_it_says():
    docs, clean = make_docs(), make_docs()
    done = damage(docs, seed=3, share=0.5)
    assert damage(make_docs(), seed=3, share=0.5) == done
    assert {each.kind for each in done} == {"label", "border", "removed", "added"}
    changed = {n for n, (a, b) in enumerate(zip(docs, clean, strict=True))}
    changed = {n for n in changed if entities(docs[n]) != entities(clean[n])}
    assert changed == {each.doc for each in done}
    assert len(done) == 40


def test_ranking():
    damages = [Damage(0, "label", 0, 2), Damage(1, "removed", 3, 4)]
    places = [Place(0, 1, 3), Place(0, 4, 5), Place(0, 0, 1), Place(1, 3, 5)]
    ranked = rank_places(places, [4, 3, 2, 1], damages)
    assert ranked.found == 2
    # The third place is about a damage that is found.
    assert ranked.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert ranked.precision == pytest.approx(2 / 3)
    assert rank_places(places[:2], [1, 2], damages).average_precision == 0.25


def test_average_precision_of_tokens():
    rng = np.random.default_rng(0)
    scores, wrong = rng.integers(5, size=50) / 5.0, rng.random(50) < 0.3
    expected = average_precision_score(wrong, scores)
    assert average_precision(scores, wrong) == pytest.approx(expected)
