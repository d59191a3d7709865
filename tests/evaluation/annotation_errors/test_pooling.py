import pytest

from spacy_crf_tagger.crf import SpanPosterior
from spacy_crf_tagger.evaluation.annotation_errors.judging import judge
from spacy_crf_tagger.evaluation.annotation_errors.pooling import Judges
from spacy_crf_tagger.evaluation.annotation_errors.usage import Usage
from tests.helpers.component import make_examples, make_nlp, recognizer, trained_nlp


@pytest.fixture(scope="module")
def nlps():
    first, second = trained_nlp(), trained_nlp()
    recognizer(second).temperature = 5.0
    return first, second


def marginals(judges, docs):
    [scored] = judges.score(docs)
    return SpanPosterior(scored.lattice, judges.scheme).tags


def test_equal_judges_judge_as_one(nlps):
    docs = [example.y for example in make_examples(nlps[0])]
    alone = marginals(Judges(nlps[:1], "crf_ner"), docs)
    both = marginals(Judges([nlps[0], trained_nlp()], "crf_ner"), docs)
    assert both == pytest.approx(alone, abs=1e-4)


def test_the_mean_of_scores_is_a_temperature_between(nlps):
    """Half of the scores, and a tenth of them: three tenths together."""
    docs = [example.y for example in make_examples(nlps[0])]
    both = marginals(Judges(nlps, "crf_ner"), docs)
    between = trained_nlp()
    recognizer(between).temperature = 1 / 0.6
    assert both == pytest.approx(
        marginals(Judges([between], "crf_ner"), docs), abs=1e-4
    )


def test_judges_must_agree_on_labels(nlps):
    other = make_nlp(labels=["X"])
    with pytest.raises(ValueError, match="differ in their labels"):
        Judges([nlps[0], other], "crf_ner")


def test_empty_documents_and_their_numbers(nlps):
    nlp = nlps[0]
    docs = [nlp.make_doc(""), make_examples(nlp)[0].y, nlp.make_doc("")]
    judged = list(judge(Judges([nlp], "crf_ner"), docs, [4, 7, 9], Usage()))
    assert [each.number for each in judged] == [7]
    assert len(judged[0].tokens) == len(docs[1])
    assert judged[0].score < 0.5
