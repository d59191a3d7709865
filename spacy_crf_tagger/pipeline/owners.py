"""The pipelines that a component is in, and its settings in their configs."""

from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Tuple, Type
from weakref import WeakSet

from spacy.language import Language
from thinc.api import Config

Entry = Tuple[Language, str]  # a pipeline, and the name of the component in it


class Owners:
    """The pipelines that a component was made for. A component that another pipeline
    takes by `source` is not told so; its settings there are read from it when that
    pipeline has been saved and is loaded.
    """

    def __init__(self) -> None:
        """Start with no pipeline."""
        # A component must not keep its pipeline alive, nor be saved with it.
        self._pipelines: WeakSet[Language] = WeakSet()

    def add(self, nlp: Language) -> None:
        """Add a pipeline.

        nlp (Language): The pipeline.
        """
        self._pipelines.add(nlp)

    def write(self, component: Any, values: Mapping[str, Any]) -> None:
        """Write settings to the configs of the pipelines, where they are in them.

        component (Callable[[Doc], Doc]): The component.
        values (Mapping[str, Any]): The settings, as a config has them.
        """
        for nlp, name in self._entries(component):
            section = nlp.get_pipe_config(name)
            wanted = {setting: section[setting] for setting in values.keys() & section}
            if "${" in repr(wanted):
                # A variable that stands for the right value stays.
                wanted = _interpolated(nlp, name)
            for setting in values.keys() & section:
                if wanted[setting] != values[setting]:
                    section[setting] = values[setting]

    def overrides(self, component: Any, path: Path) -> Dict[str, Any]:
        """Find the settings that `spacy.load(…, config=…)` is given in the place of
        those that are stored. To be called once, while the pipeline is loaded.

        component (Callable[[Doc], Doc]): The component.
        path (Path): The folder of the component inside of that of the pipeline.
        RETURNS (Dict[str, Any]): Their values.
        """
        stored_path = path.parent / "config.cfg"
        if not stored_path.is_file():
            return {}
        for nlp, name in self._entries(component):
            section = _pop_loaded_section(nlp, name)
            if name == path.name and section:
                stored = Config().from_disk(stored_path)["components"].get(name, {})
                return {
                    setting: value
                    for setting, value in section.items()
                    if setting not in stored or stored[setting] != value
                }
        return {}

    def __deepcopy__(self, memo: Dict[int, Any]) -> "Owners":
        """RETURNS (Owners): The copies of the pipelines, if they are being copied."""
        copied = Owners()
        for nlp in self._pipelines:
            if id(nlp) in memo:
                copied.add(memo[id(nlp)])
        return copied

    def __reduce__(self) -> Tuple[Type["Owners"], Tuple[()]]:
        """RETURNS (Tuple[Type[Owners], Tuple[()]]): No pipelines, for other processes
        have their own.
        """
        return Owners, ()

    def _entries(self, component: Any) -> Iterator[Entry]:
        for nlp in list(self._pipelines):
            for name, own in nlp.components:
                if own is component:
                    yield nlp, name


def _interpolated(nlp: Language, name: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The section of a component, with the values of its
    variables. To ask for `nlp.config` would end what `_pop_loaded_section` needs.
    """
    sections = {other: nlp.get_pipe_config(other) for other in nlp.component_names}
    config = Config({**nlp._config, "components": sections})
    known: Dict[str, Any] = config.interpolate()["components"][name]
    return known


def _pop_loaded_section(nlp: Language, name: str) -> Dict[str, Any]:
    """While `nlp.from_disk` runs, and until somebody asks for `nlp.config`, spaCy keeps
    the config as it was read: that of the file, with the values that the user gives in
    their place. There is no other way to tell these from stored ones.

    RETURNS (Dict[str, Any]): A component's section of that; empty at other times.
    """
    sections = nlp._config.get("components", {})
    section = sections.get(name)
    if section is None:
        return {}
    # What spaCy has put together itself shares this with the component's own config.
    if section.get("model") is nlp.get_pipe_config(name).get("model"):
        return {}
    loaded: Dict[str, Any] = Config(nlp._config).interpolate()["components"][name]
    # Now it looks like what spaCy puts together.
    sections[name] = dict(nlp.get_pipe_config(name))
    return loaded
