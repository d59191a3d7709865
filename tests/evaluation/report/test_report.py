"""What a report says of pipelines whose answers are known."""

import numpy as np
import pytest
import spacy
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc, DocBin

from spacy_crf_tagger.evaluation.bootstrap import interval, resampled_totals
from spacy_crf_tagger.evaluation.report.build import Pipeline, make_report
from spacy_crf_tagger.evaluation.report.curves import precision_recall
from spacy_crf_tagger.evaluation.report.outcomes import Unit
from spacy_crf_tagger.evaluation.report.page import render
from spacy_crf_tagger.evaluation.report.pieces import cut_pieces
from spacy_crf_tagger.evaluation.report.sentences import cut_sentence
from tests.helpers.calibration import make_unsure, sample_annotation, save_references
from tests.helpers.component import recognizer
from tests.helpers.tagging import make_unsure_tagger, sample_tags, tagger_of

PATTERNS = [("Ada", "PERSON"), ("Rome", "PLACE"), ("Grace", "PLACE")]


def ruler(patterns=PATTERNS):
    nlp = spacy.blank("en")
    rules = [{"label": label, "pattern": text} for text, label in patterns]
    nlp.add_pipe("entity_ruler").add_patterns(rules)
    return nlp


def save_docs(path, texts):
    """Texts with entities: [Ada|PERSON]."""
    vocab = spacy.blank("en").vocab
    docs = []
    for text in texts:
        words, ents = [], []
        for word in text.split():
            plain, _, label = word.strip("[]").partition("|")
            words.append(plain)
            ents.append(f"U-{label}" if label else "O")
        docs.append(Doc(vocab, words=words, ents=_as_iob(ents)))
    DocBin(docs=docs).to_disk(path)
    return path


def _as_iob(tags):
    return [tag.replace("U-", "B-") for tag in tags]


@pytest.fixture
def corpus(tmp_path):
    texts = [
        "[Ada|PERSON] met [Grace|PERSON] in [Rome|PLACE]",
        "[Grace|PERSON] left [Oslo|PLACE]",
        "Rome fell",
    ]
    return save_docs(tmp_path / "test.spacy", texts)


@pytest.fixture
def learned(tmp_path):
    return save_docs(tmp_path / "train.spacy", ["[Ada|PERSON] and [Grace|PLACE] came"])


def test_errors_and_groups_of_any_pipeline(corpus, learned):
    report = make_report(Pipeline("rules", ruler()), corpus, train=learned)
    assert (report.n_documents, report.n_tokens) == (3, 10)
    [section] = report.sections
    assert section.overall[1:4] == (2, 5, 5)
    groups = {tuple(group[:5]) for group in section.errors.groups}
    assert groups == {
        ("wrong label", "Grace", "PERSON", "PLACE", 2),
        ("missed", "Oslo", "PLACE", "", 1),
        ("spurious", "Rome", "", "PLACE", 1),
    }
    first = section.errors.groups[0]
    assert first.text == "Grace"
    assert [each.place for each in first.sentences] == [
        f"test.spacy, document {n}" for n in (1, 2)
    ]
    by_title = {group.title: group.rows for group in section.breakdowns}
    seen = by_title["By whether the form was seen in training"]
    assert [score[:4] for score in seen] == [
        ("seen with this label", 1, 3, 1),
        ("seen with other labels only", 0, 0, 2),
        ("not seen in training", 1, 2, 2),
    ]
    assert [score.name for score in by_title["By frequency of the label"]] == [
        "1–9 annotations"
    ]
    assert section.calibration is None
    assert section.curve == []
    assert section.transitions is None


def test_difference_from_another_pipeline(corpus):
    other = ruler([("Ada", "PERSON"), ("Rome", "PLACE"), ("Oslo", "PLACE")])
    report = make_report(
        Pipeline("a/ours", ruler()), corpus, against=Pipeline("b/theirs", other)
    )
    difference = report.sections[0].difference
    assert [score.name for score in difference.overall] == ["ours", "theirs"]
    assert [score[1:4] for score in difference.overall] == [(2, 5, 5), (3, 4, 5)]
    assert difference.comparison.f == pytest.approx(0.4 - 6 / 9)
    changes = {change[:4] for change in difference.changes}
    assert changes == {
        ("found by theirs only", "Oslo", "PLACE", 1),
        ("wrong in ours only", "Grace", "PLACE", 2),
    }
    change = next(each for each in difference.changes if each.text == "Oslo")
    assert [mark.label for mark in change.ours[0].predicted] == ["PLACE"]
    assert [mark.label for mark in change.theirs[0].predicted] == ["PLACE"]
    assert change.theirs[0].text == "Grace left Oslo"


