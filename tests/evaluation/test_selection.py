import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.evaluation.selection import (
    OVERHEAD,
    Scored,
    ScoredPool,
    Wanted,
    score_docs,
)
from spacy_crf_tagger.evaluation.uncertainty import Measure, measure_uncertainty
from tests.helpers.calibration import make_unsure
from tests.helpers.component import TEXTS, recognizer


def make_pool(texts, *, per_token=False):
    """Texts: a score, the number of tokens, the text, and shares of words."""
    pool = ScoredPool(per_token=per_token)
    for score, n_tokens, text, shares in texts:
        words = np.array(list(shares), dtype=np.uint64)
        pool.add(Scored(score, words, np.array(list(shares.values()))), n_tokens, text)
    return pool


def numbers(chosen):
    return [each.number for each in chosen]


def test_one_name_is_not_asked_for_again_and_again():
    same = [(10.0 - n / 10, 5, n, {1: 0.9}) for n in range(5)]
    others = [(4.0, 5, 10 + n, {20 + n: 0.9}) for n in range(3)]
    pool = make_pool([*same, *others])
    assert numbers(pool.choose(Wanted(4), repeated=1.0)) == [0, 1, 2, 3]
    assert numbers(pool.choose(Wanted(4), repeated=0.0)) == [0, 5, 6, 7]
    assert numbers(pool.choose(Wanted(4), repeated=0.5)) == [0, 1, 5, 6]
    scores = [each.score for each in pool.choose(Wanted(3), repeated=0.5)]
    assert scores == pytest.approx([10.0, 9.9 * (1 - 0.9 * 0.5), 4.0])


POOLS = st.lists(
    st.tuples(
        st.floats(0.0, 10.0),
        st.integers(1, 9),
        st.integers(0, 5),
        st.dictionaries(st.integers(0, 4), st.sampled_from([0.1, 0.25]), max_size=4),
    ),
    max_size=15,
)
REPEATED = st.sampled_from([0.0, 0.5, 1.0])


@settings(max_examples=40)
@given(POOLS, st.integers(1, 15), REPEATED)
def test_each_is_the_best_that_is_left(texts, n_texts, repeated):
    chosen = make_pool(texts).choose(Wanted(n_texts), repeated)
    seen, taken, known = {}, set(), set()
    for each in chosen:
        left = {
            n: score * (1 - sum(s * (1 - repeated ** seen.get(w, 0)) for w, s in of))
            for n, (score, _, text, shares) in enumerate(texts)
            if n not in taken and text not in known
            for of in [shares.items()]
        }
        assert each.score == pytest.approx(max(left.values()), abs=1e-6)
        assert each.score == pytest.approx(left[each.number], abs=1e-6)
        taken.add(each.number)
        known.add(texts[each.number][2])
        for word in texts[each.number][3]:
            seen[word] = seen.get(word, 0) + 1
    assert len(chosen) == min(n_texts, len({text for _, _, text, _ in texts}))


@settings(max_examples=40)
@given(POOLS, st.integers(1, 30))
def test_no_more_tokens_than_wanted(texts, n_tokens):
    chosen = numbers(make_pool(texts).choose(Wanted(n_tokens=n_tokens), 0.5))
    left = n_tokens - sum(texts[n][1] for n in chosen)
    assert left >= 0
    known = {texts[n][2] for n in chosen}
    others = [size for _, size, text, _ in texts if text not in known]
    assert all(size > left for size in others)


def test_scores_count_by_the_cost_of_a_text():
    texts = [(10.0, 50, 0, {}), (4.0, 5, 1, {})]
    [first] = make_pool(texts, per_token=True).choose(Wanted(1), 1.0)
    assert (first.number, first.score) == (1, 4.0 / (5 + OVERHEAD))
    assert numbers(make_pool(texts).choose(Wanted(1), 1.0)) == [0]


def test_scores_are_those_of_the_lattice():
    nlp = make_unsure()
    ruler = nlp.add_pipe("entity_ruler", before="crf_ner")
    ruler.add_patterns([{"label": "PLACE", "pattern": "Paris"}])
    docs = [nlp.make_doc(text) for text in TEXTS if text.strip()]
    found = list(score_docs(nlp, "crf_ner", docs, Measure.mnlp))
    ready = list(nlp.pipe((doc.text for doc in docs), disable=["crf_ner"]))
    [(_, lattice)] = recognizer(nlp).lattices(ready)
    expected = measure_uncertainty(lattice, Measure.mnlp).totals
    assert [each.score for each in found] == pytest.approx(expected.tolist(), abs=1e-4)
    strings = nlp.vocab.strings
    for doc, each in zip(docs, found, strict=True):
        names = [strings[int(word)] for word in each.words]
        assert set(names) <= {token.lower_ for token in doc}
        # What the ruler has set is certain.
        assert "paris" not in names or each.shares[names.index("paris")] < 1e-6
        assert each.shares.sum() <= 1 + 1e-6
