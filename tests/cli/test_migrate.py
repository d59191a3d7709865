"""`spacy crf migrate`: configs of spaCy with our components in the place of its own."""

import numpy as np
import pytest
import spacy
from spacy.cli.init_config import init_config
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from thinc.api import Adam, Config

from spacy_crf_tagger.cli.migration import fill_config
from tests.helpers.paths import CONFIGS
from tests.helpers.transformer import save_tiny_encoder

FACTORIES = {"ner": "crf_ner", "tagger": "crf_tagger"}
LISTENER = """
@architectures = "spacy.Tok2VecListener.v1"
width = ${components.tok2vec.model.encode.width}
upstream = "tok2vec"
"""
# The shape of en_core_web_sm, whose ner has a tok2vec of its own.
LIKE_EN_CORE_WEB_SM = f"""
[paths]
train = "train.spacy"

[nlp]
lang = "en"
pipeline = ["tok2vec","tagger","parser","senter","attribute_ruler","lemmatizer","ner"]
disabled = ["senter"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy.Tok2Vec.v2"

[components.tok2vec.model.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = ${{components.tok2vec.model.encode.width}}
attrs = ["NORM","PREFIX","SUFFIX","SHAPE"]
rows = [500,100,250,250]
include_static_vectors = false

[components.tok2vec.model.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = 16
depth = 1
window_size = 1
maxout_pieces = 2

[components.tagger]
factory = "tagger"
overwrite = true
neg_prefix = "?"
label_smoothing = 0.05

[components.tagger.model]
@architectures = "spacy.Tagger.v2"
normalize = true

[components.tagger.model.tok2vec]
{LISTENER}
[components.parser]
factory = "parser"
min_action_freq = 30

[components.parser.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "parser"
extra_state_tokens = false
hidden_width = 16
maxout_pieces = 2
use_upper = true

[components.parser.model.tok2vec]
{LISTENER}
[components.senter]
factory = "senter"

[components.senter.model]
@architectures = "spacy.Tagger.v2"

[components.senter.model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 8
depth = 1
embed_size = 100
window_size = 1
maxout_pieces = 2
subword_features = true

[components.attribute_ruler]
factory = "attribute_ruler"

[components.lemmatizer]
factory = "lemmatizer"
mode = "rule"

[components.ner]
factory = "ner"
moves = null
incorrect_spans_key = "wrong"
update_with_oracle_cut_size = 100

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 64
maxout_pieces = 2
use_upper = true

[components.ner.model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"
embed = ${{components.tok2vec.model.embed}}
encode = ${{components.tok2vec.model.encode}}

[training]
dropout = 0.1
accumulate_gradient = 3

[training.score_weights]
tag_acc = 0.2
dep_uas = 0.2
dep_las = 0.2
ents_f = 0.4

[initialize]

[initialize.components]

[initialize.components.tagger]

[initialize.components.tagger.labels]
@readers = "spacy.read_labels.v1"
path = "tagger.json"

[initialize.components.ner]

[initialize.components.ner.labels]
@readers = "spacy.read_labels.v1"
path = "ner.json"
"""


@pytest.fixture
def migrate(crf, tmp_path):
    """RETURNS a function that runs the command on the text of a config, or a config,
    and returns the result, with its variables, and what was printed.
    """

    def run(base, *options):
        text = base if isinstance(base, str) else base.to_str(interpolate=False)
        (tmp_path / "base.cfg").write_text(text, "utf8")
        exit_code, printed = crf(
            "migrate", tmp_path / "base.cfg", tmp_path / "out.cfg", *options
        )
        assert exit_code == 0, printed
        return load_config(tmp_path / "out.cfg", interpolate=False), printed

    return run


@pytest.fixture
def fail(crf, tmp_path):
    """RETURNS a function that runs the command, which is to fail, and returns what was
    printed.
    """

    def run(base, *options):
        (tmp_path / "base.cfg").write_text(base, "utf8")
        output = tmp_path / "out.cfg"
        exit_code, printed = crf("migrate", tmp_path / "base.cfg", output, *options)
        assert exit_code == 1
        assert not output.exists()
        return printed

    return run


