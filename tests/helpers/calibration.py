"""Annotation of known probability, and short trainings."""

import sys
from itertools import chain, repeat
from pathlib import Path
from typing import Any, List, Sequence

import numpy as np
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train

from tests.helpers.component import (
    TEXTS,
    make_examples,
    make_nlp,
    randomize,
    recognizer,
    small_model,
)

LABELS = ("PERSON", "PLACE")


def make_unsure(scheme: str = "biluo") -> Language:
    """A pipeline that finds many entities, with probabilities of all sizes."""
    nlp = make_nlp(scheme, LABELS)
    nlp.initialize(lambda: make_examples(nlp))
    randomize(recognizer(nlp), seed=3, scale=0.5)
    return nlp


def sample_annotation(
    nlp: Language,
    temperature: float,
    n: int,
    texts: Sequence[str] = TEXTS,
    seed: int = 0,
) -> List[Example]:
    """Examples annotated with what the pipeline finds likely at a temperature. It keeps
    that temperature.
    """
    ner = recognizer(nlp)
    ner.cfg["temperature"] = temperature
    docs = [nlp.make_doc(text) for text in texts]
    examples = []
    drawn = ner.sample(docs, n, seed=seed)
    for doc, ents in chain.from_iterable(
        zip(repeat(doc), of_doc) for doc, of_doc in zip(docs, drawn, strict=True)
    ):
        reference = doc.copy()
        reference.set_ents(list(ents), default="outside")
        examples.append(Example(nlp.make_doc(doc.text), reference))
    return examples


def log_loss(nlp: Language, examples: Sequence[Example], temperature: float) -> float:
    """Minus the mean log probability of the tags that `get_aligned_ner` reads, by the
    answers that a user gets.
    """
    ner = recognizer(nlp)
    ner.cfg["temperature"] = temperature
    numbers = {tag: n for n, tag in enumerate(ner.scheme.tags)}
    losses = [
        -np.log(marginals.tags[token, numbers[tag]])
        for example, marginals in zip(
            examples, ner.marginals([example.x for example in examples]), strict=True
        )
        for token, tag in enumerate(example.get_aligned_ner())
        if tag in numbers
    ]
    return float(np.mean(losses))


def save_references(examples: Sequence[Example], path: Path) -> Path:
    DocBin(docs=[example.reference for example in examples]).to_disk(path)
    return path


def train_shortly(
    corpus: Path,
    output: Path,
    before_to_disk: Any = None,
    use_averages: bool = True,
    calibration_weight: float = 0.0,
    **settings: Any,
) -> Path:
    """Run the loop of `spacy train`. RETURNS where the best pipeline is."""
    nlp = make_nlp()
    config = nlp.config
    config["components"]["crf_ner"].update(model=small_model(), **settings)
    config["paths"].update(train=str(corpus), dev=str(corpus))
    training = config["training"]
    training.update(max_steps=20, eval_frequency=10, before_to_disk=before_to_disk)
    training["optimizer"].update(learn_rate=0.01, use_averages=use_averages)
    training["score_weights"]["ents_calib"] = calibration_weight
    output.mkdir(parents=True)
    train(init_nlp(config), output, stdout=sys.stdout)
    return output / "model-best"
