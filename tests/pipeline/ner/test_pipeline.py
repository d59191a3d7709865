"""What a pipeline sees of the component: its registration, config, labels,
initialisation and first predictions. Where `ner` promises the same, both are tested.
"""

import logging
import re

import pytest
import spacy
from confection import ConfigValidationError
from spacy.cli.debug_data import _get_labels_from_model
from spacy.language import Language
from spacy.lookups import Lookups
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model_from_config, registry

from spacy_crf_tagger.pipeline import base
from spacy_crf_tagger.pipeline.ner.component import DEFAULT_MODEL, CRFEntityRecognizer
from tests.helpers.component import (
    SMALL_MODEL,
    TEXTS,
    entities,
    fit,
    iob,
    make_examples,
    make_nlp,
    recognizer,
    small_model,
    trained_nlp,
)

either = pytest.mark.parametrize("factory", ["ner", "crf_ner"])


@pytest.mark.parametrize(
    "field",
    ["assigns", "requires", "retokenizes", "scores", "default_score_weights"],
)
def test_factory_promises_what_ner_promises(field):
    spacy.blank("en")  # registers the factories
    ours = Language.get_factory_meta("crf_ner")
    theirs = Language.get_factory_meta("ner")
    promised, expected = getattr(ours, field), getattr(theirs, field)
    if isinstance(expected, dict):
        assert {key: promised[key] for key in expected} == expected
    elif isinstance(expected, list):
        assert promised[: len(expected)] == expected
    else:
        assert promised == expected


def test_pipeline_analysis_finds_no_problems():
    nlp = make_nlp()
    analysis = nlp.analyze_pipes(keys=["assigns", "requires", "scores"])
    assert analysis["problems"] == {"crf_ner": []}
    assert analysis["summary"]["crf_ner"]["scores"][0] == "ents_f"


def test_component_can_be_constructed_without_a_pipeline():
    model = registry.resolve({"model": DEFAULT_MODEL}, validate=True)["model"]
    ner = CRFEntityRecognizer(spacy.blank("en").vocab, model)
    assert ner.name == "crf_ner"
    assert ner.labels == ()
    assert ner.is_resizable
    assert ner.is_trainable


def test_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match=r"iobes.*biluo.*bio"):
        make_nlp(scheme="iobes")


def test_config_survives_a_round_trip():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler")
    nlp.add_pipe("crf_ner", config={"scheme": "bio"})
    again = load_model_from_config(nlp.config, auto_fill=False)
    assert again.config == nlp.config
    assert again.pipe_names == nlp.pipe_names
    assert again.get_pipe_meta("crf_ner") == nlp.get_pipe_meta("crf_ner")
    assert again.get_pipe_config("crf_ner") == nlp.get_pipe_config("crf_ner")
    assert recognizer(again).scheme.name == "bio"


def test_config_written_out_in_full_needs_no_filling():
    nlp = make_nlp(attention_heads=0)
    config = nlp.get_pipe_config("crf_ner")
    assert config["model"]["attention_heads"] == 0
    assert config["model"]["window"] == DEFAULT_MODEL["window"]


def test_pipe_can_be_disabled_selected_and_renamed(tmp_path):
    nlp = trained_nlp()
    text = TEXTS[0]
    expected = entities(nlp(text))
    with nlp.select_pipes(disable="crf_ner"):
        assert entities(nlp(text)) == []
    assert entities(nlp(text)) == expected
    nlp.rename_pipe("crf_ner", "names")
    assert entities(nlp(text)) == expected
    nlp.disable_pipe("names")
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert again.disabled == ["names"]
    again.enable_pipe("names")
    assert entities(again(text)) == expected
    assert spacy.load(tmp_path, exclude="names").component_names == []


# Labels


@either
def test_labels_can_be_added_before_initialisation(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory)
    assert ner.labels == ()
    for label in ["PERSON", "ORG", "LARGE-ANIMAL"]:
        assert ner.add_label(label) == 1
    assert ner.add_label("ORG") == 0
    assert sorted(ner.labels) == ["LARGE-ANIMAL", "ORG", "PERSON"]
    assert nlp.pipe_labels[factory] == list(ner.labels)
    assert "LARGE-ANIMAL" in nlp.vocab.strings


@pytest.mark.parametrize("initialized", [False, True])
@pytest.mark.parametrize("label", [None, 3, b"PERSON", ""])
def test_malformed_labels_are_refused_and_change_nothing(label, initialized):
    nlp = make_nlp(labels=["A"])
    if initialized:
        nlp.initialize()
    ner = recognizer(nlp)
    with pytest.raises(ValueError, match=r"E187|Empty label"):
        ner.add_label(label)
    assert ner.labels == ("A",)
    nlp.initialize()
    assert len(nlp("still works").ents) == 0


