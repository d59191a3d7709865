import re

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import fix_random_seed, load_model_from_config, registry
from thinc.api import Config

from spacy_crf_tagger.evaluation.calibration import fit_temperature
from tests.helpers.calibration import (
    log_loss,
    make_unsure,
    sample_annotation,
    save_references,
    train_shortly,
)
from tests.helpers.component import (
    SMALL_TOK2VEC,
    TEXTS,
    TRAIN_DATA,
    annotated,
    entities,
    fit,
    make_examples,
    make_nlp,
    recognizer,
    small_model,
    trained_nlp,
)
from tests.helpers.paths import CONFIGS


@pytest.mark.parametrize("scheme", ["biluo", "bio"])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_is_recovered(temperature, scheme):
    nlp = make_unsure(scheme)
    examples = sample_annotation(nlp, temperature, 60)
    found = fit_temperature(nlp, examples)
    assert found == pytest.approx(temperature, rel=0.1)
    recognizer(nlp).cfg["temperature"] = 7.0
    assert fit_temperature(nlp, examples) == found
    assert recognizer(nlp).cfg["temperature"] == 7.0
    assert not any(doc.ents for doc in (example.x for example in examples))


def mixed_annotation(nlp):
    """Sampled annotation, tokens without it, and tokens and labels that do not fit."""
    examples = sample_annotation(nlp, 2.0, 5)
    for n, example in enumerate(examples):
        kept = [ent for ent in example.y.ents if ent.start % 2]
        example.y.set_ents(kept, default="outside" if n % 2 else "missing")
    words, spaces = ["Ada", "Love", "lace", "left"], [True, False, True, False]
    split = Doc(nlp.vocab, words=words, spaces=spaces)
    whole = Example.from_dict(
        nlp.make_doc("Ada Lovelace left"), {"entities": [(0, 3, "PERSON")]}
    ).reference
    unknown = {"entities": [(0, 5, "ANIMAL"), (10, 20, "PLACE")]}
    return [
        *examples,
        Example(split, whole),
        *make_examples(nlp, [("Grace met Gothenburg", unknown)]),
    ]


def test_temperature_has_the_least_log_loss_of_what_is_annotated():
    nlp = make_unsure()
    examples = mixed_annotation(nlp)
    tags = [tag for example in examples for tag in example.get_aligned_ner()]
    assert {None, "O", "U-ANIMAL"} < set(tags)
    found = fit_temperature(nlp, examples)
    near = np.geomspace(found / 1.1, found * 1.1, 12)
    grid = np.sort([*np.geomspace(0.1, 10, 40), *near])
    losses = [log_loss(nlp, examples, temperature) for temperature in grid]
    assert found == pytest.approx(grid[np.argmin(losses)], rel=0.03)
    assert log_loss(nlp, examples, found) <= min(losses) + 1e-9


def test_forbidden_annotation_decides_nothing():
    nlp = make_unsure()
    examples = sample_annotation(nlp, 2.0, 10)
    found = fit_temperature(nlp, examples)
    words = ["New", "York"]
    across = Example(
        Doc(nlp.vocab, words=words, sent_starts=[True, True]),
        annotated(nlp, words, [(0, 2, "PLACE")]),
    )
    on_space = Example(
        Doc(nlp.vocab, words=["\n"]), annotated(nlp, ["\n"], [(0, 1, "PLACE")])
    )
    again = fit_temperature(nlp, [*examples, across, on_space])
    assert again == pytest.approx(found, abs=1e-3)


def test_entities_that_are_set_before_do_not_count():
    nlp = make_unsure()
    examples = sample_annotation(nlp, 2.0, 10)
    found = fit_temperature(nlp, examples)
    patterns = [{"label": "PLACE", "pattern": word} for word in ("Paris", "We", "met")]
    nlp.add_pipe("entity_ruler", first=True).add_patterns(patterns)
    assert nlp("We met").ents
    assert fit_temperature(nlp, examples) == found


def test_later_components_are_not_run():
    nlp = make_unsure()
    examples = sample_annotation(nlp, 2.0, 5)
    found = fit_temperature(nlp, examples)

    @spacy.Language.component("fail_at_any_document")
    def fail(doc):
        raise AssertionError

    nlp.add_pipe("fail_at_any_document")
    assert fit_temperature(nlp, examples) == found


def test_shared_token_vectors():
    fix_random_seed(0)
    tok2vec = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": SMALL_TOK2VEC,
        "encode": {
            "@architectures": "spacy.MaxoutWindowEncoder.v2",
            "width": 16,
            "depth": 1,
            "window_size": 1,
            "maxout_pieces": 2,
        },
    }
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
    components = {
        "tok2vec": {"factory": "tok2vec", "model": tok2vec},
        "names": {"factory": "crf_ner", "model": small_model(tok2vec=listener)},
    }
    config = {
        "nlp": {"lang": "en", "pipeline": list(components)},
        "components": components,
    }
    nlp = load_model_from_config(config, auto_fill=True)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    fit(nlp, examples, 5)
    found = fit_temperature(nlp, examples, "names")
    nlp.replace_listeners("tok2vec", "names", ["model.tok2vec"])
    assert fit_temperature(nlp, examples, "names") == pytest.approx(found, abs=1e-3)
    nlp.remove_pipe("tok2vec")
    assert fit_temperature(nlp, examples, "names") == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [("", {"entities": []})],
        [("Not annotated", {})],
        [("Nothing there", {"entities": []})],
        [("Felix left", {"entities": [(0, 5, "ANIMAL")]})],
    ],
    ids=["no document", "no token", "no annotation", "no entity", "no such label"],
)
def test_nothing_to_learn_from(data):
    nlp = trained_nlp()
    with pytest.raises(ValueError, match="'crf_ner': calibration needs annotated"):
        fit_temperature(nlp, make_examples(nlp, data))


