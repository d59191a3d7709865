"""Shared token vectors, sourced, frozen and replaced components."""

import re
from itertools import islice

import numpy as np
import pytest
import spacy
import srsly
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import DocBin
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import fix_random_seed, load_model_from_config
from thinc.api import Adam, Config

from tests.helpers.component import (
    SMALL_TOK2VEC,
    TEXTS,
    TRAIN_DATA,
    entities,
    fit,
    make_examples,
    make_nlp,
    recognizer,
    small_model,
    trained_nlp,
)
from tests.helpers.forks import print_forked
from tests.helpers.packages import install_package
from tests.helpers.paths import ROOT

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
ANNOTATED = [
    ("We left Paris", {"tags": ["N", "V", "N"], "entities": [(8, 13, "PLACE")]}),
    ("Ada left", {"tags": ["N", "V"], "entities": [(0, 3, "PERSON")]}),
]
TAGS_ONLY = [(text, {"tags": both["tags"]}) for text, both in ANNOTATED]
ENTITIES_ONLY = [(text, {"entities": both["entities"]}) for text, both in ANNOTATED]


def make_shared(*pipes, scheme="biluo"):
    """A pipeline of a tok2vec that all the other components listen to."""
    fix_random_seed(0)
    components = {
        "tok2vec": {
            "factory": "tok2vec",
            "model": {
                "@architectures": "spacy.Tok2Vec.v2",
                "embed": SMALL_TOK2VEC,
                "encode": {
                    "@architectures": "spacy.MaxoutWindowEncoder.v2",
                    "width": 16,
                    "depth": 1,
                    "window_size": 1,
                    "maxout_pieces": 2,
                },
            },
        },
        "tagger": {
            "factory": "tagger",
            "model": {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER},
        },
        "crf_ner": {
            "factory": "crf_ner",
            "scheme": scheme,
            "model": small_model(tok2vec=LISTENER),
        },
    }
    names = ["tok2vec", *pipes]
    config = {
        "nlp": {"lang": "en", "pipeline": names},
        "components": {name: components[name] for name in names},
    }
    return load_model_from_config(config, auto_fill=True)


def trained_shared(*pipes, steps=40):
    nlp = make_shared(*pipes)
    examples = make_examples(nlp, ANNOTATED)
    nlp.initialize(lambda: examples)
    fit(nlp, examples, steps)
    return nlp


def embedding_gradients(nlp):
    return [
        node.get_grad(name).copy()
        for node in nlp.get_pipe("tok2vec").model.walk()
        for name in node.grad_names
        if node.has_grad(name)
    ]


def accumulate(nlp, data):
    """One batch as `spacy train` passes it: nothing is stepped. RETURNS gradients."""
    forget_gradients(nlp)
    nlp.update(make_examples(nlp, data), sgd=False)
    return embedding_gradients(nlp)


def forget_gradients(nlp):
    """`nlp.update` steps the vectors before listeners send them gradients."""
    for _, pipe in nlp.pipeline:
        pipe.finish_update(Adam(0.0))


def test_listener_is_found_and_gets_the_vectors_of_the_document():
    nlp = trained_shared("crf_ner")
    tok2vec = nlp.get_pipe("tok2vec")
    listener = recognizer(nlp).model.get_ref("tok2vec")
    assert isinstance(listener, Tok2VecListener)
    assert tok2vec.listeners == [listener]
    assert tok2vec.listening_components == ["crf_ner"]
    doc = nlp("We left Paris")
    np.testing.assert_array_equal(listener.predict([doc])[0], doc.tensor)
    assert not nlp("").ents