def train(config):
    """Train the pipeline of a config for some steps. RETURNS it, and its losses."""
    nlp = load_model_from_config(config.copy(), auto_fill=True)
    assert dict(nlp.config) == dict(config)
    # In the place of a package.
    nlp.config["initialize"]["vectors"] = None
    nlp.vocab.set_vector("Ada", np.ones(8, dtype="f"))
    gold = {"entities": [(0, 3, "PERSON")]}
    example = Example.from_dict(nlp.make_doc("Ada left"), gold)
    for token in example.reference:
        token.tag_ = "X" if token.i else "Y"
    sgd = nlp.initialize(lambda: [example])
    if not isinstance(config["training"]["optimizer"]["learn_rate"], float):
        sgd = Adam(0.00005)  # the schedule would begin at 0
    return nlp, [nlp.update([example], sgd=sgd) for _ in range(4)]


@pytest.mark.parametrize("options", [[], ["--recipe"]])
@pytest.mark.parametrize("optimize", ["efficiency", "accuracy"])
@pytest.mark.parametrize("pipeline", [["ner"], ["tagger"], ["tagger", "ner"]])
def test_configs_of_spacy_train_with_our_components(
    migrate, pipeline, optimize, options
):
    base = init_config(lang="en", pipeline=pipeline, optimize=optimize)
    config, printed = migrate(base, *options)
    assert ("--recipe does it" in printed) == (not options)
    assert ("Changed as we recommend" in printed) == bool(options)
    nlp, losses = train(config)
    alone = options and len(pipeline) == 1
    assert nlp.pipe_names == (pipeline if alone else ["tok2vec", *pipeline])
    for name in pipeline:
        assert nlp.get_pipe_meta(name).factory == FACTORIES[name]
        assert losses[-1][name] < losses[0][name]
    for section in ("paths", "system", "corpora", "pretraining", "initialize"):
        assert config[section] == base[section]
    if not options:
        assert config["components"]["tok2vec"] == base["components"]["tok2vec"]
        for part in ("dropout", "batcher", "optimizer"):
            assert config["training"][part] == base["training"][part]
        return
    of_vectors = optimize == "accuracy"
    tok2vec = nlp.config.interpolate()["components"][nlp.pipe_names[0]]["model"]
    tok2vec = tok2vec["tok2vec"] if alone else tok2vec
    assert tok2vec["@architectures"] == "spacy_crf_tagger.TypeEmbed.v1"
    assert tok2vec["include_static_vectors"] == of_vectors


@pytest.mark.transformers
@pytest.mark.parametrize("optimize", ["efficiency", "accuracy"])
@pytest.mark.parametrize("pipeline", [["ner"], ["tagger"], ["tagger", "ner"]])
def test_configs_with_a_transformer_train_with_our_components(
    migrate, tmp_path, pipeline, optimize
):
    base = init_config(lang="en", pipeline=pipeline, optimize=optimize, gpu=True)
    encoder = save_tiny_encoder(tmp_path / "encoder")
    base["components"]["transformer"]["model"]["name"] = str(encoder)
    config, printed = migrate(base, "--recipe")
    nlp, losses = train(config)
    assert nlp.pipe_names == ["transformer", *pipeline]
    assert config["components"]["transformer"] == base["components"]["transformer"]
    for part in ("dropout", "batcher", "optimizer"):
        assert config["training"][part] == base["training"][part]
    ours = load_config(CONFIGS / "crf_ner_trf.cfg", interpolate=False)
    expected = ours["components"]["crf_ner"]["model"]
    for name in pipeline:
        assert losses[-1][name] < losses[0][name]
        model = config["components"][name]["model"]
        for key in ("learn_rate_scale", "crf_learn_rate_scale", "dropout"):
            assert model[key] == expected[key]
        assert model["tok2vec"] == base["components"][name]["model"]["tok2vec"]
    assert "learn_rate_scale, crf_learn_rate_scale and dropout" in printed
    assert "The training is left as it is" in printed


