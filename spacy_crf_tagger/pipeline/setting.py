"""Settings as attributes of a component."""

from types import MappingProxyType
from typing import Any, Generic, Mapping, Protocol, Type, TypeVar, Union, overload

from .settings import CRFSettings

Value = TypeVar("Value")
Self = TypeVar("Self")


class Configurable(Protocol):
    """What has settings."""

    @property
    def settings(self) -> CRFSettings:
        """RETURNS (CRFSettings): The settings."""

    def change_settings(self, **settings: Any) -> None:
        """Change settings, or raise a `ValueError` and leave all as they were."""


class Setting(Generic[Value]):
    """An attribute of a component that is one of its settings. What it is set to is
    checked and takes effect at once, in the config of the pipeline as well.
    """

    def __set_name__(self, owner: Type[Any], name: str) -> None:
        """Learn which setting it is."""
        self._name = name

    @overload
    def __get__(self: Self, component: None, owner: Type[Any]) -> Self: ...

    @overload
    def __get__(self, component: Configurable, owner: Type[Any]) -> Value: ...

    def __get__(self, component: Any, owner: Type[Any]) -> Any:
        """RETURNS (Any): The value. Mappings are read-only, since their parts would be
        set without a check.
        """
        if component is None:
            return self
        value: Union[Value, Mapping[Any, Any]]
        value = getattr(component.settings, self._name)
        return MappingProxyType(dict(value)) if isinstance(value, Mapping) else value

    def __set__(self, component: Configurable, value: Value) -> None:
        """Change the setting.

        component (CRFPipe): The component.
        value (Any): The value.
        RAISES (ValueError): If it is not allowed. The setting stays as it was.
        """
        component.change_settings(**{self._name: value})
