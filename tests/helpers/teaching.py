"""Small pipelines that teach and learn."""

from typing import Any, List, Sequence

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam

from spacy_crf_tagger.pipeline.ner.component import CRFEntityRecognizer
from tests.helpers.component import make_nlp, randomize, recognizer

LABELS = ("PERSON", "PLACE")
WORDS = [
    "We",
    "left",
    "New",
    "York",
    "for",
    "Paris",
    ",",
    "and",
    "Ada",
    "Lovelace",
    "met",
    "Grace",
]


def initialized(
    scheme: str = "biluo", labels: Sequence[str] = LABELS, **settings: Any
) -> Language:
    """RETURNS a pipeline with a component that has fresh weights."""
    nlp = make_nlp(scheme, labels, **settings)
    doc = nlp.make_doc("We left")
    nlp.initialize(lambda: [Example(doc, doc)])
    return nlp


def unsure(
    scheme: str = "biluo",
    labels: Sequence[str] = LABELS,
    seed: int = 1,
    **settings: Any,
) -> Language:
    """RETURNS a pipeline whose probabilities are of all sizes."""
    nlp = initialized(scheme, labels, first_tag_bias=0.0, **settings)
    randomize(recognizer(nlp), seed=seed, scale=0.5)
    return nlp


def docs_of(nlp: Language, n: int = 4) -> List[Doc]:
    rng = np.random.default_rng(0)
    lengths = [0, *rng.integers(1, len(WORDS), size=n - 1)]
    return [Doc(nlp.vocab, words=WORDS[:length]) for length in lengths]


def distil(
    student: CRFEntityRecognizer,
    teacher: Any,
    teacher_docs: Sequence[Doc],
    student_docs: Sequence[Doc],
    steps: int,
    **options: Any,
) -> List[float]:
    """RETURNS the loss of each step."""
    sgd = Adam(0.05)
    return [
        student.distill(teacher, teacher_docs, student_docs, sgd=sgd, **options)[
            student.name
        ]
        for _ in range(steps)
    ]