def test_labels_of_data_are_sorted_and_follow_labels_added_before():
    nlp = make_nlp(labels=["ZEBRA", "PLACE"])
    nlp.initialize(lambda: make_examples(nlp))
    assert recognizer(nlp).labels == ("ZEBRA", "PLACE", "PERSON")
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    assert recognizer(nlp).labels == ("PERSON", "PLACE")


@either
def test_label_data_initialises_another_pipeline(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory)
    assert ner.label_data is not None
    nlp.initialize(lambda: make_examples(nlp))
    again = spacy.blank("en")
    other = again.add_pipe(factory)
    other.initialize(lambda: make_examples(again), nlp=again, labels=ner.label_data)
    assert other.labels == ner.labels


def test_labels_come_from_the_initialize_block_as_given(tmp_path):
    path = tmp_path / "crf_ner.json"
    path.write_text('["Z-LAST", "A-FIRST"]')
    nlp = make_nlp()
    reader = {"@readers": "spacy.read_labels.v1", "path": str(path)}
    nlp.config["initialize"]["components"]["crf_ner"] = {"labels": reader}
    nlp.initialize(lambda: make_examples(nlp))
    assert recognizer(nlp).labels == ("Z-LAST", "A-FIRST")
    assert recognizer(nlp).model.get_dim("nO") == 9


@pytest.mark.parametrize("settings", [{"labels": 3}, {"lables": ["A"]}])
def test_initialize_block_is_validated(settings):
    nlp = make_nlp()
    nlp.config["initialize"]["components"]["crf_ner"] = settings
    with pytest.raises(ConfigValidationError):
        nlp.initialize(lambda: make_examples(nlp))


@pytest.mark.parametrize("labels", [["A", "A"], ["A", ""]])
def test_faulty_label_lists_are_refused_and_change_nothing(labels):
    nlp = make_nlp()
    ner = recognizer(nlp)
    with pytest.raises(ValueError, match="label"):
        ner.initialize(lambda: make_examples(nlp), labels=labels)
    assert ner.labels == ()


@either
def test_debug_data_finds_the_labels(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory, name="names")
    for label in ("A", "B"):
        ner.add_label(label)
    nlp.initialize()
    assert _get_labels_from_model(nlp, factory) == {"A", "B"}


def test_meta_lists_the_labels():
    assert trained_nlp().meta["labels"]["crf_ner"] == ["PERSON", "PLACE"]


# Initialisation


@either
def test_initialisation_refuses_what_is_not_a_function_of_examples(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory)
    ner.add_label("PERSON")
    examples = make_examples(nlp)
    for wrong in (lambda: None, lambda: examples[0], lambda: [], examples, None):
        with pytest.raises(TypeError):
            ner.initialize(wrong)
    ner.initialize(lambda: examples)


@pytest.mark.parametrize("data", [None, [("No names here.", {"entities": []})]])
def test_initialisation_without_any_label_is_refused(data):
    nlp = make_nlp()
    get_examples = None if data is None else lambda: make_examples(nlp, data)
    with pytest.raises(ValueError, match="E143"):
        nlp.initialize(get_examples)


def test_initialisation_needs_neither_annotation_nor_a_pipeline():
    nlp = make_nlp(labels=["A"])
    nlp.initialize()
    assert iob(nlp("It runs")) == ["O", "O"]
    nlp = make_nlp()
    recognizer(nlp).initialize(lambda: make_examples(nlp))
    assert iob(nlp("It runs")) == ["O", "O"]


@pytest.mark.parametrize(
    "tok2vec",
    [
        SMALL_MODEL["tok2vec"],
        {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "width": 8,
            "depth": 1,
            "embed_size": 100,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": True,
            "pretrained_vectors": None,
        },
    ],
    ids=["TypeEmbed", "HashEmbedCNN"],
)
def test_initialisation_with_empty_documents_first(tok2vec):
    nlp = make_nlp(tok2vec=tok2vec)
    empty = [("", {"entities": []})] * 12
    nlp.initialize(lambda: make_examples(nlp, empty) + make_examples(nlp))
    fit(nlp, make_examples(nlp), 1)
    assert recognizer(nlp).labels == ("PERSON", "PLACE")


