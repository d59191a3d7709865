"""From texts to plain data, by a spaCy pipeline. Knows nothing of the web."""

import logging

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_crf_tagger.evaluation.display import entity_scores

from .schema import Document, Entity

# The setting `spans_key` of crf_ner.
SPANS_KEY = "crf_ner"
# Of several lengths, so that the first request finds everything prepared.
WARM_UP = ["Ada", "Ada Merrick drew Saturn.", "Ada Merrick drew Saturn. " * 50]
FAILED = "The pipeline has failed on this text. The log of the service says why."

logger = logging.getLogger(__name__)


class Annotator:
    """A pipeline that answers with plain data. Use it in one thread: a memory zone is
    open for all threads that share a pipeline.

    nlp (Language): The pipeline.
    """

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp

    @classmethod
    def load(cls, pipeline: str) -> "Annotator":
        """Load a pipeline, and call it once, which loads what it computes with.

        pipeline (str): The name of a package, or a path.
        RETURNS (Annotator): The annotator.
        RAISES (ValueError): If the pipeline fails on any text.
        """
        annotator = cls(spacy.load(pipeline))
        if any(document.error for document in annotator(WARM_UP)):
            raise ValueError(f"The pipeline {pipeline} fails. The log says why.")
        return annotator

    def __call__(self, texts: list[str]) -> list[Document]:
        """Annotate texts.

        texts (list[str]): The texts.
        RETURNS (list[Document]): One for each. A text that the pipeline fails on has
            an error, and the others are answered all the same.
        """
        # What the vocab learns from these texts is forgotten behind them. Docs must not
        # leave the zone.
        with self.nlp.memory_zone():
            try:
                return [describe(doc) for doc in self.nlp.pipe(texts)]
            except Exception:
                logger.exception("A batch has failed: each text is tried alone")
                return [self._try(text) for text in texts]

    def _try(self, text: str) -> Document:
        try:
            return describe(self.nlp(text))
        except Exception:
            logger.exception("A text of %d characters has failed", len(text))
            return Document(error=FAILED)


def describe(doc: Doc) -> Document:
    """RETURNS (Document): The entities of a Doc as plain data."""
    if SPANS_KEY in doc.spans:
        scores = entity_scores(doc, SPANS_KEY)
    else:
        scores = [None] * len(doc.ents)
    entities = [
        Entity(
            text=ent.text,
            label=ent.label_,
            start=ent.start_char,
            end=ent.end_char,
            probability=score,
        )
        for ent, score in zip(doc.ents, scores, strict=True)
    ]
    return Document(entities=entities)