@pytest.mark.transformers
def test_learning_rate_that_is_not_of_a_transformer_is_said(migrate):
    base = init_config(lang="en", pipeline=["ner"], gpu=True)
    base["training"]["optimizer"]["learn_rate"] = 0.001
    base["components"]["ner"]["model"]["tok2vec"]["grad_factor"] = 0.5
    config, printed = migrate(base)
    model = config["components"]["ner"]["model"]
    assert model["learn_rate_scale"] == 1.0
    assert model["tok2vec"]["grad_factor"] == 0.5
    assert "set learn_rate_scale = 20.0 and crf_learn_rate_scale = 100.0" in printed


@pytest.mark.parametrize("name", ["crf_ner", "crf_tagger"])
def test_recipe_leads_to_the_config_of_the_component(migrate, name):
    theirs = name.removeprefix("crf_")
    config, _ = migrate((CONFIGS / f"{theirs}.cfg").read_text("utf8"), "--recipe")
    ours = load_config(CONFIGS / f"{name}.cfg", interpolate=False)
    made = config["components"][theirs]
    if name == "crf_tagger":
        # What the old config says of a setting that both have is kept.
        assert made.pop("label_smoothing") == 0.05
        del ours["components"][name]["label_smoothing"]
    assert made == ours["components"][name]
    for part in ("dropout", "batcher", "optimizer"):
        assert config["training"][part] == ours["training"][part]


def test_other_components_stay_as_they_are(migrate):
    base = Config().from_str(LIKE_EN_CORE_WEB_SM, interpolate=False)
    expected = fill_config(base)
    config, printed = migrate(LIKE_EN_CORE_WEB_SM)
    assert config["nlp"] == expected["nlp"]
    assert config["paths"] == expected["paths"]
    for name, section in expected["components"].items():
        if name not in FACTORIES:
            assert config["components"][name] == section
    tagger, ner = (config["components"][name] for name in ("tagger", "ner"))
    assert (
        tagger["model"]["tok2vec"]
        == (expected["components"]["tagger"]["model"]["tok2vec"])
    )
    kept = {"overwrite": True, "neg_prefix": "?", "label_smoothing": 0.05}
    assert {key: tagger[key] for key in kept} == kept
    assert ner["incorrect_spans_key"] == "wrong"
    assert ner["model"]["tok2vec"]["encode"] == "${components.tok2vec.model.encode}"
    weights = config["training"]["score_weights"]
    for score in base["training"]["score_weights"]:
        assert weights[score] == expected["training"]["score_weights"][score]
    settings = config["initialize"]["components"]
    assert settings["tagger"]["labels"]["path"] == "tagger.json"
    # Those of ner are moves.
    assert settings["ner"] == {}
    for dropped in ("moves", "model.use_upper", "model.hidden_width"):
        assert f"components.ner.{dropped} is dropped" in printed
    assert "components.tagger.model.normalize is dropped" in printed
    assert "initialize.components.ner.labels is dropped" in printed
    assert '[components.ner] -factory = "ner" +factory = "crf_ner"' in printed
    assert "tok2vec is left as it is: parser may listen to it" in printed


def test_recipe_leaves_what_serves_other_components(migrate):
    config, printed = migrate(LIKE_EN_CORE_WEB_SM, "--recipe")
    plain, _ = migrate(LIKE_EN_CORE_WEB_SM)
    for name in ("tok2vec", "parser", "senter", "attribute_ruler", "lemmatizer"):
        assert config["components"][name] == plain["components"][name]
    for part in ("dropout", "optimizer", "accumulate_gradient"):
        assert config["training"][part] == plain["training"][part]
    assert config["training"]["batcher"]["size"]["start"] == 400
    ner, tagger = (config["components"][name]["model"] for name in ("ner", "tagger"))
    assert (ner["dropout"], tagger["dropout"]) == (0.35, 0.2)
    assert ner["tok2vec"]["@architectures"] == "spacy_crf_tagger.TypeEmbed.v1"
    assert tagger["tok2vec"] == plain["components"]["tagger"]["model"]["tok2vec"]
    assert "they serve parser, senter as well" in printed


