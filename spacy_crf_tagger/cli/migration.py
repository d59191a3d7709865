"""Put our components in the place of spaCy's `ner` and `tagger` in a config."""

from typing import Any, Dict, Iterator, List, NamedTuple, Sequence

from spacy.util import get_sourced_components, load_model_from_config
from thinc.api import Config

from .recipes import Optimize, recipe_config

ARCHITECTURE = "spacy_crf_tagger.BiLSTMAttentionCRF.v1"
# Above that, a learning rate is not one that a pretrained encoder is trained at.
HIGHEST_ENCODER_RATE = 5e-4
_FACTORIES = {
    "ner": "crf_ner",
    "beam_ner": "crf_ner",
    "tagger": "crf_tagger",
    # What somebody has changed by hand, but not as a whole.
    "crf_ner": "crf_ner",
    "crf_tagger": "crf_tagger",
}
_SCORERS = {
    "spacy.ner_scorer.v1": "spacy_crf_tagger.ner_scorer.v1",
    "spacy.tagger_scorer.v1": "spacy_crf_tagger.tagger_scorer.v1",
}
_SPACY_MODELS = ("TransitionBasedParser", "Tagger")
_EXACT = "crf_ner computes the best entities exactly, and others by k_best"
_NO_STATES = "it is of a transition-based parser, which crf_ner is not"
_DROPPED = {
    "moves": "crf_ner has tags in the place of moves",
    "update_with_oracle_cut_size": "crf_ner learns from whole documents",
    "beam_width": _EXACT,
    "beam_density": _EXACT,
    "beam_update_prob": _EXACT,
}
_DROPPED_OF_MODEL = {
    "state_type": _NO_STATES,
    "extra_state_tokens": _NO_STATES,
    "hidden_width": "it is that of a parser; the BiLSTM has its own",
    "maxout_pieces": _NO_STATES,
    "use_upper": _NO_STATES,
    "nO": "it follows from the labels",
    "normalize": "the CRF computes probabilities whenever they are asked for",
}


class Migration(NamedTuple):
    """What has become of a config.

    config (Config): The new config, with its variables and not filled.
    components (Dict[str, str]): Our factory of each component that was changed.
    notes (List[str]): What was dropped and kept, one sentence each.
    """

    config: Config
    components: Dict[str, str]
    notes: List[str]


def migrate_config(base: Config, only: Sequence[str] = ()) -> Migration:
    """Put `crf_ner` in the place of `ner` and `crf_tagger` in that of `tagger`.
    Components keep their names and what they listen to.

    base (Config): The config, with its variables. It is not changed.
    only (Sequence[str]): The names of the components to change, if not all.
    RETURNS (Migration): The new config.
    RAISES (ValueError): If there is nothing to change, or something that cannot be.
    """
    config = base.copy()
    for section in ("nlp", "components"):
        if not isinstance(config.get(section), dict):
            raise ValueError(f"This is no config of a pipeline: it has no [{section}].")
    sections: Dict[str, Dict[str, Any]] = config["components"]
    for name, content in sections.items():
        if not isinstance(content, dict):
            raise ValueError(f"components.{name} must be a section, not {content!r}.")
    components = _find_components(sections, only)
    notes: List[str] = []
    for name, factory in components.items():
        where = f"components.{name}"
        _migrate_settings(sections[name], factory, where, notes)
        _migrate_model(sections[name], where, notes)
        if is_on_transformer(config, name):
            _suit_transformer(config, name, factory, notes)
        if factory == "crf_ner":
            _drop_labels(config, name, notes)
    return Migration(config, components, notes)


def settings_of_spacy(section: Dict[str, Any]) -> List[str]:
    """RETURNS (List[str]): The settings of a component that only spaCy's own have."""
    return [key for key in _DROPPED if key in section]


def fill_config(config: Config) -> Config:
    """Add the settings that have defaults, and check that a pipeline can be made.

    config (Config): The config, with its variables.
    RETURNS (Config): The filled config, with its variables.
    RAISES (Exception): Whatever is raised where a pipeline cannot be made.
    """
    filled = Config(load_model_from_config(config.copy(), auto_fill=True).config)
    # As spaCy's `init fill-config`: they have been loaded in the meantime.
    filled["components"].update(get_sourced_components(config))
    # Those that the pipeline does not name, which spaCy leaves out.
    for name, section in config["components"].items():
        filled["components"].setdefault(name, section)
    return filled