def test_a_pipeline_differs_from_itself_in_nothing(corpus):
    pipeline = Pipeline("same", ruler())
    report = make_report(pipeline, corpus, against=Pipeline("same", ruler()))
    difference = report.sections[0].difference
    assert difference.comparison[:2] == (0.0, (0.0, 0.0))
    assert difference.comparison.p_value == 1.0
    assert difference.changes == []


def test_probabilities_are_those_of_the_component(tmp_path):
    nlp = make_unsure()
    examples = sample_annotation(nlp, 1.0, 6)
    corpus = save_references(examples, tmp_path / "test.spacy")
    recognizer(nlp).threshold = 0.2
    [section] = make_report(Pipeline("unsure", nlp), corpus).sections
    scores = nlp.evaluate(examples)
    assert section.overall.f == pytest.approx(scores["ents_f"])
    assert section.calibration.ece == pytest.approx(scores["ents_ece"])
    assert section.calibration.brier == pytest.approx(scores["ents_brier"])
    assert section.threshold == 0.2
    # The lowest threshold of the curve keeps what is predicted now.
    lowest = section.curve[0]
    assert lowest[1:] == pytest.approx(section.overall[4:7])
    assert lowest.threshold >= 0.2
    missed = [g for g in section.errors.groups if g.kind == "missed"]
    assert missed
    for group in missed:
        [mark] = [
            mark
            for mark in group.sentences[0].gold
            if (mark.start, mark.end) == group.sentences[0].focus
        ]
        assert 0 < mark.probability < 1
    once = next(group for group in missed if group.times == 1)
    [mark] = [
        m for m in once.sentences[0].gold if (m.start, m.end) == once.sentences[0].focus
    ]
    assert once.probability == mark.probability


def test_transitions_are_those_of_the_weights(tmp_path):
    nlp = make_unsure()
    corpus = save_references(sample_annotation(nlp, 1.0, 1), tmp_path / "test.spacy")
    [section] = make_report(Pipeline("unsure", nlp), corpus).sections
    ner = recognizer(nlp)
    tags, scores, _ = section.transitions
    assert tags == ner.scheme.tags
    learned = ner.model.predict([nlp.make_doc("a")]).transitions
    for row, own in enumerate(scores):
        for column, score in enumerate(own):
            assert (score is not None) == ner.scheme.constraints.transitions[
                row, column
            ]
            assert score is None or score == pytest.approx(
                learned[row][column], abs=1e-3
            )


def test_tags(tmp_path):
    nlp = make_unsure_tagger(scores_key="probabilities")
    examples = sample_tags(nlp, 1.0, 6)
    corpus = save_references(examples, tmp_path / "test.spacy")
    [section] = make_report(Pipeline("tagger", nlp), corpus, train=corpus).sections
    scores = nlp.evaluate(examples)
    assert section.unit == "tag"
    assert section.overall.recall == pytest.approx(scores["tag_acc"])
    assert section.calibration.ece == pytest.approx(scores["tag_ece"])
    assert set(section.errors.times) == {"wrong label"}
    assert sum(map(sum, section.confusion.counts)) == section.overall.gold
    assert "nothing" not in section.confusion.gold
    assert section.muc == []
    titles = [group.title for group in section.breakdowns]
    assert "By whether the form was seen in training" in titles
    assert "By length" not in titles


def test_difference_of_tags(tmp_path):
    nlp = make_unsure_tagger()
    corpus = save_references(sample_tags(nlp, 1.0, 2), tmp_path / "test.spacy")
    other = make_unsure_tagger()
    tagger_of(other).cfg["forbidden_pairs"] = [["N", "N"], ["D", "V"], ["P", "P"]]
    ours, theirs = Pipeline("a", nlp), Pipeline("b", other)
    [section] = make_report(ours, corpus, against=theirs).sections
    difference = section.difference
    right = [score.right for score in difference.overall]
    found = [difference.times[f"found by {name} only"] for name in "ab"]
    assert min(found) > 0
    assert found[0] - found[1] == right[0] - right[1]
    change = next(each for each in difference.changes if "found by a" in each.kind)
    assert [mark.label for mark in change.ours[0].predicted] == [change.label]
    [mark] = change.theirs[0].predicted
    assert mark.label != change.label
    # Of other tokens, or of none.
    other.tokenizer = Tokenizer(other.vocab)
    unlike = (Pipeline("b", other), Pipeline("c", ruler()))
    for theirs in unlike:
        report = make_report(ours, corpus, against=theirs)
        assert report.sections[0].difference is None
        for ending in (".html", ".md"):
            assert "cannot be compared with" in render(report, ending)


