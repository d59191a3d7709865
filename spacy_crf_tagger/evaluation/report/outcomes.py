"""What is annotated in a document, and what a pipeline has found in it."""

from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB
from spacy.tokens import Doc
from spacy.training import Example

from ...pipeline.tagger.attribute import TokenAttribute
from ..display import first_scores


class Unit(NamedTuple):
    """An entity, or a tag of one token.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): Its label.
    """

    start: int
    end: int
    label: str


class Outcome(NamedTuple):
    """What is annotated in a document, beside what is predicted, in the same tokens.

    doc (Doc): The document whose tokens are meant.
    gold (List[Unit]): What is annotated, in the order of the text.
    predicted (List[Unit]): What is predicted, in the order of the text.
    probabilities (List[Optional[float]]): The probability of each prediction, as far as
        there is one.
    """

    doc: Doc
    gold: List[Unit]
    predicted: List[Unit]
    probabilities: List[Optional[float]]


def read_entities(example: Example, spans_keys: Sequence[str]) -> Optional[Outcome]:
    """Read entities as spaCy's scorer does: in the tokens of the annotation, and
    without predictions that touch a token without annotation.

    example (Example): An example whose predicted document is analysed.
    spans_keys (Sequence[str]): Where its `doc.spans` holds entities with scores.
    RETURNS (Optional[Outcome]): The entities; None if nothing is annotated.
    RAISES (ValueError): If a span group with scores is missing.
    """
    x, y = example.x, example.y
    if not y.has_annotation("ENT_IOB"):
        return None
    gold = [Unit(ent.start, ent.end, ent.label_) for ent in y.ents]
    predicted: List[Unit] = []
    probabilities: List[Optional[float]] = []
    if x.ents:
        missing = y.to_array([ENT_IOB]).ravel() == 0
        scores = first_scores(x, x.ents, spans_keys)
        same = _have_same_tokens(x, y)
        for ent, score in zip(x.ents, scores, strict=True):
            unit = Unit(ent.start, ent.end, ent.label_)
            aligned = unit if same else _aligned(example, unit)
            if aligned is None or missing[aligned.start : aligned.end].any():
                continue
            predicted.append(aligned)
            probabilities.append(score)
    return Outcome(y, gold, predicted, probabilities)


def read_tags(
    example: Example, attribute: TokenAttribute, scores_key: Optional[str]
) -> Optional[Outcome]:
    """Read the tags of the predicted tokens whose annotated tokens agree on one.

    example (Example): An example whose predicted document is tagged.
    attribute (TokenAttribute): Where the tags are.
    scores_key (Optional[str]): Where its `doc.user_data` holds the score of each tag.
    RETURNS (Optional[Outcome]): The tags; None if no token has one to compare with.
    """
    x = example.x
    gold = attribute.read_aligned(example)
    known = np.flatnonzero(gold)
    if not len(known):
        return None
    found = attribute.read(x)[known]
    scores: Optional[NDArray[np.float64]] = None
    if scores_key is not None and len(x.user_data.get(scores_key, ())) == len(x):
        scores = np.asarray(x.user_data[scores_key], np.float64)[known]
    of_gold, of_found = gold[known].tolist(), found.tolist()
    strings = x.vocab.strings
    names: Dict[int, str] = {
        number: strings[number] if number else "" for number in {*of_gold, *of_found}
    }
    tokens = known.tolist()
    return Outcome(
        x,
        [Unit(i, i + 1, names[n]) for i, n in zip(tokens, of_gold, strict=True)],
        [Unit(i, i + 1, names[n]) for i, n in zip(tokens, of_found, strict=True)],
        [None] * len(tokens) if scores is None else [float(s) for s in scores],
    )


def _have_same_tokens(x: Doc, y: Doc) -> bool:
    return len(x) == len(y) and bool((x.to_array("ORTH") == y.to_array("ORTH")).all())


def _aligned(example: Example, unit: Unit) -> Optional[Unit]:
    tokens = example.alignment.x2y[unit.start : unit.end]
    if not len(tokens):
        return None
    return Unit(int(tokens[0]), int(tokens[-1]) + 1, unit.label)
