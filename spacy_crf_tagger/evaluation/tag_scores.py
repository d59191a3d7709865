"""The scorer of `crf_tagger`."""

from typing import Any, Callable, Dict, Iterable, Optional

from spacy.scorer import Scorer
from spacy.tokens import Token
from spacy.training import Example

from ..pipeline.tagger.attribute import TokenAttribute
from .reliability import tag_reliability


def score_tagger(
    examples: Iterable[Example],
    *,
    attribute: str = "TAG",
    scores_key: Optional[str] = None,
    **kwargs: Any,
) -> Dict[str, Any]:
    """Score the tags of tokens as `spacy.tagger_scorer.v1` does, and their
    probabilities.

    examples (Iterable[Example]): Examples whose predicted documents are tagged.
    attribute (str): The attribute that was predicted.
    scores_key (Optional[str]): Where `doc.user_data` holds the probability of each tag;
        None if it does not.
    **kwargs (Any): The other settings of the component.
    RETURNS (Dict[str, Any]): The accuracy, `tag_acc` or `pos_acc`; for an extension
        attribute `_.NAME` it is called `NAME_acc`. Likewise, the expected calibration
        error over 10 bins of equal mass is called `tag_ece`, and the Brier score
        `tag_brier`: of both, less is better. None without annotation, or without
        probabilities.
    """
    examples = list(examples)
    name = attribute[2:] if attribute.startswith("_.") else attribute.lower()
    measured = tag_reliability(examples, TokenAttribute(attribute), scores_key)
    return {
        **_accuracy(examples, attribute, name),
        f"{name}_ece": measured.ece,
        f"{name}_brier": measured.brier,
    }


def _accuracy(examples: Iterable[Example], attribute: str, name: str) -> Dict[str, Any]:
    if not attribute.startswith("_."):
        scores: Dict[str, Any] = Scorer.score_token_attr(examples, name)
        return scores

    def value_of(token: Token, name: str) -> Any:
        value = token._.get(name)
        return token.vocab.strings.add(value) if value else 0

    return dict(Scorer.score_token_attr(examples, name, getter=value_of))


def make_tagger_scorer() -> Callable[..., Dict[str, Any]]:
    """Create the scorer `spacy_crf_tagger.tagger_scorer.v1`.

    RETURNS (Callable): `score_tagger`.
    """
    return score_tagger
