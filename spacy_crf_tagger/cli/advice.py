"""What we recommend beyond putting our components in the place of spaCy's."""

import json
from typing import Any, Dict, List, NamedTuple, Optional

from thinc.api import Config

from .migration import (
    get_tok2vec,
    is_on_transformer,
    listens_to,
    sections_with,
)
from .recipes import Optimize, recipe_config

_TYPE_EMBED = "spacy_crf_tagger.TypeEmbed"
# Those that embed attributes of tokens, as ours does.
_REPLACEABLE = ("spacy.HashEmbedCNN.", "spacy.Tok2Vec.", "spacy.Tok2VecListener.")


class Advice(NamedTuple):
    """A config that is as we recommend it.

    config (Config): The config, not filled.
    notes (List[str]): What was left as it is, and why; one sentence each.
    """

    config: Config
    notes: List[str]


def apply_recipe(filled: Config, components: Dict[str, str]) -> Advice:
    """Change the training and the tok2vec of a config with our components to those of
    our recipes, as far as no other component is concerned.

    filled (Config): The filled config, with its variables. It is not changed.
    components (Dict[str, str]): Our factory of each component that is to be suited.
    RETURNS (Advice): The changed config.
    """
    config = filled.copy()
    notes: List[str] = []
    if any(is_on_transformer(config, name) for name in components):
        notes.append("The training is left as it is: it is that of a transformer.")
        return Advice(config, notes)
    recipe = recipe_config(_in_order(components))
    _suit_tok2vec(config, components, notes)
    _suit_training(config, components, recipe, notes)
    return Advice(config, notes)


def _in_order(components: Dict[str, str]) -> List[str]:
    return sorted(set(components.values()))


def _suit_training(
    config: Config, components: Dict[str, str], recipe: Config, notes: List[str]
) -> None:
    training, ours = config["training"], recipe["training"]
    size = training["batcher"].get("size")
    if isinstance(size, dict) and isinstance(size.get("start"), (int, float)):
        start = ours["batcher"]["size"]["start"]
        size["start"] = max(size["start"], start)
        if isinstance(size.get("stop"), (int, float)):
            size["stop"] = max(size["stop"], start)
    else:
        notes.append("[training.batcher] is left as it is: its size does not grow.")
    others = _other_trained(config, components)
    if others:
        notes.append(
            "[training] dropout and [training.optimizer] are left as they are: they "
            f"serve {', '.join(others)} as well."
        )
        for name, factory in components.items():
            model = config["components"][name]["model"]
            if model.get("dropout") is None:
                alone = recipe_config([factory])
                model["dropout"] = alone["training"]["dropout"]
        return
    training["dropout"] = ours["dropout"]
    if len(set(components.values())) > 1:
        for name, factory in components.items():
            model = config["components"][name]["model"]
            of_recipe = recipe["components"][factory]["model"]["dropout"]
            if model.get("dropout") is None:
                model["dropout"] = of_recipe
    optimizer = training["optimizer"]
    if optimizer["@optimizers"] == "Adam.v1":
        optimizer["@optimizers"] = ours["optimizer"]["@optimizers"]
    optimizer["use_averages"] = ours["optimizer"]["use_averages"]
    if isinstance(optimizer.get("learn_rate"), (int, float)):
        optimizer["learn_rate"] = ours["optimizer"]["learn_rate"]
    else:
        notes.append("The learning rate is left as it is: it is a schedule.")


def _other_trained(config: Config, components: Dict[str, str]) -> List[str]:
    """RETURNS (List[str]): The other components that learn."""
    frozen = config["training"]["frozen_components"]
    return [
        name
        for name in config["nlp"]["pipeline"]
        if name not in components
        and name not in frozen
        and config["components"][name].get("factory") not in ("tok2vec", "transformer")
        and ("source" in config["components"][name] or _has_model(config, name))
    ]


def _has_model(config: Config, name: str) -> bool:
    return isinstance(config["components"][name].get("model"), dict)