@pytest.mark.parametrize("options", [[], ["--recipe"]])
def test_pipeline_like_en_core_web_sm_trains(migrate, options):
    base = Config().from_str(
        LIKE_EN_CORE_WEB_SM.partition("[initialize]")[0], interpolate=False
    )
    # The others need other data. spaCy leaves out components that it does not run.
    base["nlp"].update(pipeline=["tok2vec", "tagger", "attribute_ruler", "ner"])
    base["nlp"].update(disabled=[])
    config, _ = migrate(base, *options)
    for unused in ("parser", "senter", "lemmatizer"):
        assert config["components"].pop(unused) == base["components"][unused]
    nlp, losses = train(config)
    assert nlp.pipe_names == ["tok2vec", "tagger", "attribute_ruler", "ner"]
    assert losses[-1]["ner"] < losses[0]["ner"]
    assert losses[-1]["tagger"] < losses[0]["tagger"]


@pytest.mark.parametrize("source", ["other", "tok2vec"])
def test_embedded_and_named_tok2vecs_are_recommended_away(migrate, source):
    """Unless something else refers to them."""
    base = init_config(lang="en", pipeline=["ner"])
    if source == "tok2vec":
        base["components"]["ner"]["model"]["tok2vec"] = "${components.tok2vec.model}"
        base["nlp"]["pipeline"] = ["ner"]
        config, printed = migrate(base, "--recipe")
        assert "The tok2vec of ner is left as it is: it is your own" in printed
        assert config["components"]["tok2vec"] == base["components"]["tok2vec"]
        return
    base["components"]["other"] = base["components"].pop("tok2vec")
    other = base["components"]["other"]["model"]
    other["embed"]["width"] = other["encode"]["width"]
    listener = base["components"]["ner"]["model"]["tok2vec"]
    listener.update(width=other["encode"]["width"], upstream="other")
    base["nlp"]["pipeline"] = ["other", "ner"]
    config, _ = migrate(base, "--recipe")
    assert config["nlp"]["pipeline"] == ["ner"]
    assert list(config["components"]) == ["ner"]
    _, losses = train(config)
    assert losses[-1]["ner"] < losses[0]["ner"]


def test_pretrained_tok2vec_is_left(migrate):
    base = init_config(lang="en", pipeline=["ner"])
    base["paths"]["init_tok2vec"] = "weights.bin"
    config, printed = migrate(base, "--recipe")
    assert config["components"]["tok2vec"] == base["components"]["tok2vec"]
    assert "tok2vec is left as it is: it is pretrained" in printed


def test_component_can_be_chosen(migrate):
    base = init_config(lang="en", pipeline=["tagger", "ner"])
    config, _ = migrate(base, "--component", "ner")
    assert config["components"]["tagger"] == base["components"]["tagger"]
    assert config["components"]["ner"]["factory"] == "crf_ner"


def test_scorer_of_your_own_is_kept(migrate):
    base = init_config(lang="en", pipeline=["ner"])
    base["components"]["ner"]["scorer"] = None
    config, printed = migrate(base)
    assert config["components"]["ner"]["scorer"] is None
    assert "components.ner.scorer is kept" in printed


def test_beam_ner_is_migrated(migrate):
    base = init_config(lang="en", pipeline=["ner"])
    base["components"]["ner"].update(
        factory="beam_ner", beam_width=8, beam_density=0.01, beam_update_prob=0.5
    )
    config, printed = migrate(base)
    assert config["components"]["ner"]["factory"] == "crf_ner"
    assert "components.ner.beam_width is dropped" in printed


def test_config_that_was_changed_in_part_is_completed(migrate):
    base = init_config(lang="en", pipeline=["ner"])
    base["components"]["ner"]["factory"] = "crf_ner"
    base["components"]["ner"]["spans_key"] = "mine"
    config, _ = migrate(base)
    assert "moves" not in config["components"]["ner"]
    assert config["components"]["ner"]["spans_key"] == "mine"


