"""The labels of a component that is about to be distilled."""

from typing import Any, Dict, Sequence, cast

from spacy.language import Language
from thinc.api import Config

from ...pipeline.base import CRFPipe
from ...pipeline.lessons import require_labels
from .loop import sample_corpus


def check_trained(nlp: Language, name: str) -> None:
    """Check that a component is to be trained.

    nlp (Language): The pipeline.
    name (str): The name of the component.
    RAISES (ValueError): If it is frozen.
    """
    frozen = nlp.config.interpolate()["training"]["frozen_components"]
    if name in frozen:
        raise ValueError(
            f"'{name}' is to learn, but is one of the frozen_components of [training]. "
            "Take it from that list."
        )


def give_labels(
    config: Config, nlp: Language, name: str, taught: Sequence[str]
) -> None:
    """Let a component be initialised with the labels of the teacher, and those that are
    annotated. Nothing is changed if the config says what its labels are, or if it is
    trained already.

    config (Config): The config, without its defaults. It is changed.
    nlp (Language): A pipeline of it, which need not be initialised.
    name (str): The name of the component.
    taught (Sequence[str]): The labels of the teacher.
    """
    if (
        _configured_labels(config, name) is not None
        or "source" in (config["components"][name])
    ):
        return
    pipe = cast(CRFPipe, nlp.get_pipe(name))
    annotated = pipe.find_labels(sample_corpus(nlp))
    # Sorted, so that the same seed makes the same network, whoever teaches.
    labels = sorted({*taught, *annotated})
    _section(_section(config, "initialize"), "components").setdefault(name, {})
    config["initialize"]["components"][name]["labels"] = labels


def add_labels(pipe: CRFPipe, config: Config, taught: Sequence[str]) -> None:
    """Add the labels of the teacher to a component that was trained before.

    pipe (CRFPipe): The component, initialised.
    config (Config): Its config.
    taught (Sequence[str]): The labels of the teacher.
    RAISES (ValueError): If the config says what its labels are, and some are missing.
    """
    if _configured_labels(config, pipe.name) is not None:
        require_labels(taught, pipe.labels)
    for label in taught:
        pipe.add_label(label)


def _configured_labels(config: Config, name: str) -> Any:
    settings = config.get("initialize", {}).get("components", {}).get(name, {})
    return settings.get("labels")


def _section(config: Dict[str, Any], name: str) -> Dict[str, Any]:
    section: Dict[str, Any] = config.setdefault(name, {})
    return section