@pytest.mark.parametrize("annotates", [[], ["tok2vec"]])
def test_shared_pipeline_learns_and_is_saved(annotates, tmp_path):
    nlp = make_shared("tagger", "crf_ner")
    examples = make_examples(nlp, ANNOTATED)
    nlp.initialize(lambda: examples)
    losses = fit(nlp, examples, 40, annotates=annotates)
    assert losses[-1]["crf_ner"] < losses[0]["crf_ner"] / 10
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    for pipeline in (nlp, again):
        for batch_size in (1, 3):
            docs = list(
                pipeline.pipe(["We left Paris", "", "Ada left"], batch_size=batch_size)
            )
            assert [entities(doc) for doc in docs] == [
                [(2, 3, "PLACE")],
                [],
                [(0, 1, "PERSON")],
            ]
            assert [token.tag_ for token in docs[0]] == ["N", "V", "N"]


@pytest.mark.parametrize(
    "pipes", [("tagger", "crf_ner"), ("crf_ner", "tagger")], ids=" then ".join
)
def test_batch_without_entities_still_teaches_the_tagger(pipes):
    """Only the last listener starts the upstream backprop, so none may drop out."""
    nlp = make_shared(*pipes)
    nlp.initialize(lambda: make_examples(nlp, ANNOTATED))
    fit(nlp, make_examples(nlp, ANNOTATED), 2)
    gradients = accumulate(nlp, TAGS_ONLY)
    assert gradients
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_gradients_of_two_listeners_add_up():
    nlp = make_shared("tagger", "crf_ner")
    nlp.initialize(lambda: make_examples(nlp, ANNOTATED))
    fit(nlp, make_examples(nlp, ANNOTATED), 2)
    both = accumulate(nlp, ANNOTATED)
    tags = accumulate(nlp, TAGS_ONLY)
    ents = accumulate(nlp, ENTITIES_ONLY)
    for whole, first, second in zip(both, tags, ents, strict=True):
        assert np.abs(second).max() > 0
        np.testing.assert_allclose(whole, first + second, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "data",
    [
        [("", {}), *ANNOTATED, ("", {"entities": []})],
        [("", {"entities": []}), ("", {})],
        [("Nothing annotated", {})],
    ],
    ids=["some empty", "all empty", "not annotated"],
)
def test_odd_batches_do_not_break_the_listeners(data):
    nlp = make_shared("tagger", "crf_ner")
    nlp.initialize(lambda: make_examples(nlp, ANNOTATED))
    for batch in (data, ANNOTATED, data):
        losses = fit(nlp, make_examples(nlp, batch), 2)
        assert np.isfinite(losses[-1]["crf_ner"])


def test_backprop_reaches_the_component_upstream():
    nlp = make_shared("crf_ner")
    nlp.initialize(lambda: make_examples(nlp, ANNOTATED))
    examples = make_examples(nlp, ANNOTATED)
    nlp.get_pipe("tok2vec").update(examples)
    model = recognizer(nlp).model
    potentials, backprop = model.begin_update([eg.x for eg in examples])
    assert backprop(potentials) is not None


# Frozen


def test_frozen_vectors_must_annotate():
    nlp = make_shared("crf_ner")
    examples = make_examples(nlp, ANNOTATED)
    nlp.initialize(lambda: examples)
    with pytest.raises(ValueError, match="embedding layer is not updated"):
        fit(nlp, examples, 2, exclude=["tok2vec"])


def test_learning_on_frozen_vectors():
    nlp = make_shared("crf_ner")
    examples = make_examples(nlp, ANNOTATED)
    nlp.initialize(lambda: examples)
    before = nlp.get_pipe("tok2vec").to_bytes(exclude=["vocab"])
    losses = fit(nlp, examples, 60, exclude=["tok2vec"], annotates=["tok2vec"])
    assert losses[-1]["crf_ner"] < losses[0]["crf_ner"] / 10
    assert nlp.get_pipe("tok2vec").to_bytes(exclude=["vocab"]) == before
    assert nlp.evaluate(make_examples(nlp, ANNOTATED))["ents_f"] == 1.0


def test_frozen_recognizer_does_not_change():
    nlp = trained_nlp()
    nlp.add_pipe("tagger")
    tags = [("We left", {"tags": ["N", "V"], "entities": [(0, 2, "PLACE")]})]
    nlp.get_pipe("tagger").initialize(lambda: make_examples(nlp, tags))
    before = recognizer(nlp).to_bytes(exclude=["vocab"])
    losses = fit(nlp, make_examples(nlp, tags), 2, exclude=["crf_ner"])
    assert set(losses[0]) == {"tagger"}
    assert recognizer(nlp).to_bytes(exclude=["vocab"]) == before