def test_component_without_a_model_gets_ours(migrate):
    text = '[nlp]\nlang = "en"\npipeline = ["ner"]\n\n[components]\n\n'
    config, printed = migrate(text + '[components.ner]\nfactory = "ner"\n')
    ours = load_config(CONFIGS / "crf_ner.cfg", interpolate=False)
    assert config["components"]["ner"] == ours["components"]["crf_ner"]
    assert "components.ner has no model section" in printed


def test_other_sourced_components_stay_sourced(migrate, tmp_path):
    other = spacy.blank("en")
    other.add_pipe("sentencizer")
    other.add_pipe("ner").add_label("PERSON")
    other.initialize()
    other.to_disk(tmp_path / "other")
    base = init_config(lang="en", pipeline=["ner"])
    sourced = {"source": str(tmp_path / "other"), "component": "sentencizer"}
    base["components"]["splitter"] = sourced
    base["nlp"]["pipeline"].append("splitter")
    config, _ = migrate(base)
    assert config["components"]["splitter"] == sourced
    nlp = load_model_from_config(config)
    assert nlp.pipe_names == ["tok2vec", "ner", "splitter"]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("ner", ('factory = "ner"', 'factory = "spancat"'), "no ner and no tagger"),
        ("crf_ner", ("", ""), "crf_ner is ours already"),
        ("ner", ('factory = "ner"', 'source = "en_core"'), "trained ner cannot be"),
        ("tagger", ('factory = "tagger"', 'source = "a"'), "into a crf_tagger"),
        ("ner", ("[components]\n", "components\n"), "Can't read a config from"),
        ("ner", ('lang = "en"', 'lang = "tlh"'), "Can't make a pipeline of"),
        ("ner", ("spacy.MultiHashEmbed.v2", "my.Embed.v1"), "my.Embed.v1"),
        ("ner", ("width = 96", "width = ${paths.widht}"), "widht"),
    ],
)
def test_what_cannot_be_migrated_is_said(fail, name, change, message):
    text = (CONFIGS / f"{name}.cfg").read_text("utf8")
    assert not change[0] or change[0] in text
    assert message in fail(text.replace(*change) if change[0] else text)


def test_base_is_not_overwritten(crf, tmp_path):
    path = tmp_path / "base.cfg"
    path.write_text((CONFIGS / "ner.cfg").read_text("utf8"), "utf8")
    exit_code, printed = crf("migrate", path, path)
    assert exit_code == 1
    assert "The output is also an input" in printed
    assert path.read_text("utf8") == (CONFIGS / "ner.cfg").read_text("utf8")


def test_code_of_your_own_is_imported(migrate, fail, tmp_path):
    code = tmp_path / "functions.py"
    code.write_text(
        "from spacy.util import registry\n"
        "from spacy.ml.models import MultiHashEmbed\n"
        'registry.architectures("my.Embed.v2")(MultiHashEmbed)\n'
    )
    text = (CONFIGS / "ner.cfg").read_text("utf8")
    text = text.replace("spacy.MultiHashEmbed.v2", "my.Embed.v2")
    assert "my.Embed.v2" in fail(text)
    config, _ = migrate(text, "--code", code)
    embed = config["components"]["tok2vec"]["model"]["embed"]
    assert embed["@architectures"] == "my.Embed.v2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it has no [nlp]"),
        ("[paths]\ntrain = null\n", "it has no [nlp]"),
        ('[nlp]\nlang = "en"\n[components]\n', "The config has no components"),
        ("[nlp]\n[components]\nner = 3\n", "components.ner must be a section"),
        (
            '[nlp]\n[components]\n[components.ner]\nfactory = "ner"\n'
            "[components.ner.model]\nx = 1\n",
            "no tok2vec that could be kept",
        ),
    ],
)
def test_what_is_no_pipeline_is_said(fail, text, message):
    assert message in fail(text)


def test_name_of_no_component_is_said(fail, crf):
    text = (CONFIGS / "ner.cfg").read_text("utf8")
    assert "The config has tok2vec, ner" in fail(text, "--component", "nre")
    assert "neither ner nor tagger" in fail(text, "--component", "tok2vec")
    exit_code, printed = crf("migrate", "nowhere.cfg", "out.cfg")
    assert exit_code == 1
    assert "Config not found" in printed