def _suit_tok2vec(config: Config, components: Dict[str, str], notes: List[str]) -> None:
    by_source: Dict[str, List[str]] = {}
    for name, factory in components.items():
        tok2vec = get_tok2vec(config, name)
        architecture = tok2vec["@architectures"] if isinstance(tok2vec, dict) else ""
        if architecture.startswith(_TYPE_EMBED):
            continue
        if not architecture.startswith(_REPLACEABLE):
            notes.append(f"The tok2vec of {name} is left as it is: it is your own.")
            continue
        sources = listens_to(config, tok2vec)
        if sources:
            by_source.setdefault(sources[0], []).append(name)
        elif "Listener" in architecture:
            notes.append(f"The tok2vec of {name} is left: there is no such upstream.")
        else:
            new = _our_tok2vec([factory], tok2vec)
            config["components"][name]["model"]["tok2vec"] = new
    for source, listeners in by_source.items():
        reason = _why_needed(config, source, listeners)
        if reason is not None:
            notes.append(f"{source} is left as it is: {reason}.")
        elif len(listeners) > 1:
            _share(config, source, {name: components[name] for name in listeners})
        else:
            _embed(config, source, listeners[0], components[listeners[0]], notes)


def _why_needed(config: Config, source: str, listeners: List[str]) -> Optional[str]:
    """RETURNS (Optional[str]): What else a tok2vec is there for, if anything."""
    section = config["components"][source]
    others = [
        name
        for name, other in config["components"].items()
        if name not in (source, *listeners)
        # What a sourced component listens to is not known.
        and ("source" in other or source in listens_to(config, other))
    ]
    if others:
        return f"{', '.join(others)} may listen to it"
    if "source" in section or source in config["training"]["frozen_components"]:
        return "it has been trained before"
    pretrained = config["initialize"].get("init_tok2vec")
    if pretrained == "${paths.init_tok2vec}":
        pretrained = config["paths"].get("init_tok2vec")
    if config.get("pretraining") or pretrained is not None:
        return "it is pretrained"
    architecture = section["model"]["@architectures"]
    if not architecture.startswith((*_REPLACEABLE, _TYPE_EMBED)):
        return "it is your own"
    return None


def _our_tok2vec(factories: List[str], replaced: Dict[str, Any]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): Our tok2vec, with static vectors if there were any."""
    optimize = Optimize.accuracy if _has_vectors(replaced) else Optimize.speed
    recipe = recipe_config(factories, optimize=optimize)
    components = recipe["components"]
    if "tok2vec" in components:
        ours: Dict[str, Any] = components["tok2vec"]["model"]
    else:
        ours = components[factories[0]]["model"]["tok2vec"]
    return ours


def _has_vectors(tree: Dict[str, Any]) -> bool:
    keys = ("include_static_vectors", "pretrained_vectors")
    return any(
        section[key] for key in keys for section in sections_with(tree, key)
    ) or any(
        section["@architectures"].startswith("spacy.StaticVectors.")
        for section in sections_with(tree, "@architectures")
    )


def _share(config: Config, source: str, listeners: Dict[str, str]) -> None:
    """Put our tok2vec in the place of one that several of our components share."""
    shared = config["components"][source]
    shared["model"] = _our_tok2vec(_in_order(listeners), shared["model"])
    for name in listeners:
        listener = config["components"][name]["model"]["tok2vec"]
        listener["width"] = f"${{components.{source}.model.width}}"


def _embed(
    config: Config, source: str, name: str, factory: str, notes: List[str]
) -> None:
    """Give a component a tok2vec of its own, and remove that which it listened to."""
    replaced = config["components"][source]["model"]
    without = config.copy()
    without["components"][name]["model"]["tok2vec"] = _our_tok2vec([factory], replaced)
    del without["components"][source]
    without["initialize"]["components"].pop(source, None)
    lists = [
        without["nlp"]["pipeline"],
        without["nlp"]["disabled"],
        without["training"]["frozen_components"],
        without["training"]["annotating_components"],
    ]
    for names in lists:
        if source in names:
            names.remove(source)
    if f"${{components.{source}." in json.dumps(without, default=str):
        notes.append(f"{source} is left as it is: other sections refer to it.")
        return
    config.clear()
    config.update(without)
