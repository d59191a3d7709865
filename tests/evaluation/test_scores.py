import json

import pytest
import spacy
from spacy.cli import app as spacy_app
from spacy.scorer import get_ner_prf
from spacy.training.loop import create_evaluation_callback
from spacy.util import combine_score_weights, load_config, registry
from typer.testing import CliRunner

import spacy_crf_tagger.cli  # noqa: F401 (adds the commands)
from spacy_crf_tagger.evaluation.calibration import analyse_examples
from spacy_crf_tagger.evaluation.reliability import reliability, score_entities
from tests.helpers.calibration import (
    make_unsure,
    sample_annotation,
    save_references,
    train_shortly,
)
from tests.helpers.component import make_examples, make_nlp, recognizer, trained_nlp
from tests.helpers.forks import print_forked
from tests.helpers.paths import CONFIGS

OURS = ("ents_ece", "ents_brier", "ents_calib")


@pytest.mark.parametrize("key", ["crf_ner", "probable"])
def test_evaluation_tells_how_far_probabilities_are_off(key):
    nlp = make_unsure()
    examples = sample_annotation(nlp, 1.0, 5)
    recognizer(nlp).cfg.update(spans_key=key, temperature=0.5)
    scores = nlp.evaluate(examples)
    analysed = analyse_examples(nlp, examples)
    assert scores.items() >= get_ner_prf(analysed).items()
    expected = reliability(*score_entities(analysed, key))
    assert (scores["ents_ece"], scores["ents_brier"]) == (expected.ece, expected.brier)
    assert scores["ents_calib"] == 1.0 - expected.ece
    assert all(type(scores[name]) is float for name in OURS)
    assert scores["ents_ece"] > 0.05


@pytest.mark.parametrize(
    ("spans_key", "data"),
    [
        (None, None),
        ("crf_ner", [("Ada Lovelace met Grace", {})]),
        ("crf_ner", [("", {"entities": []})]),
    ],
    ids=["switched off", "not annotated", "empty"],
)
def test_none_where_there_is_nothing_to_measure(spans_key, data):
    nlp = trained_nlp()
    recognizer(nlp).cfg["spans_key"] = spans_key
    scores = nlp.evaluate(make_examples(nlp, data))
    assert [scores[name] for name in OURS] == [None, None, None]
    if spans_key is None:
        assert scores["ents_f"] == 1.0


def test_nothing_predicted_is_no_perfect_probability():
    nlp = trained_nlp()
    recognizer(nlp).cfg["threshold"] = 1.0
    scores = nlp.evaluate(make_examples(nlp))
    assert [scores[name] for name in OURS] == [None, None, 0.0]


def test_what_another_component_predicts_is_no_perfect_probability():
    nlp = trained_nlp()
    nlp.add_pipe("entity_ruler", before="crf_ner").add_patterns(
        [
            {"label": span.label_, "pattern": span.text}
            for example in make_examples(nlp)
            for span in example.reference.ents
        ]
    )
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["ents_f"] == 1.0
    assert [scores[name] for name in OURS] == [None, None, 0.0]


def test_a_weight_outlives_an_evaluation_without_entities():
    nlp = make_unsure()
    examples = sample_annotation(nlp, 1.0, 5)
    evaluate = create_evaluation_callback(
        nlp, lambda nlp: examples, {"ents_f": 0.5, "ents_calib": 0.5}
    )
    recognizer(nlp).cfg["threshold"] = 1.0
    score, scores = evaluate()
    assert (score, scores["ents_f"], scores["ents_calib"]) == (0.0, 0.0, 0.0)
    recognizer(nlp).cfg["threshold"] = None
    score, scores = evaluate()
    assert scores["ents_ece"] > 0.01
    assert score == pytest.approx(0.5 * (scores["ents_f"] + 1 - scores["ents_ece"]))


def test_scores_are_reported_but_have_no_weight():
    weights = make_nlp().config["training"]["score_weights"]
    assert [weights[name] for name in ("ents_f", *OURS)] == [1.0, None, None, 0.0]


@pytest.mark.parametrize("name", ["crf_ner", "crf_ner_vectors", "crf_ner_trf"])
def test_configs_choose_by_a_score_between_0_and_1(name):
    path = CONFIGS / f"{name}.cfg"
    weights = load_config(path)["training"]["score_weights"]
    numbers = [weight for weight in weights.values() if weight is not None]
    assert sum(numbers) == pytest.approx(1.0)
    assert all(0.0 <= weight <= 1.0 for weight in numbers)
    # spaCy rounds them; these stay what they are.
    assert combine_score_weights([weights]) == weights


@pytest.mark.parametrize("spans_key", ["crf_ner", None])
def test_training_logs_them(spans_key, tmp_path, capsys):
    examples = make_examples(spacy.blank("en"))
    corpus = save_references(examples, tmp_path / "corpus.spacy")
    output = train_shortly(
        corpus, tmp_path / "output", calibration_weight=0.5, spans_key=spans_key
    )
    best = spacy.load(output)
    assert "ENTS_CALIB" in capsys.readouterr().out
    performance = best.meta["performance"]
    assert performance["ents_f"] > 0
    assert (performance["ents_ece"] > 0) == (spans_key is not None)


@pytest.mark.parametrize("spans_key", ["crf_ner", None])
def test_commands_of_spacy_and_ours_take_them(spans_key, tmp_path):
    nlp = trained_nlp()
    recognizer(nlp).cfg["spans_key"] = spans_key
    nlp.to_disk(tmp_path / "pipeline")
    corpus = save_references(make_examples(nlp), tmp_path / "corpus.spacy")

    def call(*arguments):
        result = CliRunner().invoke(spacy_app, list(map(str, arguments)))
        assert result.exit_code == 0, result.output
        return result.output

    plain, by_component = tmp_path / "plain.json", tmp_path / "by_component.json"
    command = ("evaluate", tmp_path / "pipeline", corpus, "--output")
    assert "NER F" in call(*command, plain)
    call(*command, by_component, "--per-component")
    written = json.loads(by_component.read_text())["crf_ner"]
    assert all((written[name] is None) == (spans_key is None) for name in OURS)
    assert "100.0" in call("crf", "compare", plain, plain)


def test_any_process_can_afford_the_scorer_and_the_callback():
    names = [
        ("scorers", "spacy_crf_tagger.ner_scorer.v1"),
        ("callbacks", "spacy_crf_tagger.calibrate.v1"),
    ]
    for kind, name in names:
        module = registry.find(kind, name)["module"]
        program = f"import sys, {module}; print(*sys.modules, sep='\\n')"
        loaded = print_forked(program).split()
        assert module in loaded
        heavy = {"numba", "matplotlib", "spacy_crf_tagger.models.network"}
        assert not heavy & set(loaded)
