"""Checks of options by type and range; errors name the option."""

import math
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Iterator, Mapping


@dataclass(frozen=True)
class Number:
    """Which numbers an option takes.

    low (float): The lowest number.
    high (float): The highest number.
    is_whole (bool): Whether it has to be a whole number.
    below_high (bool): Whether the highest number itself is too high.
    above_low (bool): Whether the lowest number itself is too low.
    or_null (bool): Whether there need not be any.
    """

    low: float = -math.inf
    high: float = math.inf
    is_whole: bool = False
    below_high: bool = False
    above_low: bool = False
    or_null: bool = False

    def allows(self, value: Any) -> bool:
        """RETURNS (bool): Whether an option may have the value."""
        if value is None:
            return self.or_null
        # True and False are numbers to Python. NumPy's numbers are numbers to us:
        # `spacy find-threshold` sets one.
        kind = Integral if self.is_whole else Real
        if isinstance(value, bool) or not isinstance(value, kind):
            return False
        try:
            number = float(value)
        except OverflowError:  # of a whole number that is too large
            return False
        if number == math.inf or not self.low <= number <= self.high:
            return False
        is_low = self.above_low and number == self.low
        return not is_low and not (self.below_high and number == self.high)

    def describe(self) -> str:
        """RETURNS (str): In words what an option may be."""
        kind = "a whole number" if self.is_whole else "a number"
        null = " or null" if self.or_null else ""
        if self.high == math.inf:
            limit = "above" if self.above_low else "of at least"
            return f"{kind} {limit} {self.low:g}{null}"
        end = " (itself excluded)" if self.below_high else ""
        return f"{kind} from {self.low:g} to {self.high:g}{end}{null}"


SIZE = Number(low=1, is_whole=True)
COUNT = Number(low=0, is_whole=True)
RATE = Number(low=0.0, high=1.0, below_high=True)
SHARE = Number(low=0.0, high=1.0)


@contextmanager
def naming_option_of(owner: str) -> Iterator[None]:
    """Say whose option an error is about.

    owner (str): Its name, with which messages begin.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{owner}: {error}") from error


def check_numbers(values: Mapping[str, Any], rules: Mapping[str, Number]) -> None:
    """Check options that are numbers.

    values (Mapping[str, Any]): The value of each option; there may be others.
    rules (Mapping[str, Number]): What each option may be.
    RAISES (ValueError): If one is not allowed; names it, and says what it may be.
    """
    for name, rule in rules.items():
        if not rule.allows(values[name]):
            raise ValueError(f"{name} must be {rule.describe()}, not {values[name]!r}.")


def check_flag(name: str, value: Any) -> None:
    """Check an option that is true or false.

    name (str): The option.
    value (Any): Its value.
    RAISES (ValueError): If it is neither.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}.")
