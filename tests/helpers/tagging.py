"""Small taggers, and annotation of known probability."""

from typing import Any, Dict, List

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_crf_tagger.pipeline.tagger.component import CRFTagger
from tests.helpers.component import TEXTS, randomize, small_model

TAGS = ["D", "N", "P", "V"]


def tagger_of(nlp: Language) -> CRFTagger:
    [tagger] = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, CRFTagger)]
    return tagger


def make_unsure_tagger(**settings: Any) -> Language:
    """A tagger whose probabilities are of all sizes."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = small_model(first_tag_bias=0.0)
    tagger = nlp.add_pipe("crf_tagger", config={"model": model, **settings})
    for tag in TAGS:
        tagger.add_label(tag)
    sample = Example(nlp.make_doc("the cat"), Doc(nlp.vocab, words=["the", "cat"]))
    nlp.initialize(lambda: [sample])
    randomize(tagger, seed=3, scale=0.5)
    return nlp


def sample_tags(nlp: Language, temperature: float, n: int) -> List[Example]:
    """Examples annotated with what the tagger finds likely at a temperature, except for
    the first token of each document. The tagger keeps the temperature that it has.
    """
    tagger = tagger_of(nlp)
    before = tagger.cfg["temperature"]
    tagger.cfg["temperature"] = temperature
    docs = [nlp.make_doc(text) for text in TEXTS]
    examples = []
    for doc, draws in zip(docs, tagger.sample(docs, n), strict=True):
        for tags in draws:
            reference = doc.copy()
            for token, tag in list(zip(reference, tags, strict=True))[1:]:
                token.tag_ = tag
            examples.append(Example(nlp.make_doc(doc.text), reference))
    tagger.cfg["temperature"] = before
    return examples


def tag_scores(
    nlp: Language, examples: List[Example], temperature: float
) -> Dict[str, Any]:
    """What a tagger that writes probabilities scores at a temperature."""
    tagger = tagger_of(nlp)
    before = dict(tagger.cfg)
    tagger.cfg.update(temperature=temperature, scores_key="probabilities")
    scores = nlp.evaluate(examples)
    tagger.cfg.update(before)
    return scores
