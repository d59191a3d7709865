"""Settings of `crf_ner`, and their checks."""

from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Optional

from ...crf.options import SHARE, Number
from ...crf.scheme import POSITIONS
from ..settings import CRFSettings

_WEIGHT = Number(low=0.0, above_low=True)
# At no token more than 1 / floor candidates overlap.
_FLOOR = Number(low=1e-6, high=1.0)


@dataclass(frozen=True)
class Settings(CRFSettings):
    """What a user of `crf_ner` can set.

    scheme (str): The tag scheme: `"biluo"`, or `"bio"` with fewer tags for many labels.
    spans_key (Optional[str]): Where `doc.spans` holds the predicted entities with their
        probabilities; None to compute none.
    decoder (str): `"viterbi"` for the best analysis as a whole, or `"mbr"` for the
        entities that are best one by one (minimum Bayes risk).
    threshold (Optional[float]): Least probability of an entity that is written. Under
        `"mbr"` also the price of an entity, which must be more probable than that (and
        than 0.001); None finds the price with the largest expected F of each document.
    presets (str): `"respect"` to keep entities and blocked tokens that are set, or
        `"ignore"` to replace them.
    missing (str): What tokens without annotation are in training: `"latent"` (summed
        over), `"outside"`, or latent with an `"expected_entity_ratio"`.
    entity_ratio (float): The expected share of tokens in entities.
    entity_ratio_margin (float): How far the share may be off at no cost.
    entity_ratio_weight (float): Weight of that cost.
    incorrect_spans_key (Optional[str]): Where `doc.spans` of the annotation holds spans
        that are no entities.
    label_weights (Dict[str, float]): How many times its weight an analysis gets in
        training for each token that it gets wrong, by the label of the annotated token
        ("O" outside).
    candidates_key (Optional[str]): Where `doc.spans` holds all spans that are more
        probable than their floor, predicted or not; None to look for none.
    candidates_floor (float): That floor.
    label_floors (Dict[str, float]): The floors of single labels, in its place.
    """

    choices = {
        "scheme": tuple(POSITIONS),
        "decoder": ("viterbi", "mbr"),
        "presets": ("respect", "ignore"),
        "missing": ("latent", "outside", "expected_entity_ratio"),
    }
    numbers = {
        **CRFSettings.numbers,
        "threshold": replace(SHARE, or_null=True),
        "entity_ratio": SHARE,
        "entity_ratio_margin": SHARE,
        "entity_ratio_weight": Number(low=0.0, high=1e6),
        "candidates_floor": _FLOOR,
    }

    scheme: str = "biluo"
    spans_key: Optional[str] = "crf_ner"
    decoder: str = "viterbi"
    threshold: Optional[float] = None
    presets: str = "respect"
    missing: str = "latent"
    entity_ratio: float = 0.15
    entity_ratio_margin: float = 0.05
    entity_ratio_weight: float = 10.0
    incorrect_spans_key: Optional[str] = None
    label_weights: Mapping[str, float] = field(default_factory=dict)
    candidates_key: Optional[str] = None
    candidates_floor: float = 0.01
    label_floors: Mapping[str, float] = field(default_factory=dict)

    def floor_of(self, label: str) -> float:
        """RETURNS (float): What the probability of a candidate must be above."""
        return float(self.label_floors.get(label, self.candidates_floor))

    def validate(self) -> None:
        """Check every value.

        RAISES (ValueError): For a value that is not allowed; says which are.
        """
        super().validate()
        for name in ("spans_key", "incorrect_spans_key", "candidates_key"):
            key = getattr(self, name)
            if key is not None and (not isinstance(key, str) or not key):
                raise ValueError(f"{name} must be a name or null, not {key!r}.")
        if self.candidates_key is not None and self.candidates_key == self.spans_key:
            raise ValueError(
                f"candidates_key must differ from spans_key, which is "
                f"{self.spans_key!r}, too."
            )
        _check_by_label("label_weights", self.label_weights, "weight", _WEIGHT)
        _check_by_label("label_floors", self.label_floors, "floor", _FLOOR)


def _check_by_label(name: str, values: Any, noun: str, rule: Number) -> None:
    """RAISES (ValueError): If a setting does not map labels to numbers that it can
    have.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{name} must map labels to {noun}s, not {values!r}.")
    for label, value in values.items():
        if not isinstance(label, str):
            raise ValueError(f"{name}: labels must be strings, not {label!r}.")
        if not rule.allows(value):
            raise ValueError(
                f"{name}: the {noun} of {label!r} must be {rule.describe()}, not "
                f"{value!r}."
            )
