"""The configs that we recommend, with their comments, made from the templates beside
this module.
"""

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

from spacy.language import DEFAULT_CONFIG
from spacy.util import get_lang_class
from thinc.api import Config

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
COMPONENTS = ("crf_ner", "crf_tagger")
_LISTENING = {
    "crf_ner": "crf_ner here, a tagger or a parser",
    "crf_tagger": "crf_tagger here, a crf_ner or a parser",
    "both": "both here, a parser or others",
}


class Optimize(str, Enum):
    """What a recipe is good at."""

    speed = "speed"
    accuracy = "accuracy"
    transformer = "transformer"


def check_components(names: Sequence[str]) -> List[str]:
    """Check which components a recipe is wanted for.

    names (Sequence[str]): The names of the components.
    RETURNS (List[str]): The components, without those that a recipe adds itself.
    RAISES (ValueError): If there is no recipe for one of them, or if there are none.
    """
    # spaCy's `init config` passes over these as well.
    wanted = [name for name in names if name not in ("tok2vec", "transformer")]
    known = " and ".join(COMPONENTS)
    if not wanted:
        raise ValueError(f"Name a component to train: there are recipes for {known}.")
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"A component is named twice: {', '.join(wanted)}.")
    others = [name for name in wanted if name not in COMPONENTS]
    if others:
        raise ValueError(
            f"There are recipes for {known}, not for {', '.join(others)}. Make a "
            "config with spaCy's components by `python -m spacy init config`, and put "
            "ours in the place of ner and tagger by `python -m spacy crf migrate`."
        )
    return wanted


def render_recipe(
    components: Sequence[str],
    *,
    path: str,
    lang: str = "en",
    optimize: Optimize = Optimize.speed,
    vectors: Optional[str] = None,
    clusters: Optional[str] = None,
) -> str:
    """Write a complete config, with a comment on each setting of ours.

    components (Sequence[str]): `"crf_ner"`, `"crf_tagger"`, or both in their order.
    path (str): Where the config will be, which its first comment says.
    lang (str): The language.
    optimize (Optimize): What the recipe is to be good at.
    vectors (Optional[str]): The pipeline with the word vectors, for
        `Optimize.accuracy`; None to name it when training starts, or, with clusters, to
        do without.
    clusters (Optional[str]): The file with word clusters, for `Optimize.accuracy`.
    RETURNS (str): The text of the config.
    RAISES (ValueError): For components that there is no recipe for.
    RAISES (ImportError): If spaCy does not have the language.
    """
    components = check_components(components)
    with_transformer = optimize is Optimize.transformer
    is_shared = len(components) > 1
    embedding = "transformer" if with_transformer else "tok2vec"
    pipeline = [*components]
    if with_transformer or is_shared:
        pipeline.insert(0, embedding)
    # What is weighed beside F depends on how sure the network gets of itself.
    f_weight, calib_weight = (1.0, 0.0) if with_transformer else (0.92, 0.08)
    share = 1 / len(components)
    with_clusters = clusters is not None
    with_vectors = optimize is Optimize.accuracy and (
        vectors is not None or not with_clusters
    )
    text = (
        _environment()
        .get_template("config.jinja")
        .render(
            components=components,
            title=" and ".join(components),
            pipeline_json=json.dumps(pipeline, separators=(",", ":")),
            path=path,
            lang=lang,
            listening=_LISTENING["both" if is_shared else components[0]],
            with_transformer=with_transformer,
            with_vectors=with_vectors,
            vectors=vectors,
            vectors_json=json.dumps(vectors, ensure_ascii=False),
            with_clusters=with_clusters,
            clusters_json=json.dumps(clusters, ensure_ascii=False),
            knowledge=_knowledge(with_vectors, with_clusters),
            f_weight=round(f_weight * share, 2),
            calib_weight=round(calib_weight * share, 2),
            **_tokenizer_sections(lang),
        )
    )
    return text.rstrip("\n") + "\n"


def _knowledge(with_vectors: bool, with_clusters: bool) -> str:
    kinds = ["word vectors"] * with_vectors + ["word clusters"] * with_clusters
    return " and ".join(kinds)


def recipe_config(components: Sequence[str], **settings: Any) -> Config:
    """Make a config as `render_recipe` does, with its variables.

    components (Sequence[str]): The components.
    **settings (Any): The language, and what else `render_recipe` takes.
    RETURNS (Config): The config, not interpolated.
    """
    text = render_recipe(components, path="config.cfg", **settings)
    return Config().from_str(text, interpolate=False)


def _tokenizer_sections(lang: str) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): What languages that have a tokenizer of their own, such
    as Chinese, write to a config.
    """
    config = Config(DEFAULT_CONFIG).merge(get_lang_class(lang).default_config)
    return {
        "tokenizer": _section("nlp", config["nlp"]["tokenizer"]),
        "initialize_tokenizer": _section(
            "initialize", config["initialize"]["tokenizer"]
        ),
    }


def _section(parent: str, content: Dict[str, Any]) -> str:
    text = Config({parent: {"tokenizer": content}}).to_str()
    return text.partition(f"[{parent}]\n")[2].strip()


def _environment() -> "Environment":
    # No other command should wait for it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf8"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