@pytest.mark.parametrize("name", ["ner", "entity_ruler", "crf_ner"])
def test_components_without_a_temperature(name):
    nlp = trained_nlp()
    nlp.rename_pipe("crf_ner", "names")
    nlp.add_pipe("entity_ruler")
    with pytest.raises(ValueError, match=rf"'{name}' is not a .* are: \['names'\]"):
        fit_temperature(nlp, make_examples(nlp), name)
    nlp.disable_pipe("names")
    with pytest.raises(ValueError, match=r"are: \[\]"):
        fit_temperature(nlp, make_examples(nlp), "names")


def test_a_component_that_is_not_initialised():
    nlp = make_nlp(labels=["PERSON", "PLACE"])
    with pytest.raises(ValueError, match="E109"):
        fit_temperature(nlp, make_examples(nlp))


def scored(nlp, texts):
    groups = [doc.spans["crf_ner"] for doc in nlp.pipe(texts)]
    return np.concatenate([group.attrs["scores"] for group in groups])


def test_temperature_changes_probabilities_but_not_the_best_analysis():
    nlp = make_unsure()
    texts = [text for text in TEXTS if text]
    cooler = [entities(doc) for doc in nlp.pipe(texts)], scored(nlp, texts)
    recognizer(nlp).cfg["temperature"] = 3.0
    hotter = [entities(doc) for doc in nlp.pipe(texts)], scored(nlp, texts)
    assert cooler[0] == hotter[0]
    assert len(cooler[1]) > 5
    assert cooler[1].mean() > hotter[1].mean() + 0.1


def test_temperature_is_saved(tmp_path):
    nlp = make_unsure()
    temperature = fit_temperature(nlp, sample_annotation(nlp, 2.0, 5))
    recognizer(nlp).cfg["temperature"] = temperature
    nlp.to_disk(tmp_path)
    for again in (spacy.load(tmp_path), make_nlp().from_bytes(nlp.to_bytes())):
        assert recognizer(again).settings.temperature == temperature
        np.testing.assert_array_equal(scored(again, TEXTS), scored(nlp, TEXTS))


CALLBACK = "spacy_crf_tagger.calibrate.v1"


@pytest.mark.parametrize("use_averages", [True, False])
def test_training_saves_the_temperature_of_what_it_saves(tmp_path, use_averages):
    # What cannot be learned by heart has a temperature within the bounds.
    contradiction = ("We left New York for Paris", {"entities": [(8, 16, "PERSON")]})
    examples = make_examples(spacy.blank("en"), [*TRAIN_DATA, contradiction])
    corpus = save_references(examples, tmp_path / "corpus.spacy")
    output = train_shortly(
        corpus,
        tmp_path / "output",
        before_to_disk={"@callbacks": CALLBACK, "path": "${paths.dev}"},
        use_averages=use_averages,
    )
    best = spacy.load(output)
    temperature = recognizer(best).settings.temperature
    assert abs(np.log(temperature)) > 0.01
    expected = fit_temperature(best, Corpus(corpus)(best))
    assert temperature == pytest.approx(expected, abs=1e-4)
    # The figures are those of what is saved, not of the temperature before.
    scores = best.evaluate(list(Corpus(corpus)(best)))
    figures = best.meta["performance"]
    assert set(figures) - set(scores) == {"crf_ner_loss"}
    for name in (set(figures) & set(scores)) - {"ents_per_type"}:
        assert figures[name] == pytest.approx(scores[name], abs=1e-5), name


def test_callback_returns_the_pipeline_with_its_temperature(tmp_path):
    nlp = make_unsure()
    corpus = save_references(sample_annotation(nlp, 2.0, 5), tmp_path / "dev.spacy")
    nlp.rename_pipe("crf_ner", "names")
    callback = registry.get("callbacks", CALLBACK)(corpus, component="names")
    recognizer(nlp).cfg["temperature"] = 1.0
    assert callback(nlp) is nlp
    expected = fit_temperature(nlp, Corpus(corpus)(nlp), "names")
    assert recognizer(nlp).cfg["temperature"] == expected != 1.0


def test_callback_as_the_config_shows_it():
    path = CONFIGS / "crf_ner.cfg"
    text = path.read_text("utf8").replace("before_to_disk = null\n", "")
    section = re.search(r"^# \[training\.before_to_disk\]\n(# .+\n)+", text, re.M)
    shown = section.group()
    text = text.replace(shown, shown.replace("# ", ""))
    config = Config().from_str(text, overrides={"paths.dev": "dev.spacy"})
    callback = config["training"]["before_to_disk"]
    assert callback == {
        "@callbacks": CALLBACK,
        "path": "dev.spacy",
        "component": "crf_ner",
    }
    assert callable(registry.resolve({"callback": callback})["callback"])
    assert "before_update" in config["training"]


def test_callback_without_a_corpus():
    with pytest.raises(ValueError, match="E913"):
        registry.get("callbacks", CALLBACK)(None)
