"""Probabilities as the scores of Presidio, which finds and hides personal data.

Presidio comes with the extra `presidio`, and is imported only here.
"""

from typing import Any, Dict, Iterator, List, Tuple

from spacy.tokens import Doc

from ..pipeline.ner.component import CRFEntityRecognizer
from .display import entity_scores

try:
    from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine
except ImportError as error:
    raise ImportError(
        'Presidio is missing: pip install "spacy-crf-tagger[presidio]"'
    ) from error


class CRFNlpEngine(SpacyNlpEngine):
    """The NLP engine of Presidio for pipelines with a `crf_ner`. The score of each
    entity is the probability that `crf_ner` gives it. Presidio has 0.85 for all
    entities of other pipelines.

    A label that the configuration does not map to an entity of Presidio is an entity of
    its own, unless it is ignored. Entities that something else has set, such as an
    `entity_ruler`, have the `default_score` of the configuration. Where a pipeline has
    no lemmas, Presidio looks for words as they stand in the context of an entity.

    models (Optional[List[Dict[str, str]]]): The pipeline of each language, by the name
        of its package or its path: `[{"lang_code": "en", "model_name": "en_mine"}]`.
    ner_model_configuration (Optional[NerModelConfiguration]): The entities of Presidio
        that labels are mapped to, and labels to ignore.
    """

    engine_name = "crf"
    nlp: Any
    ner_model_configuration: Any

    def load(self) -> None:
        """Load the pipelines, and make their labels entities of Presidio.

        RAISES (ValueError): If a pipeline has no `crf_ner` that writes probabilities.
        """
        super().load()
        configuration = self.ner_model_configuration
        mapping = dict(configuration.model_to_presidio_entity_mapping or {})
        for language, nlp in self.nlp.items():
            writers = _writers_of_probabilities(nlp)
            if not writers:
                self.nlp = None
                raise ValueError(
                    f"The pipeline for language {language!r} has no crf_ner that "
                    f"writes probabilities, only {nlp.pipe_names}. Set spans_key if it "
                    "is null; for another pipeline, use Presidio's SpacyNlpEngine."
                )
            for label in (label for each in writers for label in each.labels):
                mapping.setdefault(label, label)
        # Others may have the same configuration.
        self.ner_model_configuration = configuration.model_copy(
            update={"model_to_presidio_entity_mapping": mapping}
        )

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """Annotate a text.

        text (str): The text.
        language (str): The code of its language.
        RETURNS (NlpArtifacts): Its entities, their scores, tokens and lemmas.
        """
        return self._complete(super().process_text(text, language), language)

    def process_batch(
        self, texts: Any, language: str, *args: Any, **kwargs: Any
    ) -> Iterator[Tuple[Any, ...]]:
        """Annotate texts by `nlp.pipe`.

        texts (Any): The texts, or pairs of a text and its context.
        language (str): The code of their language.
        *args (Any): What else the engine of Presidio takes.
        **kwargs (Any): The same.
        YIELDS (Tuple[Any, ...]): Each text, its `NlpArtifacts`, and its context if it
            has one.
        """
        batch = super().process_batch(texts, language, *args, **kwargs)
        for text, artifacts, *context in batch:
            yield (text, self._complete(artifacts, language), *context)

    def _complete(self, artifacts: NlpArtifacts, language: str) -> NlpArtifacts:
        doc = artifacts.tokens
        probabilities = self._probabilities(doc, language)
        artifacts.scores = [
            probabilities.get((entity.start, entity.end), score)
            for entity, score in zip(artifacts.entities, artifacts.scores, strict=True)
        ]
        if not doc.has_annotation("LEMMA"):
            artifacts.lemmas = [token.lower_ for token in doc]
            artifacts.keywords = artifacts.set_keywords(
                self, artifacts.lemmas, language
            )
        return artifacts

    def _probabilities(self, doc: Doc, language: str) -> Dict[Tuple[int, int], float]:
        """RETURNS (Dict[Tuple[int, int], float]): The probability of each entity that
        has one, by its first token and the token behind its last: no other is there.
        """
        found = {}
        configuration = self.ner_model_configuration
        mapping = configuration.model_to_presidio_entity_mapping
        for writer in _writers_of_probabilities(self.nlp[language]):
            scores = entity_scores(doc, writer.settings.spans_key or "")
            for entity, score in zip(doc.ents, scores, strict=True):
                if score is None:
                    continue
                label = mapping.get(entity.label_, entity.label_)
                if label in configuration.low_score_entity_names:
                    score *= configuration.low_confidence_score_multiplier
                found[entity.start, entity.end] = score
        return found


def _writers_of_probabilities(nlp: Any) -> List[CRFEntityRecognizer]:
    return [
        pipe
        for _, pipe in nlp.pipeline
        if isinstance(pipe, CRFEntityRecognizer) and pipe.settings.spans_key is not None
    ]