def test_nothing_to_report(tmp_path, corpus):
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match="nothing to report on in 3 documents"):
        make_report(Pipeline("blank", nlp), corpus)
    unannotated = tmp_path / "plain.spacy"
    DocBin(docs=[Doc(nlp.vocab, words=["Rome"])]).to_disk(unannotated)
    with pytest.raises(ValueError, match="no annotated entities"):
        make_report(Pipeline("rules", ruler()), unannotated)


# Parts


def test_sentence_is_cut_and_marked():
    nlp = spacy.blank("en")
    words = ["Long", "ago", ".", "Ada", "Lovelace", "saw", "Rome", ".", "Then", "left"]
    starts = [n in (0, 3, 8) for n in range(len(words))]
    doc = Doc(nlp.vocab, words=words, sent_starts=starts)
    gold = [(Unit(0, 1, "TIME"), None), (Unit(3, 5, "PERSON"), None)]
    predicted = [(Unit(4, 5, "PERSON"), 0.126), (Unit(6, 7, "PLACE"), 0.999)]
    sentence = cut_sentence(doc, "here", (3, 5), gold, predicted)
    assert sentence.text == "Ada Lovelace saw Rome ."
    assert [piece[:3] for piece in cut_pieces(sentence)] == [
        ("Ada ", "PERSON", None),
        ("Lovelace", "", "PERSON .13"),
        (" saw ", None, None),
        ("Rome", None, "PLACE 1.0"),
        (" .", None, None),
    ]


def test_long_sentence_is_cut_around_the_error():
    doc = Doc(spacy.blank("en").vocab, words=[f"w{n}" for n in range(1000)])
    sentence = cut_sentence(doc, "here", (500, 501), [(Unit(500, 501, "A"), None)], [])
    assert len(sentence.text.split()) == 51
    [mark] = sentence.gold
    assert sentence.text[mark.start : mark.end] == "w500"
    huge = Doc(spacy.blank("en").vocab, words=["x" * 100_000])
    sentence = cut_sentence(huge, "here", (0, 1), [(Unit(0, 1, "A"), None)], [])
    assert len(sentence.text) < 1000
    assert "".join(piece.text for piece in cut_pieces(sentence)) == sentence.text


def test_curve():
    curve = precision_recall([0.9, np.nan, 0.5, 0.5], [True, True, False, True], 4)
    assert [point[:3] for point in curve] == [
        (0.5, 0.75, 0.75),
        (0.9, 1.0, 0.5),
    ]
    assert precision_recall([np.nan], [True], 1) == []
    assert precision_recall([], [], 1) == []
    many = np.random.default_rng(0).random(5000)
    curve = precision_recall(many, many > 0.5, 4000)
    assert len(curve) == 200
    assert curve[0].threshold == many.min()
    assert curve[-1].threshold == many.max()


def test_bootstrap_draws_whole_documents():
    counts = [[1, 2, 3], [0, 1, 0], [5, 5, 5]]
    drawn = resampled_totals([0, 0, 2], [0, 1, 1], counts, (3, 2), n_samples=300)
    assert drawn.shape == (300, 2, 3)
    # What is in one document comes together.
    assert (drawn[:, 0] * [6, 3, 2] == 6 * drawn[:, 0, :1]).all()
    assert drawn.mean(0) == pytest.approx(
        np.array([[1, 2, 3], [5, 6, 5]], float), rel=0.2
    )


def test_interval_is_that_of_a_binomial():
    right = np.random.default_rng(0).random(400) < 0.8
    ones = np.ones(400, int)
    counts = np.stack([right, ones, ones], 1)
    drawn = resampled_totals(np.arange(400), 0 * ones, counts, (400, 1), 2000)
    low, high = interval(drawn[:, 0, 0] / drawn[:, 0, 1])
    error = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 400)
    assert low == pytest.approx(right.mean() - error, abs=0.006)
    assert high == pytest.approx(right.mean() + error, abs=0.006)