def test_entities_can_be_annotated_for_later_components():
    seen = []

    @spacy.Language.factory("spy_on_updates")
    class Spy:
        def __init__(self, nlp, name):
            pass

        def __call__(self, doc):
            return doc

        def update(self, examples, **kwargs):
            seen.extend(entities(example.predicted) for example in examples)

    nlp = trained_nlp()
    nlp.add_pipe("spy_on_updates")
    nlp.update(make_examples(nlp), sgd=False, annotates=["crf_ner"])
    assert seen == [entities(nlp(text)) for text, _ in TRAIN_DATA]


# Replaced and sourced


def test_replaced_listener_predicts_the_same(tmp_path):
    nlp = trained_shared("tagger", "crf_ner")
    texts = [text for text, _ in ANNOTATED] + TEXTS
    expected = [entities(doc) for doc in nlp.pipe(texts)]
    assert any(expected)
    nlp.replace_listeners("tok2vec", "crf_ner", ["model.tok2vec"])
    assert nlp.get_pipe("tok2vec").listening_components == ["tagger"]
    model = recognizer(nlp).model
    assert not any(isinstance(node, Tok2VecListener) for node in model.walk())
    assert model.get_ref("tok2vec") in model.layers
    own = nlp.get_pipe_config("crf_ner")["model"]["tok2vec"]
    assert own == nlp.get_pipe_config("tok2vec")["model"]
    assert [entities(doc) for doc in nlp.pipe(texts)] == expected
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path, exclude=["tok2vec", "tagger"])
    assert [entities(doc) for doc in again.pipe(texts)] == expected


def test_replaced_listener_can_be_initialised_and_trained_again():
    nlp = trained_shared("crf_ner", steps=2)
    nlp.replace_listeners("tok2vec", "crf_ner", ["model.tok2vec"])
    examples = make_examples(nlp, ANNOTATED)
    nlp.initialize(lambda: examples)
    losses = fit(nlp, examples, 10)
    assert losses[-1]["tok2vec"] == 0.0
    assert 0.0 < losses[-1]["crf_ner"] < losses[0]["crf_ner"]


def test_replaced_listener_and_the_vectors_it_was_copied_from_learn_apart():
    nlp = trained_shared("tagger", "crf_ner", steps=2)
    nlp.replace_listeners("tok2vec", "crf_ner", ["model.tok2vec"])
    before = nlp.get_pipe("tok2vec").to_bytes(exclude=["vocab"])
    recognizer(nlp).update(make_examples(nlp, ANNOTATED), sgd=Adam(0.1))
    assert nlp.get_pipe("tok2vec").to_bytes(exclude=["vocab"]) == before


def test_listeners_that_are_not_there_cannot_be_replaced():
    nlp = make_shared("crf_ner")
    with pytest.raises(ValueError, match="E88"):
        nlp.replace_listeners("tok2vec", "crf_ner", ["model.yolo"])


def test_sourced_component_predicts_the_same():
    source = trained_nlp()
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", source=source, name="names")
    assert recognizer(nlp).name == "names"
    for text in TEXTS:
        assert entities(nlp(text)) == entities(source(text))
    losses = fit(nlp, make_examples(nlp), 1)
    assert set(losses[0]) == {"names"}


