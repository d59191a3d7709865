"""What a config for training says of its data, without its components being made."""

from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import srsly
from spacy import util
from spacy.language import Language
from spacy.util import load_model_from_config, registry, resolve_dot_names
from thinc.api import Config

from ..data.corpus_reading import Reader
from .migration import ARCHITECTURE, settings_of_spacy

ENTITY_FACTORIES = ("crf_ner", "ner", "beam_ner")
TAG_FACTORIES = ("crf_tagger", "tagger")
_SETS_SENTENCES = ("doc.sents", "token.is_sent_start")
# Of our architecture; a test compares it.
DEFAULT_WINDOW = 512


class Component(NamedTuple):
    """A component of the pipeline that is trained on entities or tags.

    name (str): Its name.
    factory (str): Its factory.
    knows_sentences (bool): Whether a component before sets sentence starts.
    window (Optional[int]): The most tokens that its network sees at once, if there is
        a limit.
    attribute (str): What a tagger predicts.
    configured (Optional[List[str]]): The labels that the config gives, if it does.
    learned (List[str]): The labels that it has learned, if it is trained further.
    """

    name: str
    factory: str
    knows_sentences: bool
    window: Optional[int]
    attribute: str
    configured: Optional[List[str]]
    learned: List[str]

    @property
    def has_entities(self) -> bool:
        """RETURNS (bool): Whether it predicts entities."""
        return self.factory in ENTITY_FACTORIES


class DataConfig(NamedTuple):
    """What a config says of its data.

    nlp (Language): A pipeline without components, for its tokenizer.
    components (List[Component]): The components that are trained on entities or tags.
    train (Reader): The reader of the part that is learned from.
    dev (Reader): The reader of the part that is evaluated on.
    """

    nlp: Language
    components: List[Component]
    train: Reader
    dev: Reader


def read_data_config(config: Config) -> DataConfig:
    """Read what a config says of its data.

    config (Config): The config, without variables.
    RETURNS (DataConfig): What it says.
    RAISES (ValueError): If the config is no config for training, or has no component
        that is trained on entities or tags.
    """
    for section in ("nlp", "components"):
        if not isinstance(config.get(section), dict):
            raise ValueError(f"This is no config of a pipeline: it has no [{section}].")
    _refuse_foreign_settings(config["components"])
    nlp = _bare_pipeline(config)
    filled = nlp.config.interpolate()
    _prepare(nlp, filled)
    components = _find_components(config)
    names = [filled["training"][f"{part}_corpus"] for part in ("train", "dev")]
    train, dev = resolve_dot_names(filled, names)
    return DataConfig(nlp, components, train, dev)


def _refuse_foreign_settings(sections: Dict[str, Dict[str, Any]]) -> None:
    for name, section in sections.items():
        factory = section.get("factory")
        if factory in ("crf_ner", "crf_tagger"):
            foreign = settings_of_spacy(section)
            if foreign:
                verb = "belongs" if len(foreign) == 1 else "belong"
                raise ValueError(
                    f"[components.{name}] is a {factory}, but "
                    f"{' and '.join(f'`{key}`' for key in foreign)} {verb} to ner; run "
                    "`python -m spacy crf migrate` on the config."
                )


def _bare_pipeline(config: Config) -> Language:
    """RETURNS (Language): The pipeline without its components, which may take long to
    make, and need what is not there yet.
    """
    bare = config.copy()
    bare["nlp"].update(pipeline=[], disabled=[], after_pipeline_creation=None)
    bare["components"] = {}
    return load_model_from_config(bare, auto_fill=True)


def _prepare(nlp: Language, filled: Config) -> None:
    """Do what may change the tokenizer before training."""
    before_init = filled["initialize"].get("before_init")
    if before_init:
        callback: Callable[[Language], Any]
        callback = registry.resolve({"callback": before_init})["callback"]
        callback(nlp)


def _find_components(config: Config) -> List[Component]:
    found: List[Component] = []
    knows_sentences = False
    for name in config["nlp"].get("pipeline", []):
        section = config["components"].get(name)
        if section is None:
            raise ValueError(
                f"The pipeline has {name!r}, but there is no section of it."
            )
        learned: List[str] = []
        if "source" in section:
            path, source_name = (
                _source_path(section["source"]),
                section.get("component"),
            )
            source_name = name if source_name is None else source_name
            learned = _learned_labels(path, source_name)
            sections = util.load_config(path / "config.cfg")["components"]
            section = sections.get(source_name, {})
        factory = section.get("factory", name)
        if factory in ENTITY_FACTORIES + TAG_FACTORIES:
            found.append(
                Component(
                    name,
                    factory,
                    knows_sentences,
                    _window(section, factory),
                    section.get("attribute", "TAG"),
                    _configured_labels(config, name),
                    learned,
                )
            )
        if Language.has_factory(factory):
            assigns = Language.get_factory_meta(factory).assigns
            knows_sentences |= any(each in assigns for each in _SETS_SENTENCES)
    if not found:
        raise ValueError(
            "The pipeline has no component that is trained on entities or tags: "
            f"{', '.join(ENTITY_FACTORIES + TAG_FACTORIES)}."
        )
    return found


def _window(section: Dict[str, Any], factory: str) -> Optional[int]:
    model = section.get("model", {} if factory.startswith("crf_") else None)
    if model is None or model.get("@architectures", ARCHITECTURE) != ARCHITECTURE:
        return None
    window: int = model.get("window", DEFAULT_WINDOW)
    return window


def _configured_labels(config: Config, name: str) -> Optional[List[str]]:
    components = config.get("initialize", {}).get("components", {})
    labels = components.get(name, {}).get("labels")
    if isinstance(labels, dict) and "@readers" in labels:
        labels = registry.resolve({"labels": labels})["labels"]
    # Those of ner are moves by action.
    if isinstance(labels, dict):
        labels = sorted(
            {label for action in labels.values() for label in action} - {""}
        )
    return None if labels is None else list(labels)


def _source_path(source: str) -> Path:
    path = Path(source)
    if path.exists() or not util.is_package(source):
        return path
    package = util.get_package_path(source)
    meta = util.get_model_meta(package)
    return package / f"{meta['lang']}_{meta['name']}-{meta['version']}"


def _learned_labels(path: Path, name: str) -> List[str]:
    meta = srsly.read_json(path / "meta.json")
    labels: List[str] = meta.get("labels", {}).get(name, [])
    return labels