def test_second_initialisation_starts_anew_for_other_data():
    nlp = trained_nlp()
    assert entities(nlp("We left New York"))
    more = [("Rex barks", {"entities": [(0, 3, "DOG")]})]
    optimizer = nlp.initialize(lambda: make_examples(nlp, more))
    assert recognizer(nlp).labels == ("PERSON", "PLACE", "DOG")
    assert iob(nlp("We left New York")) == ["O"] * 4
    optimizer.learn_rate = 0.01
    losses = fit(nlp, make_examples(nlp, more), 30, sgd=optimizer)
    assert losses[-1]["crf_ner"] < losses[0]["crf_ner"] / 2
    assert entities(nlp("Rex barks")) == [(0, 1, "DOG")]


@either
def test_missing_normalisation_table_is_reported(factory, caplog):
    nlp = spacy.blank("en")
    nlp.vocab.lookups = Lookups()
    nlp.add_pipe(factory).add_label("A")
    with caplog.at_level(logging.DEBUG):
        nlp.initialize()
        assert "W033" in caplog.text
        caplog.clear()
        nlp.vocab.lookups.add_table("lexeme_norm", {"a": "A"})
        nlp.initialize()
        assert "W033" not in caplog.text


# Before training


@either
def test_uninitialised_pipeline_says_so(factory):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory).add_label("A")
    with pytest.raises(ValueError, match="E109"):
        nlp("Hello there")
    assert len(nlp("")) == 0


def test_uninitialised_component_says_so_by_its_name():
    nlp = make_nlp(labels=["A"], name="names")
    with pytest.raises(ValueError, match=r"E109.*names"):
        list(nlp.pipe(["Hello there"]))
    with pytest.raises(ValueError, match=r"E109.*names"):
        nlp.update(make_examples(nlp))


@either
def test_untrained_component_predicts_that_there_is_nothing(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory)
    ner.add_label("PEOPLE")
    ner.add_label("PLACE")
    nlp.initialize()
    for text in TEXTS:
        doc = nlp(text)
        assert [token.ent_iob for token in doc] == [2] * len(doc)
        assert doc.has_annotation("ENT_IOB")


@either
@pytest.mark.parametrize("ruler_first", [False, True])
def test_ruler_and_untrained_component_in_both_orders(factory, ruler_first):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory).add_label("MY_LABEL")
    nlp.initialize()
    ruler = nlp.add_pipe("entity_ruler", first=ruler_first or None)
    ruler.add_patterns([{"label": "THING", "pattern": "This"}])
    doc = nlp("This was said by Ada Lovelace in Paris")
    assert iob(doc) == ["B"] + ["O"] * 7
    assert entities(doc) == [(0, 1, "THING")]


@pytest.mark.parametrize("hidden_width", [16, 192])
def test_hundreds_of_labels(hidden_width):
    labels = [f"LABEL-{number}" for number in range(300)]
    nlp = make_nlp(labels=labels, hidden_width=hidden_width)
    optimizer = nlp.initialize()
    data = [("One sentence", {"entities": [(0, 3, "LABEL-299")]})]
    examples = make_examples(nlp, data)
    first, *_, last = fit(nlp, examples, 12, sgd=optimizer, drop=0.5)
    assert last["crf_ner"] < first["crf_ner"]
    assert len(nlp("One sentence")) == 2


# The model, as tools use it


def test_debug_model_finds_what_it_needs():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    docs = [nlp.make_doc(text) for text in TEXTS]
    potentials = ner.model.predict(docs)
    n_tokens = sum(map(len, docs))
    assert potentials.emissions.shape == (n_tokens, 9)
    assert potentials.lengths.tolist() == [len(doc) for doc in docs]
    assert ner.model.get_ref("tok2vec") in ner.model.layers
    assert ner.model.get_dim("nO") == 9
    assert ner.model.get_ref("scores").get_dim("nI") == 16
    assert ner.model.get_ref("tok2vec").get_dim("nO") == 16


def test_model_of_another_architecture_is_refused():
    config = {"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": None}}
    config["model"]["tok2vec"] = SMALL_MODEL["tok2vec"]
    with pytest.raises(ValueError, match="BiLSTMAttentionCRF"):
        spacy.blank("en").add_pipe("crf_ner", config=config)


# Scores


@either
def test_evaluation_scores_like_ner(factory):
    """Entities are set by hand, so that both are given the same predictions."""
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory, name="names")
    gold_data = [
        ("Ada met Bo", {"entities": [(0, 3, "PERSON"), (8, 10, "PERSON")]}),
        ("Paris is big", {"entities": [(0, 5, "PLACE")]}),
        ("Nothing", {}),
    ]
    nlp.initialize(lambda: make_examples(nlp, gold_data))
    examples = make_examples(nlp, gold_data)
    examples[0].predicted.ents = [examples[0].predicted.char_span(0, 3, "PERSON")]
    examples[1].predicted.ents = [examples[1].predicted.char_span(6, 8, "PLACE")]
    scores = ner.score(examples)
    assert (scores["ents_p"], scores["ents_r"]) == (0.5, 1 / 3)
    assert scores["ents_per_type"]["PERSON"]["r"] == 0.5
    names = {"ents_p", "ents_r", "ents_f", "ents_per_type"}
    ours = {"ents_ece", "ents_brier", "ents_calib"} if factory == "crf_ner" else set()
    assert set(scores) == names | ours