def test_sources_in_a_config(tmp_path):
    nlp = trained_shared("crf_ner")
    nlp.to_disk(tmp_path)
    config = {
        "nlp": {"lang": "en", "pipeline": ["tok2vec", "first", "second"]},
        "components": {
            "tok2vec": {"source": str(tmp_path)},
            "first": {
                "source": str(tmp_path),
                "component": "crf_ner",
                "replace_listeners": ["model.tok2vec"],
            },
            "second": {"source": str(tmp_path), "component": "crf_ner"},
        },
    }
    again = load_model_from_config(config, auto_fill=True)
    assert again.get_pipe("tok2vec").listening_components == ["second"]
    for name in ("first", "second"):
        with again.select_pipes(enable=["tok2vec", name]):
            assert entities(again("We left Paris")) == [(2, 3, "PLACE")]
    again.initialize(lambda: make_examples(again, ANNOTATED))
    fit(again, make_examples(again, ANNOTATED), 2)


def test_names_of_listeners_follow_the_pipeline():
    nlp = trained_shared("crf_ner", steps=1)
    other = spacy.blank("en")
    other.add_pipe("tok2vec", source=nlp)
    other.add_pipe("crf_ner", name="names", source=nlp)
    assert other.get_pipe("tok2vec").listening_components == ["names"]
    other.remove_pipe("names")
    assert other.get_pipe("tok2vec").listening_components == []


# The page on training


