"""What a CRF has learned about tags that follow each other."""

from typing import Any, Dict, List, Optional

import numpy as np
from spacy.language import Language

from ...crf.arrays import to_numpy
from ...pipeline.base import CRFPipe
from .model import Transitions

_MOST_TAGS = 80


def read_transitions(
    nlp: Language, pipe: CRFPipe, frequencies: Dict[str, int]
) -> Optional[Transitions]:
    """Read the scores of pairs of tags.

    nlp (Language): The pipeline.
    pipe (CRFPipe): The component.
    frequencies (Dict[str, int]): How frequent labels are. Of many, the most frequent
        ones are shown.
    RETURNS (Optional[Transitions]): The scores; None if it has none.
    """
    potentials: Any = pipe.model.predict([nlp.make_doc("a")])
    if potentials.transitions is None:
        return None
    scores = np.asarray(to_numpy(potentials.transitions), np.float64)
    tags = pipe.tag_set.tags
    allowed = np.asarray(pipe.tag_set.constraints.transitions, bool)
    label_of = [tag if tag in pipe.labels else tag[2:] for tag in tags]
    outside = pipe.outside_tag
    kept = _frequent(list(pipe.labels), frequencies, len(tags))
    shown = [n for n, label in enumerate(label_of) if n == outside or label in kept]
    return Transitions(
        [tags[n] for n in shown],
        [
            [
                round(float(scores[row, column]), 3)
                if allowed[row, column] and np.isfinite(scores[row, column])
                else None
                for column in shown
            ]
            for row in shown
        ],
        len(pipe.labels) - len(kept),
    )


def _frequent(labels: List[str], frequencies: Dict[str, int], n_tags: int) -> List[str]:
    if n_tags <= _MOST_TAGS:
        return labels
    n_kept = max(_MOST_TAGS * len(labels) // n_tags, 1)
    return sorted(labels, key=lambda label: -frequencies.get(label, 0))[:n_kept]
