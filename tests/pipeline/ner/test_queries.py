"""Questions to the model, against the list of all analyses of short documents."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare
from spacy.tokens import Doc, Span

from spacy_crf_tagger.pipeline import base
from tests.helpers.component import TEXTS, annotated, entities, recognizer
from tests.helpers.span_sets import (
    all_spans,
    analyses_of,
    as_set,
    span_probability,
    tags_of,
    tokens_of,
    uncertain_nlp,
)

WORDS = ["We", "left", "New", "\n", "Paris"]
PRESETS = {
    "nothing": ([], []),
    "an entity": ([(1, 3, "PLACE")], []),
    "another label": ([(2, 3, "NEVER-SEEN")], [4]),
    "two neighbours": ([(0, 1, "PERSON"), (1, 2, "PLACE")], []),
    "everything": ([(0, 5, "PERSON")], []),
}
preset_documents = pytest.mark.parametrize(
    ("spans", "blocked"), PRESETS.values(), ids=PRESETS.keys()
)


@pytest.fixture(scope="module", params=["biluo", "bio"])
def nlp(request):
    return uncertain_nlp(request.param)


@pytest.fixture(scope="module")
def ner(nlp):
    return recognizer(nlp)


def plain(ner, words=WORDS):
    return Doc(ner.vocab, words=words)


def span_probabilities(ner, doc, candidates):
    [answer] = ner.span_probabilities(doc, [candidates])
    return answer


# Any span


@preset_documents
def test_every_span_has_its_exact_probability(ner, spans, blocked):
    doc = annotated(ner, WORDS, spans, blocked)
    analyses = analyses_of(ner, doc)
    candidates = all_spans(len(doc), ner.labels)
    found = span_probabilities(ner, doc, candidates)
    assert found.dtype == np.float64
    expected = [span_probability(analyses, span) for span in candidates]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_span_crosses_a_sentence_start(ner):
    doc = Doc(ner.vocab, words=WORDS, sent_starts=[True, False, True, None, -1])
    analyses = analyses_of(ner, doc)
    candidates = all_spans(len(doc), ner.labels)
    expected = [span_probability(analyses, span) for span in candidates]
    found = span_probabilities(ner, doc, candidates)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[candidates.index((1, 3, "PLACE"))] == 0.0


def test_candidates_may_be_spans_groups_or_tuples_and_overlap(ner):
    doc = plain(ner)
    triples = [(1, 3, "PLACE"), (1, 3, "PERSON"), (2, 5, "PLACE"), (1, 3, "PLACE")]
    doc.spans["mine"] = [Span(doc, *triple[:2], label=triple[2]) for triple in triples]
    expected = span_probabilities(ner, doc, triples)
    assert expected[0] == expected[3] != expected[1]
    for candidates in (list(doc.spans["mine"]), doc.spans["mine"]):
        found = span_probabilities(ner, doc, candidates)
        np.testing.assert_array_equal(found, expected)
    of_numpy = [(np.int64(1), np.int32(3), "PLACE")]
    assert span_probabilities(ner, doc, of_numpy) == expected[0]


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        ((0, 6, "PLACE"), r"\(0, 6, 'PLACE'\).*5 tokens"),
        ((-1, 2, "PLACE"), r"\(-1, 2, 'PLACE'\).*5 tokens"),
        ((2, 2, "PLACE"), r"\(2, 2, 'PLACE'\)"),
        ((3, 2, "PLACE"), r"\(3, 2, 'PLACE'\)"),
        ((0, 1, "PALACE"), "'PALACE'.*'PERSON', 'PLACE'"),
        ((0, 1, ""), r"\(0, 1, ''\).*'PERSON', 'PLACE'"),
    ],
)
def test_faulty_candidates_are_named(ner, candidate, message):
    with pytest.raises(ValueError, match=f"^Component 'crf_ner': .*{message}"):
        span_probabilities(ner, plain(ner), [(0, 1, "PLACE"), candidate])


def test_candidates_without_a_label_are_named(ner):
    doc = plain(ner)
    with pytest.raises(ValueError, match=r"'crf_ner': .*\(0, 2, ''\)"):
        span_probabilities(ner, doc, [doc[0:2]])


@pytest.mark.parametrize("n_lists", [0, 1, 3])
def test_numbers_of_documents_and_lists_must_agree(ner, n_lists):
    docs = [plain(ner), plain(ner)]
    with pytest.raises(ValueError, match=f"'crf_ner': .*2 documents.* {n_lists}"):
        ner.span_probabilities(docs, [[]] * n_lists)


def test_candidates_of_one_document_must_lie_in_a_list_of_their_own(ner):
    doc = plain(ner)
    for flat in ([(0, 1, "PLACE")], [Span(doc, 0, 2, label="PLACE")]):
        with pytest.raises(ValueError, match="'crf_ner'"):
            ner.span_probabilities(doc, flat)


# Tags and labels of tokens


@preset_documents
def test_marginals_equal_the_enumeration(ner, spans, blocked):
    doc = annotated(ner, WORDS, spans, blocked)
    [marginals] = ner.marginals(doc)
    scheme = ner.scheme
    expected = np.zeros((len(doc), scheme.n_tags))
    for found, probability in analyses_of(ner, doc).items():
        tags = tags_of(found, len(doc), scheme.name)
        numbers = [scheme.tags.index(tag) for tag in tags]
        expected[np.arange(len(doc)), numbers] += probability
    np.testing.assert_allclose(marginals.tags, expected, atol=1e-5)
    np.testing.assert_allclose(marginals.tags.sum(1), 1.0, atol=1e-9)
    for n, label in enumerate(ner.labels):
        of_label = [tag.endswith(f"-{label}") for tag in scheme.tags]
        np.testing.assert_allclose(
            marginals.labels[:, n], marginals.tags[:, of_label].sum(1), atol=1e-9
        )


@preset_documents
def test_spans_over_a_token_and_outside_add_up_to_one(ner, spans, blocked):
    doc = annotated(ner, WORDS, spans, blocked)
    [marginals] = ner.marginals(doc)
    covered = marginals.tags[:, 0].copy()
    candidates = all_spans(len(doc), ner.labels)
    probabilities = span_probabilities(ner, doc, candidates)
    for (start, end, _), probability in zip(candidates, probabilities, strict=True):
        covered[start:end] += probability
    np.testing.assert_allclose(covered, 1.0, atol=1e-6)


# The best analyses


@preset_documents
@pytest.mark.parametrize("k", [1, 7, 600])
def test_best_analyses_are_those_of_the_sorted_enumeration(ner, spans, blocked, k):
    doc = annotated(ner, WORDS, spans, blocked)
    expected = analyses_of(ner, doc)
    unknown = {span for span in spans if span[2] not in ner.labels}
    [found] = ner.k_best(doc, k)
    probabilities = [analysis.probability for analysis in found]
    in_order = sorted(expected.values(), reverse=True)[:k]
    assert probabilities == pytest.approx(in_order, abs=1e-5)
    sets = [as_set(analysis.ents) for analysis in found]
    assert len(set(sets)) == len(sets) == min(k, len(expected))
    for ents, probability in zip(sets, probabilities, strict=True):
        assert set(entities(doc)) <= ents
        assert expected[ents - unknown] == pytest.approx(probability, abs=1e-5)
    if k > len(expected):
        assert sum(probabilities) == pytest.approx(1.0)


def test_first_analysis_is_the_prediction(nlp, ner):
    docs = [nlp.make_doc(text) for text in TEXTS]
    for doc, [best] in zip(nlp.pipe(TEXTS), ner.k_best(docs, 1), strict=True):
        assert as_set(best.ents) == as_set(doc.ents)
        if len(doc) < 7:
            expected = analyses_of(ner, nlp.make_doc(doc.text))[as_set(doc.ents)]
            assert best.probability == pytest.approx(expected, abs=1e-5)


def test_entities_of_analyses_are_spans_in_the_order_of_the_text(ner):
    doc = plain(ner)
    doc.ents = [Span(doc, 3, 4, label="NEVER-SEEN", kb_id="Q60", span_id="big")]
    [analyses] = ner.k_best(doc, 100)
    assert len(analyses) == 100
    for analysis in analyses:
        starts = [ent.start for ent in analysis.ents]
        assert starts == sorted(starts)
        assert all(ent.doc is doc for ent in analysis.ents)
        [preset] = [ent for ent in analysis.ents if ent.start == 3]
        assert (preset.kb_id_, preset.id_) == ("Q60", "big")


def test_long_documents_have_many_analyses(nlp, ner):
    doc = nlp.make_doc(TEXTS[4])
    [found] = ner.k_best(doc, 300)
    probabilities = np.array([analysis.probability for analysis in found])
    assert len({as_set(analysis.ents) for analysis in found}) == 300
    assert (np.diff(probabilities) <= 0).all()
    assert 0 < probabilities.sum() < 1


# Random analyses


@pytest.mark.parametrize("spans", [[], [(1, 2, "PLACE")]])
def test_samples_have_the_frequencies_of_the_enumeration(ner, spans):
    doc = annotated(ner, WORDS, spans)
    n = 3000
    [drawn] = ner.sample(doc, n, seed=1)
    counts = Counter(map(as_set, drawn))
    analyses = analyses_of(ner, doc)
    assert set(counts) <= set(analyses)
    frequent = {found: p for found, p in analyses.items() if p * n >= 5}
    assert len(frequent) > 10
    observed = [counts[found] for found in frequent]
    expected = [p * n for p in frequent.values()]
    if len(frequent) < len(analyses):
        observed.append(n - sum(observed))
        expected.append(n - sum(expected))
    assert chisquare(observed, expected).pvalue > 0.01


def test_samples_cover_tokens_as_often_as_the_marginals_say(nlp, ner):
    doc = nlp.make_doc(TEXTS[4])
    n = 1500
    [marginals], [drawn] = ner.marginals(doc), ner.sample(doc, n, seed=2)
    covered = np.zeros((len(doc), len(ner.labels)))
    for ents in drawn:
        for start, end, label in as_set(ents):
            covered[start:end, ner.labels.index(label)] += 1
    deviation = np.sqrt(marginals.labels * (1 - marginals.labels) / n)
    assert (np.abs(covered / n - marginals.labels) < 4.5 * deviation + 1e-9).all()


def test_seeds(ner):
    doc = plain(ner)
    first, again, other, more = (
        [as_set(ents) for ents in ner.sample(doc, n, seed=seed)[0]]
        for n, seed in ((20, 3), (20, 3), (20, 4), (40, 3))
    )
    assert first == again == more[:20]
    assert first != other
    default = [as_set(ents) for ents in ner.sample(doc, 20)[0]]
    assert default == [as_set(ents) for ents in ner.sample(doc, 20, seed=0)[0]]


@preset_documents
def test_presets_are_in_every_sample(ner, spans, blocked):
    doc = annotated(ner, WORDS, spans, blocked)
    [drawn] = ner.sample(doc, 60)
    for ents in map(as_set, drawn):
        assert set(spans) <= ents
        assert not tokens_of(ents - set(spans)) & (tokens_of(spans) | set(blocked))


@pytest.mark.parametrize("max_tokens", [1, 2**16])
def test_samples_of_documents_are_independent(ner, monkeypatch, max_tokens):
    """Also of those that are not in one group."""
    monkeypatch.setattr(base, "_MAX_TOKENS", max_tokens)
    first, second = ner.sample([plain(ner), plain(ner)], 200, seed=5)
    pairs = zip(map(as_set, first), map(as_set, second), strict=True)
    assert sum(one == other for one, other in pairs) < 20


@pytest.mark.parametrize("number", [0, -1])
def test_not_even_one_analysis_is_refused(ner, number):
    for docs in (plain(ner), [plain(ner), plain(ner, [])], plain(ner, [])):
        with pytest.raises(ValueError, match=f"^Component 'crf_ner': .*{number}"):
            ner.k_best(docs, number)
        with pytest.raises(ValueError, match=f"^Component 'crf_ner': .*{number}"):
            ner.sample(docs, number)