def sections_with(tree: Any, key: str) -> Iterator[Dict[str, Any]]:
    """Find sections that have a setting.

    tree (Any): A section, or anything else.
    key (str): The name of the setting.
    YIELDS (Dict[str, Any]): The section itself and those below it, if they have it.
    """
    if isinstance(tree, dict):
        if key in tree:
            yield tree
        for below in tree.values():
            yield from sections_with(below, key)


def get_tok2vec(config: Config, name: str) -> Any:
    """RETURNS (Any): What a component has for a tok2vec, or None."""
    model = config["components"][name].get("model")
    return model.get("tok2vec") if isinstance(model, dict) else None


def listens_to(config: Config, tree: Any) -> List[str]:
    """RETURNS (List[str]): The components that a section listens to."""
    found = []
    for section in sections_with(tree, "@architectures"):
        if "Listener" in section["@architectures"]:
            upstream = section.get("upstream", "*")
            sources = [
                name
                for name, component in config["components"].items()
                if _is_source(name, component)
            ]
            found += [n for n in sources if upstream in ("*", n)]
    return found


def is_on_transformer(config: Config, name: str) -> bool:
    """RETURNS (bool): Whether a component's vectors come from a transformer."""
    tok2vec = get_tok2vec(config, name)
    trees = [tok2vec]
    if not _names_transformer(tok2vec):
        trees += [config["components"].get(n) for n in listens_to(config, tok2vec)]
    return any(map(_names_transformer, trees))


def _is_source(name: str, component: Dict[str, Any]) -> bool:
    kinds = ("tok2vec", "transformer", "curated_transformer")
    kind = component.get("factory", component.get("component", name))
    return kind in kinds


def _names_transformer(tree: Any) -> bool:
    sections = sections_with(tree, "@architectures")
    return any("ransformer" in section["@architectures"] for section in sections)