def test_evaluate_predicts_and_scores():
    nlp = trained_nlp()
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["ents_f"] == 1.0
    wrong = [("We left New York for Paris", {"entities": [(8, 16, "PERSON")]})]
    scores = nlp.evaluate(make_examples(nlp, wrong), per_component=True)
    assert scores["crf_ner"]["ents_f"] == 0.0
    nothing_annotated = nlp.evaluate(make_examples(nlp, [("We left", {})]))
    assert nothing_annotated["ents_f"] is None


def test_scorer_can_be_left_out():
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", config={"scorer": None, "model": small_model()})
    nlp.initialize(lambda: make_examples(nlp))
    assert "ents_f" not in nlp.evaluate(make_examples(nlp))


# Prediction


def test_predict_leaves_documents_alone():
    nlp = trained_nlp()
    docs = [nlp.make_doc(text) for text in TEXTS]
    before = [doc.to_bytes() for doc in docs]
    ner = recognizer(nlp)
    predictions = ner.predict(docs)
    assert [doc.to_bytes() for doc in docs] == before
    assert ner.labels == ("PERSON", "PLACE")
    ner.set_annotations(docs, predictions)
    assert [entities(doc) for doc in docs] == [entities(doc) for doc in nlp.pipe(TEXTS)]


def test_one_document_can_be_annotated_by_itself():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    doc = nlp.make_doc(TEXTS[0])
    ner.set_annotations(doc, ner.predict(doc))
    assert entities(doc) == entities(nlp(TEXTS[0])) != []


def test_predictions_that_do_not_fit_the_documents_are_refused():
    nlp = trained_nlp()
    docs = [nlp.make_doc("One"), nlp.make_doc("Two")]
    with pytest.raises(ValueError, match="zip"):
        recognizer(nlp).set_annotations(docs, recognizer(nlp).predict(docs[:1]))


@pytest.mark.parametrize("docs", [[], [""], ["", ""]])
def test_nothing_to_predict(docs):
    nlp = trained_nlp()
    ner = recognizer(nlp)
    predictions = ner.predict([nlp.make_doc(text) for text in docs])
    assert [(spans, len(scores)) for spans, scores, _ in predictions] == [
        ([], 0)
    ] * len(docs)
    assert [len(doc.ents) for doc in nlp.pipe(docs)] == [0] * len(docs)


def test_large_batches_are_predicted_in_groups(monkeypatch):
    """`nlp.pipe` passes 1,000 documents at once, of whatever length."""
    nlp = trained_nlp()
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    for max_tokens in (1, 9, 50):
        monkeypatch.setattr(base, "_MAX_TOKENS", max_tokens)
        assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected


def test_failing_documents_reach_the_error_handler():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    network = ner.model.get_ref("scores").shims[0].built
    network.emission.bias.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        nlp("We left")
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, error: failed.append(name))
    assert list(nlp.pipe(["We left", "Grace"])) == []
    assert failed == ["crf_ner"] * 2


def test_long_document_with_a_small_window():
    nlp = trained_nlp()
    config = nlp.get_pipe_config("crf_ner")["model"]
    windowed = make_nlp(window=24, overlap=6)
    assert config["window"] != 24
    examples = make_examples(windowed)
    windowed.initialize(lambda: examples)
    fit(windowed, examples, 40)
    words = ["We", "left", "New", "York", "for", "Paris"] * 500
    doc = windowed(Doc(windowed.vocab, words=words))
    starts = {start for start, end, label in entities(doc) if label == "PLACE"}
    assert len(doc) == 3000
    assert len(starts & {start + 2 for start in range(0, 3000, 6)}) > 450


def test_long_document_can_be_trained_on():
    nlp = make_nlp(window=32, overlap=8)
    words = ["We", "left", "Paris", "."] * 750
    doc = Doc(nlp.vocab, words=words, ents=["O", "O", "B-PLACE", "O"] * 750)
    example = Example(Doc(nlp.vocab, words=words), doc)
    nlp.initialize(lambda: [example])
    first, *_, last = fit(nlp, [example], 15)
    assert last["crf_ner"] < first["crf_ner"] / 10
    assert re.fullmatch(r"(OOBO)+", "".join(iob(nlp(example.x.copy()))))
