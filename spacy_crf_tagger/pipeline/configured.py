"""A task with settings that can be changed, in the config of the pipeline as well."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import (
    Any,
    ContextManager,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Type,
)

import numpy as np
from spacy.language import Language

from .errors import working
from .owners import Owners
from .setting import Setting
from .settings import CRFSettings
from .task import TagTask


class ConfiguredTask(TagTask):
    """What a component does with its settings. They are stored in its `cfg`, with the
    weights, and in the configs of its pipelines.
    """

    name: str
    cfg: Dict[str, Any]
    _owners: Owners
    _checked: Optional["_Checked"] = None

    temperature = Setting[float]()

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The labels that the component predicts."""
        return tuple(self.cfg["labels"])

    @property
    def is_built(self) -> bool:
        """RETURNS (bool): Whether the model has weights."""
        raise NotImplementedError

    @property
    def settings(self) -> CRFSettings:
        """RETURNS (CRFSettings): The settings in `cfg`.

        RAISES (ValueError): If one is not allowed.
        """
        checked = self._checked
        if checked is None or not checked.is_of(self.cfg):
            cfg = dict(self.cfg)  # which another thread may change
            with self._working():
                settings = self.settings_type.from_cfg(cfg)
            checked = self._checked = _Checked.of(cfg, settings)
        return checked.settings

    def belong_to(self, nlp: Language) -> None:
        """Keep the config of a pipeline up to date when settings change.

        nlp (Language): The pipeline that the component is made for.
        """
        self._owners.add(nlp)

    def change_settings(self, **settings: Any) -> None:
        """Change settings, here and in the configs of the pipelines that the component
        was made for. Attributes of the same names do that for one alone.

        **settings (Any): The settings, and their values.
        RAISES (ValueError): If there is no such setting, a value is not allowed, or the
            component has weights and it would take others. Nothing is changed then.
        """
        before = self.settings
        plain = {name: _plain(value) for name, value in settings.items()}
        with self._working("", TypeError):
            unknown = sorted(settings.keys() - before.to_cfg())
            if unknown:
                raise ValueError(
                    f"there is no setting {', '.join(unknown)}; there are "
                    f"{', '.join(before.to_cfg())}."
                )
            changed = replace(before, **plain)
            changed.validate()
            for name in self.tag_settings:
                if self.is_built and getattr(changed, name) != getattr(before, name):
                    raise ValueError(
                        f"{name} decides which tags the weights are for, and cannot be "
                        "changed any more. Make a new component, and train it."
                    )
        self.cfg.update(changed.to_cfg())
        try:
            if self.labels:
                self.check_labels()
        except ValueError:
            self.cfg.update(before.to_cfg())
            raise
        self._write_config()

    def _write_config(self) -> None:
        """Let the configs of the pipelines say what the settings are."""
        self._owners.write(self, self.settings.to_config())

    @contextmanager
    def _overriding(self, path: Path) -> Iterator[None]:
        """Let the settings that `spacy.load` is given win over those that are loaded.

        path (Path): The folder of the component.
        """
        given = self._owners.overrides(self, path)
        yield
        self.cfg.update(self.settings_type.read_config(given))

    def _working(self, doing: str = "", *more: Type[Exception]) -> ContextManager[None]:
        return working(self.name, doing, *more)


class _Checked(NamedTuple):
    """Settings that have been checked, which takes longer than most else that is done
    for one text.

    values (List[Any]): The values that they were made of.
    containers (Dict[str, str]): Those whose content can change, written out.
    settings (CRFSettings): The settings.
    """

    values: List[Any]
    containers: Dict[str, str]
    settings: CRFSettings

    @classmethod
    def of(cls, cfg: Mapping[str, Any], settings: CRFSettings) -> "_Checked":
        """RETURNS (_Checked): The settings of a `cfg`."""
        values = {name: cfg.get(name, ...) for name in settings.names()}
        containers = {
            name: repr(value)
            for name, value in values.items()
            if isinstance(value, (list, Mapping))
        }
        return cls(list(values.values()), containers, settings)

    def is_of(self, cfg: Mapping[str, Any]) -> bool:
        """RETURNS (bool): Whether the values are still the same objects, and have the
        same content.
        """
        for name, value in zip(self.settings.names(), self.values, strict=True):
            if cfg.get(name, ...) is not value:
                return False
        return all(repr(cfg[name]) == own for name, own in self.containers.items())


def _plain(value: Any) -> Any:
    """RETURNS (Any): The value, as it can be saved."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value
