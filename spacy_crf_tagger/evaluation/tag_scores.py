"""The scorer of `crf_tagger`."""

from typing import Any, Callable, Dict, Iterable

from spacy.scorer import Scorer
from spacy.tokens import Token
from spacy.training import Example


def score_tags(
    examples: Iterable[Example], *, attribute: str = "TAG", **kwargs: Any
) -> Dict[str, Any]:
    """Score the tags of tokens as `spacy.tagger_scorer.v1` does.

    examples (Iterable[Example]): Examples whose predicted documents are tagged.
    attribute (str): The attribute that was predicted.
    **kwargs (Any): The other settings of the component.
    RETURNS (Dict[str, Any]): The accuracy, `tag_acc` or `pos_acc`; for an extension
        attribute `_.NAME` it is called `NAME_acc`. None without annotation.
    """
    if not attribute.startswith("_."):
        scores: Dict[str, Any] = Scorer.score_token_attr(examples, attribute.lower())
        return scores

    def value_of(token: Token, name: str) -> Any:
        value = token._.get(name)
        return token.vocab.strings.add(value) if value else 0

    return dict(Scorer.score_token_attr(examples, attribute[2:], getter=value_of))


def make_tagger_scorer() -> Callable[..., Dict[str, Any]]:
    """Create the scorer `spacy_crf_tagger.tagger_scorer.v1`.

    RETURNS (Callable): `score_tags`.
    """
    return score_tags
