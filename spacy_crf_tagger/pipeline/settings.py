"""Settings of all components, and their checks."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Dict, Mapping, Tuple, Type, TypeVar

from ..crf.options import Number, check_numbers

Self = TypeVar("Self", bound="CRFSettings")


@dataclass(frozen=True)
class CRFSettings:
    """The settings of any component; a subclass adds its own.

    temperature (float): What scores are divided by for probabilities. Calibration sets
        it.
    """

    # The values that a setting can have, and the range of one that is a number.
    choices: ClassVar[Mapping[str, Tuple[str, ...]]] = {}
    numbers: ClassVar[Mapping[str, Number]] = {
        "temperature": Number(low=1e-3, high=1e3)
    }

    temperature: float = 1.0

    @classmethod
    @cache
    def names(cls) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, …]): The names of the settings."""
        return tuple(f.name for f in fields(cls))

    @classmethod
    def from_cfg(cls: Type[Self], cfg: Mapping[str, Any]) -> Self:
        """Read and check the settings among the values of a component's `cfg`.

        cfg (Mapping[str, Any]): The values; others are passed over, and missing ones
            have their defaults.
        RETURNS (CRFSettings): The settings.
        RAISES (ValueError): For a value that is not allowed.
        """
        known = {name: cfg[name] for name in cls.names() if name in cfg}
        settings = cls(**known)
        settings.validate()
        return settings

    @classmethod
    def read_config(cls, config: Mapping[str, Any]) -> Dict[str, Any]:
        """Read settings among the values of a component's section of a config.

        config (Mapping[str, Any]): The values; others are passed over.
        RETURNS (Dict[str, Any]): Those that are there, as `cfg` has them.
        """
        defaults = cls().to_cfg()
        return {
            # A mapping is null in a config if it is empty.
            name: {} if value is None and isinstance(defaults[name], dict) else value
            for name, value in config.items()
            if name in defaults
        }

    def validate(self) -> None:
        """Check every value.

        RAISES (ValueError): For a value that is not allowed; says which are.
        """
        for name, choices in self.choices.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"unknown {name} {getattr(self, name)!r}: choose one of "
                    f"{', '.join(map(repr, choices))}."
                )
        values = {name: getattr(self, name) for name in self.numbers}
        check_numbers(values, self.numbers)

    def to_cfg(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The settings as plain values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in values.items()
        }

    def to_config(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The settings as the factory takes them."""
        return {name: _in_config(value) for name, value in self.to_cfg().items()}


def _in_config(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value) or None  # an empty section is none
    if isinstance(value, (list, tuple)):
        return [_in_config(item) for item in value]
    return value
