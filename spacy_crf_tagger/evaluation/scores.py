"""The scorer of `crf_ner`: scores of entities and of their probabilities."""

from typing import Any, Callable, Dict, Iterable, Optional

from spacy.scorer import get_ner_prf
from spacy.training import Example

from .reliability import entity_reliability


def score_ner(
    examples: Iterable[Example], *, spans_key: Optional[str] = None, **kwargs: Any
) -> Dict[str, Any]:
    """Score entities as `spacy.ner_scorer.v1` does, and their probabilities.

    examples (Iterable[Example]): Examples whose predicted documents are analysed.
    spans_key (Optional[str]): Where `doc.spans` holds the entities with their scores;
        None if it does not.
    **kwargs (Any): The other settings of the component.
    RETURNS (Dict[str, Any]): spaCy's scores; `ents_ece`, the expected calibration error
        over 10 bins of equal mass, and `ents_brier`, the Brier score: of both, less is
        better; and `ents_calib`, 1 − `ents_ece`, of which more is better, as
        `spacy train` wants it of what it chooses by. The errors are None where no
        entity with a score is predicted. There the calibration is 0: probabilities that
        are not given cannot be relied on. All are None without annotation.
    """
    examples = list(examples)
    scores: Dict[str, Any] = get_ner_prf(examples, **kwargs)
    measured = entity_reliability(examples, spans_key)
    calibration = None
    if measured.ece is not None:
        calibration = 1.0 - measured.ece
    elif spans_key is not None and scores["ents_f"] is not None:
        # `spacy train` forgets the weight of a score that is None once, as it would be
        # before the first step.
        calibration = 0.0
    return {
        **scores,
        "ents_ece": measured.ece,
        "ents_brier": measured.brier,
        "ents_calib": calibration,
    }


def make_ner_scorer() -> Callable[..., Dict[str, Any]]:
    """Create the scorer `spacy_crf_tagger.ner_scorer.v1`.

    RETURNS (Callable): `score_ner`.
    """
    return score_ner
