"""The settings of `crf_tagger`: checked once, in one place."""

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from ...crf.options import RATE, check_flag
from ..settings import CRFSettings

Pair = Tuple[str, str]


@dataclass(frozen=True)
class TaggerSettings(CRFSettings):
    """What a user of `crf_tagger` can set.

    attribute (str): Which attribute of a token is predicted: `"TAG"`, `"POS"`, or the
        name of an extension attribute, such as `"_.chunk"`.
    overwrite (bool): Whether tags that are set already are replaced. If not, they are
        kept, and the others are the best ones beside them.
    neg_prefix (str): What a tag in the annotation starts with that is known not to be
        the right one.
    label_smoothing (float): The share of a known tag that is spread over the others in
        training.
    forbidden_pairs (Sequence[Tuple[str, str]]): Pairs of labels of which the second
        never follows the first.
    scores_key (Optional[str]): Where `doc.user_data` holds the probability of each tag;
        None to compute none.
    """

    numbers = {**CRFSettings.numbers, "label_smoothing": RATE}

    attribute: str = "TAG"
    overwrite: bool = False
    neg_prefix: str = "!"
    label_smoothing: float = 0.0
    forbidden_pairs: Tuple[Pair, ...] = ()
    scores_key: Optional[str] = None

    def __post_init__(self) -> None:
        """Read pairs that come as lists, as they do from a config."""
        pairs: Any = self.forbidden_pairs
        if isinstance(pairs, (list, tuple)):
            is_list = [isinstance(pair, (list, tuple)) for pair in pairs]
            read = (tuple(p) if ok else p for p, ok in zip(pairs, is_list, strict=True))
            object.__setattr__(self, "forbidden_pairs", tuple(read))

    def validate(self) -> None:
        """Check every value.

        RAISES (ValueError): For a value that is not allowed; says which are.
        """
        super().validate()
        check_flag("overwrite", self.overwrite)
        name = self.attribute
        is_extension = isinstance(name, str) and name[:2] == "_." and name[2:]
        if not is_extension and name not in ("TAG", "POS"):
            raise ValueError(
                f'attribute must be "TAG", "POS" or the name of an extension '
                f'attribute, such as "_.chunk", not {name!r}.'
            )
        if not isinstance(self.neg_prefix, str) or not self.neg_prefix:
            raise ValueError(
                f"neg_prefix must be a string of at least one character, not "
                f"{self.neg_prefix!r}."
            )
        key = self.scores_key
        if key is not None and (not isinstance(key, str) or not key):
            raise ValueError(f"scores_key must be a name or null, not {key!r}.")
        pairs: Any = self.forbidden_pairs
        if not isinstance(pairs, tuple) or not all(map(_is_pair, pairs)):
            raise ValueError(
                f"forbidden_pairs must be a list of pairs of labels, not {pairs!r}."
            )


def _is_pair(pair: Any) -> bool:
    return (
        isinstance(pair, tuple)
        and len(pair) == 2
        and all(isinstance(label, str) for label in pair)
    )