def _find_components(
    sections: Dict[str, Dict[str, Any]], only: Sequence[str]
) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): Our factory of each component that can be changed."""
    unknown = [name for name in only if name not in sections]
    if unknown:
        raise ValueError(
            f"There is no component {', '.join(map(repr, unknown))}. The config has "
            f"{', '.join(sections) or 'none'}."
        )
    names = [name for name in sections if not only or name in only]
    for name in names:
        section = sections[name]
        trained = section.get("component", name) if "source" in section else None
        if trained in _FACTORIES and not trained.startswith("crf_"):
            ours = _FACTORIES[trained]
            raise ValueError(
                f"[components.{name}] takes a trained {trained} from "
                f"{section['source']!r}, and a trained {trained} cannot be turned into "
                f'a {ours}. Put factory = "{trained}" in the place of the source to '
                f"train a {ours} from the start, or name the other components by "
                "--component."
            )
    found = {
        name: _FACTORIES[sections[name]["factory"]]
        for name in names
        if _can_be_changed(sections[name])
    }
    wrong = [name for name in only if name not in found]
    if wrong or not found:
        raise ValueError(_nothing_to_change(sections, wrong))
    return found


def _can_be_changed(section: Dict[str, Any]) -> bool:
    factory = section.get("factory")
    if factory not in _FACTORIES:
        return False
    return not factory.startswith("crf_") or _is_half_changed(section)


def _is_half_changed(section: Dict[str, Any]) -> bool:
    return any(key in section for key in _DROPPED) or _has_spacy_model(section)


def _has_spacy_model(section: Dict[str, Any]) -> bool:
    model = section.get("model")
    name = model.get("@architectures", "") if isinstance(model, dict) else ""
    return any(name.startswith(f"spacy.{each}.") for each in _SPACY_MODELS)


def _nothing_to_change(sections: Dict[str, Dict[str, Any]], wrong: List[str]) -> str:
    factories = {
        name: section.get("factory", "a sourced component")
        for name, section in sections.items()
    }
    if wrong:
        return f"'{wrong[0]}' is neither ner nor tagger, but {factories[wrong[0]]}."
    ours = [name for name, f in factories.items() if f in ("crf_ner", "crf_tagger")]
    if ours:
        return (
            f"There is nothing to change: {', '.join(ours)} is ours already, and there "
            "is no ner or tagger beside it."
        )
    return (
        "There is no ner and no tagger to change. The config has "
        f"{', '.join(factories) or 'no components'}. `python -m spacy crf init-config` "
        "makes one that trains a crf_ner."
    )


def _migrate_settings(
    section: Dict[str, Any], factory: str, where: str, notes: List[str]
) -> None:
    section["factory"] = factory
    for key, reason in _DROPPED.items():
        if key in section:
            del section[key]
            notes.append(f"{where}.{key} is dropped: {reason}.")
    scorer = section.get("scorer")
    if isinstance(scorer, dict) and scorer.get("@scorers") in _SCORERS:
        section["scorer"] = {"@scorers": _SCORERS[scorer["@scorers"]]}
    elif "scorer" in section and scorer != {"@scorers": _our_scorer(factory)}:
        notes.append(
            f"{where}.scorer is kept, since it is not spaCy's. Ours is "
            f"{_our_scorer(factory)}."
        )


def _our_scorer(factory: str) -> str:
    return f"spacy_crf_tagger.{factory.removeprefix('crf_')}_scorer.v1"


def _migrate_model(section: Dict[str, Any], where: str, notes: List[str]) -> None:
    model = section.pop("model", None)
    if model is None:
        notes.append(f"{where} has no model section, and gets ours with our tok2vec.")
        return
    if isinstance(model, dict) and model.get("@architectures") == ARCHITECTURE:
        section["model"] = model
        return
    if not isinstance(model, dict) or "tok2vec" not in model:
        raise ValueError(
            f"[{where}.model] has no tok2vec that could be kept: {model!r}. Put one "
            "there, or leave the section out to get ours."
        )
    if not _has_spacy_model({"model": model}):
        notes.append(
            f"{where}.model is replaced as a whole but for its tok2vec: "
            f"{model.get('@architectures')} is not spaCy's."
        )
    new = {"@architectures": ARCHITECTURE, "tok2vec": model["tok2vec"]}
    for key, value in model.items():
        if key not in new and not (key == "nO" and value is None):
            reason = _DROPPED_OF_MODEL.get(key, "our model has no such setting")
            notes.append(f"{where}.model.{key} is dropped: {reason}.")
    section["model"] = new


def _suit_transformer(
    config: Config, name: str, factory: str, notes: List[str]
) -> None:
    """Have the new network learn faster than the pretrained encoder below it."""
    recipe = recipe_config([factory], optimize=Optimize.transformer)
    ours = recipe["components"][factory]["model"]
    settings = {key: ours[key] for key in ("learn_rate_scale", "crf_learn_rate_scale")}
    rate = _learn_rate(config)
    where = f"components.{name}.model"
    if rate > HIGHEST_ENCODER_RATE:
        notes.append(
            f"{where}.learn_rate_scale stays at 1: the learning rate {rate:g} is "
            "higher than a transformer is trained at. If you lower it, set "
            f"learn_rate_scale = {settings['learn_rate_scale']} and "
            f"crf_learn_rate_scale = {settings['crf_learn_rate_scale']}."
        )
        return
    config["components"][name]["model"].update(settings, dropout=ours["dropout"])
    notes.append(
        f"{where}.learn_rate_scale, crf_learn_rate_scale and dropout are those of our "
        "recipe beside a transformer."
    )


def _learn_rate(config: Config) -> float:
    """RETURNS (float): The highest learning rate, as far as it is a number."""
    training = config.get("training")
    optimizer = training.get("optimizer") if isinstance(training, dict) else None
    if not isinstance(optimizer, dict):
        return 0.001  # spaCy's, if there is none
    rate = optimizer.get("learn_rate", 0.001)
    if isinstance(rate, dict):
        rate = rate.get("initial_rate", rate.get("max_rate", 0.0))
    return float(rate) if isinstance(rate, (int, float)) else 0.0


def _drop_labels(config: Config, name: str, notes: List[str]) -> None:
    initialize = config.get("initialize")
    settings = initialize.get("components") if isinstance(initialize, dict) else None
    own = settings.get(name) if isinstance(settings, dict) else None
    if isinstance(own, dict) and own.pop("labels", None) is not None:
        notes.append(
            f"initialize.components.{name}.labels is dropped: ner has written its "
            "moves there. `python -m spacy init labels` makes a list of labels."
        )