def split_config(text):
    """RETURNS the lines of each section, by its name."""
    parts = re.split(r"(?m)^\[([^]]+)\]\n", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def join_config(sections):
    return "\n".join(f"[{name}]\n{lines}" for name, lines in sections.items())


def config_of_the_page():
    """RETURNS configs/crf_ner.cfg, changed as the page says."""
    paragraph = (ROOT / "docs" / "train.md").read_text("utf8")
    paragraph = paragraph.partition("## Share a tok2vec")[2]
    block = re.search(r"```ini\n(.*?)```", paragraph, re.DOTALL)[1]
    sections = split_config((ROOT / "configs" / "crf_ner.cfg").read_text("utf8"))
    for name, lines in split_config(block).items():
        if name == "nlp":
            before = sections[name]
            lines = re.sub(r"(?m)^pipeline = .*$", lines.strip(), before)
            assert lines != before
        sections[name] = lines
    return join_config(sections)


@pytest.fixture(scope="module")
def demo_corpus(tmp_path_factory):
    """Some of the demo corpus, with tags that are easy to learn."""
    nlp = spacy.blank("en")
    docs = DocBin()
    rows = srsly.read_jsonl(ROOT / "assets" / "astronomy" / "dev.jsonl")
    for row in islice(rows, 8):
        doc = nlp.make_doc(row["text"])
        found = [(span["start"], span["end"], span["label"]) for span in row["spans"]]
        doc.set_ents([doc.char_span(*span) for span in found])
        for token in doc:
            token.tag_ = "CAPITAL" if token.is_title else "OTHER"
        docs.add(doc)
    path = tmp_path_factory.mktemp("demo") / "demo.spacy"
    docs.to_disk(path)
    return path


def train_config(config, corpus, folder, changes=None):
    """Train a pipeline as `spacy train` does. RETURNS its folder."""
    overrides = {
        "paths.train": str(corpus),
        "paths.dev": str(corpus),
        "training.max_steps": 40,
        "training.eval_frequency": 20,
        "training.optimizer.learn_rate": 0.01,
        **(changes or {}),
    }
    config = Config().from_str(config, interpolate=False, overrides=overrides)
    folder.mkdir()
    train(init_nlp(config), folder)
    return folder / "model-last"


@pytest.fixture(scope="module")
def page_pipeline(demo_corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page") / "output"
    return train_config(config_of_the_page(), demo_corpus, folder)


def scores(nlp, corpus):
    return nlp.evaluate(list(Corpus(corpus)(nlp)))


def test_shared_tok2vec_of_the_page_is_trained(page_pipeline, demo_corpus):
    nlp = spacy.load(page_pipeline)
    assert nlp.pipe_names == ["tok2vec", "crf_tagger", "crf_ner"]
    listening = ["crf_tagger", "crf_ner"]
    assert nlp.get_pipe("tok2vec").listening_components == listening
    config = nlp.config.interpolate()["components"]["crf_ner"]["model"]["tok2vec"]
    assert config["width"] == recognizer(nlp).model.get_ref("scores").get_dim("nI")
    result = scores(nlp, demo_corpus)
    assert result["tag_acc"] > 0.95
    assert result["ents_f"] > 0.3


# `spacy package` leaves the closing of its files to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*unclosed file")
def test_pipeline_of_the_page_is_packaged(page_pipeline, tmp_path):
    target = install_package(page_pipeline, tmp_path, "both")
    text = "We saw Saturn through the 8-inch Dobsonian."
    program = """
import sys
import spacy
sys.path.insert(0, sys.argv[1])
doc = spacy.load("en_both")(sys.argv[2])
print([token.tag_ for token in doc], [(ent.text, ent.label_) for ent in doc.ents])
"""
    found = print_forked(program, target, text)
    doc = spacy.load(page_pipeline)(text)
    tags = [token.tag_ for token in doc]
    assert "CAPITAL" in tags
    assert found.strip() == f"{tags} {[(ent.text, ent.label_) for ent in doc.ents]}"


def test_tok2vec_of_the_page_is_frozen(page_pipeline, demo_corpus, tmp_path):
    """Frozen and annotating, it stays as it is, and what listens learns on it."""
    width = "${components.tok2vec.model.width}"
    sections = split_config(config_of_the_page().replace(width, "128"))
    for name in list(sections):
        if name.startswith("components.tok2vec"):
            del sections[name]
    sections["components.tok2vec"] = f'source = "{page_pipeline.as_posix()}"\n\n'
    names = ("frozen_components", "annotating_components")
    changes = {f"training.{name}": ["tok2vec"] for name in names}
    config = join_config(sections)
    trained = train_config(config, demo_corpus, tmp_path / "output", changes)
    nlp = spacy.load(trained)
    before = spacy.load(page_pipeline).get_pipe("tok2vec")
    for old, new in zip(
        before.model.walk(), nlp.get_pipe("tok2vec").model.walk(), strict=True
    ):
        for name in old.param_names:
            np.testing.assert_array_equal(old.get_param(name), new.get_param(name))
    assert scores(nlp, demo_corpus)["ents_f"] > 0.3


def test_listener_of_the_page_is_replaced_and_sourced(page_pipeline, demo_corpus):
    nlp = spacy.load(page_pipeline)
    docs = [example.reference.text for example in Corpus(demo_corpus)(nlp)]
    expected = [entities(doc) for doc in nlp.pipe(docs)]
    nlp.replace_listeners("tok2vec", "crf_ner", ["model.tok2vec"])
    assert nlp.get_pipe("tok2vec").listening_components == ["crf_tagger"]
    assert [entities(doc) for doc in nlp.pipe(docs)] == expected
    alone = spacy.blank("en")
    alone.add_pipe("crf_ner", source=nlp)
    assert [entities(doc) for doc in alone.pipe(docs)] == expected


# Other token vectors


@pytest.mark.parametrize(
    "tok2vec",
    [
        {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "width": 12,
            "depth": 1,
            "embed_size": 100,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": True,
            "pretrained_vectors": None,
        },
        {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": 12,
            "attrs": ["NORM", "SHAPE"],
            "rows": [100, 50],
            "include_static_vectors": False,
        },
        {
            "@architectures": "spacy.CharacterEmbed.v2",
            "width": 12,
            "rows": 100,
            "nM": 8,
            "nC": 3,
            "include_static_vectors": False,
            "feature": "NORM",
        },
    ],
    ids=lambda config: config["@architectures"],
)
def test_any_token_vectors_of_spacy(tok2vec):
    nlp = make_nlp(tok2vec=tok2vec)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    losses = fit(nlp, examples, 40)
    assert losses[-1]["crf_ner"] < losses[0]["crf_ner"] / 10
    assert recognizer(nlp).model.get_ref("scores").get_dim("nI") == 12
    again = make_nlp(tok2vec=tok2vec).from_bytes(nlp.to_bytes())
    assert [entities(doc) for doc in again.pipe(TEXTS)] == [
        entities(nlp(text)) for text in TEXTS
    ]
