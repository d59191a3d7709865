"""Presidio itself, with a pipeline of ours."""

import pytest
import spacy

pytest.importorskip("presidio_analyzer", reason="needs pip install -e '.[presidio]'")

from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpEngineProvider

from spacy_crf_tagger.evaluation.display import entity_scores
from spacy_crf_tagger.evaluation.presidio import CRFNlpEngine
from tests.helpers.component import recognizer, trained_nlp

TEXT = "Ada Lovelace met Grace in Paris."


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    nlp = trained_nlp()
    ruler = nlp.add_pipe("entity_ruler", before="crf_ner")
    ruler.add_patterns([{"label": "ORG", "pattern": "Royal Society"}])
    path = tmp_path_factory.mktemp("pipeline") / "model"
    nlp.to_disk(path)
    return path


def make_engine(pipeline, **configuration):
    models = [{"lang_code": "en", "model_name": str(pipeline)}]
    return CRFNlpEngine(models, NerModelConfiguration(**configuration))


@pytest.fixture
def analyzer(pipeline):
    return AnalyzerEngine(nlp_engine=make_engine(pipeline))


def found(results):
    return {(x.start, x.end, x.entity_type): round(x.score, 4) for x in results}


def expected(pipeline, text=TEXT, **names):
    """RETURNS what a pipeline finds, in the words of Presidio."""
    doc = spacy.load(pipeline)(text)
    return {
        (ent.start_char, ent.end_char, names.get(ent.label_, ent.label_)): round(s, 4)
        for ent, s in zip(doc.ents, entity_scores(doc), strict=True)
        if s is not None
    }


def test_scores_are_probabilities(analyzer, pipeline):
    results = found(analyzer.analyze(TEXT, language="en"))
    # PLACE is a label that Presidio does not know.
    assert results == expected(pipeline)
    assert {label for _, _, label in results} == {"PERSON", "PLACE"}
    assert 0.85 not in results.values()
    assert len(set(results.values())) > 1


def test_threshold_goes_by_probability(analyzer, pipeline):
    scores = expected(pipeline)
    middle = sorted(scores.values())[1]
    results = analyzer.analyze(TEXT, language="en", score_threshold=middle)
    assert len(results) in (len(scores) - 1, len(scores) - 2)
    assert all(result.score >= middle for result in results)


def test_batches_have_the_same_scores(analyzer, pipeline):
    texts = [TEXT, "", "Grace left New York."]
    batch = BatchAnalyzerEngine(analyzer).analyze_iterator(
        texts, language="en", batch_size=2
    )
    assert list(map(found, batch)) == [expected(pipeline, text) for text in texts]


def test_context_of_a_batch_is_kept(pipeline):
    engine = make_engine(pipeline)
    engine.load()
    pairs = [(TEXT, {"id": 3}), ("Grace", {"id": 4})]
    batch = list(engine.process_batch(pairs, "en", as_tuples=True))
    assert [(text, context) for text, _, context in batch] == pairs
    assert all(artifacts.scores != [0.85] for _, artifacts, _ in batch)


def test_labels_are_mapped_ignored_and_weighed(pipeline):
    engine = make_engine(
        pipeline,
        model_to_presidio_entity_mapping={"PLACE": "LOCATION"},
        labels_to_ignore=["PERSON"],
        low_score_entity_names=["LOCATION"],
        low_confidence_score_multiplier=0.5,
    )
    shared = engine.ner_model_configuration
    results = found(AnalyzerEngine(nlp_engine=engine).analyze(TEXT, language="en"))
    assert results == {
        span: pytest.approx(score / 2, abs=1e-4)
        for span, score in expected(pipeline, PLACE="LOCATION").items()
        if span[2] == "LOCATION"
    }
    assert shared.model_to_presidio_entity_mapping == {"PLACE": "LOCATION"}


def test_entities_of_others_have_the_default_score(analyzer):
    results = analyzer.analyze("The Royal Society met", language="en")
    [society] = [x for x in results if x.entity_type == "ORGANIZATION"]
    assert society.score == 0.85


def test_words_in_the_context_count_without_lemmas(analyzer):
    alone, in_context = (
        max(
            x.score
            for x in analyzer.analyze(text, language="en", entities=["IP_ADDRESS"])
        )
        for text in ("It was 10.0.0.1 then", "The IP address was 10.0.0.1 then")
    )
    assert in_context > alone


def test_configuration_makes_the_engine(pipeline):
    engine = NlpEngineProvider(
        nlp_engines=(CRFNlpEngine,),
        nlp_configuration={
            "nlp_engine_name": "crf",
            "models": [{"lang_code": "en", "model_name": str(pipeline)}],
        },
    ).create_engine()
    registry = RecognizerRegistry()
    registry.add_nlp_recognizer(engine)
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine)
    assert found(analyzer.analyze(TEXT, language="en")) == expected(pipeline)


@pytest.mark.parametrize("has_crf", [True, False])
def test_pipeline_without_probabilities_is_refused(tmp_path, has_crf):
    nlp = trained_nlp() if has_crf else spacy.blank("en")
    if has_crf:
        recognizer(nlp).spans_key = None
    nlp.to_disk(tmp_path)
    engine = make_engine(tmp_path)
    with pytest.raises(ValueError, match="no crf_ner that writes probabilities"):
        engine.load()
    assert not engine.is_loaded()
