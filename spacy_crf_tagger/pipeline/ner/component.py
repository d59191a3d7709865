"""The `crf_ner` component: defaults, factory and class. Every spaCy process imports
this module.
"""

from dataclasses import replace
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
    cast,
)

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Config, Model

from ...crf import Lattice, Potentials, TagScheme
from ...crf.scheme import OUTSIDE
from ..annotation import Tags
from ..base import CRFPipe
from ..setting import Setting
from . import queries
from .annotation import EntityAnnotation, read_annotation
from .decoding import (
    Prediction,
    find_candidates,
    predict_entities,
    prediction_lattice,
)
from .objective import annotation_loss
from .queries import Analysis, Candidate, ScoredSpan, TokenMarginals
from .settings import Settings
from .writing import write_prediction

DEFAULT_CONFIG = """
[model]
@architectures = "spacy_crf_tagger.BiLSTMAttentionCRF.v1"
hidden_width = 256
depth = 1
attention_heads = 4
attention_width = 64
dropout = null
word_dropout = 0.05
output = "crf"
learn_rate_scale = 1.0
crf_learn_rate_scale = 1.0
window = 512
overlap = 64
first_tag_bias = 0.1
nO = null

[model.tok2vec]
@architectures = "spacy_crf_tagger.TypeEmbed.v1"
width = 128
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 2500]
include_static_vectors = false
form_dropout = 0.4
clusters = null
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_CONFIG)["model"]
DEFAULT_SETTINGS = Settings().to_cfg()
# Calibration finds it, and stores it with the weights.
del DEFAULT_SETTINGS["temperature"]
# Were these sections, spaCy would merge them with the user's before anybody has looked
# at those, and fail at keys that are no strings.
DEFAULT_SETTINGS["label_weights"] = None
DEFAULT_SETTINGS["label_floors"] = None


@Language.factory(
    "crf_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        **DEFAULT_SETTINGS,
        "scorer": {"@scorers": "spacy_crf_tagger.ner_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
        "ents_calib": 0.0,
        "ents_ece": None,
        "ents_brier": None,
    },
)
def make_crf_ner(
    nlp: Language,
    name: str,
    model: Model[List[Doc], Potentials],
    scheme: str,
    spans_key: Optional[str],
    decoder: str,
    threshold: Optional[float],
    presets: str,
    missing: str,
    entity_ratio: float,
    entity_ratio_margin: float,
    entity_ratio_weight: float,
    incorrect_spans_key: Optional[str],
    label_weights: Optional[Dict[str, float]],
    candidates_key: Optional[str],
    candidates_floor: float,
    label_floors: Optional[Dict[str, float]],
    scorer: Optional[Callable[..., Any]],
) -> "CRFEntityRecognizer":
    """Create a `crf_ner` component. What the settings mean is said at `Settings`.

    nlp (Language): The pipeline.
    name (str): The name of the component in the pipeline.
    model (Model[List[Doc], Potentials]): The model that scores tags.
    scheme (str): The tag scheme, `"biluo"` or `"bio"`.
    spans_key (Optional[str]): Where `doc.spans` holds predicted entities with scores.
    decoder (str): `"viterbi"` or `"mbr"`.
    threshold (Optional[float]): Least probability of an entity that is written.
    presets (str): `"respect"` or `"ignore"` what is set already.
    missing (str): What tokens without annotation are in training: `"latent"`,
        `"outside"` or `"expected_entity_ratio"`.
    entity_ratio (float): The expected share of tokens in entities.
    entity_ratio_margin (float): How far the share may be off at no cost.
    entity_ratio_weight (float): Weight of that cost.
    incorrect_spans_key (Optional[str]): Where `doc.spans` of the annotation holds spans
        that are no entities.
    label_weights (Optional[Dict[str, float]]): How many times its weight an analysis
        gets in training for each token that it gets wrong, by label.
    candidates_key (Optional[str]): Where `doc.spans` holds all spans that are more
        probable than their floor, predicted or not.
    candidates_floor (float): That floor.
    label_floors (Optional[Dict[str, float]]): The floors of single labels, in its
        place.
    scorer (Optional[Callable]): The scoring method.
    RETURNS (CRFEntityRecognizer): The component.
    RAISES (ValueError): For a setting that is not allowed.
    """
    component = CRFEntityRecognizer(
        nlp.vocab,
        model,
        name,
        scorer=scorer,
        scheme=scheme,
        spans_key=spans_key,
        decoder=decoder,
        threshold=threshold,
        presets=presets,
        missing=missing,
        entity_ratio=entity_ratio,
        entity_ratio_margin=entity_ratio_margin,
        entity_ratio_weight=entity_ratio_weight,
        incorrect_spans_key=incorrect_spans_key,
        label_weights=label_weights or {},
        candidates_key=candidates_key,
        candidates_floor=candidates_floor,
        label_floors=label_floors or {},
    )
    component.belong_to(nlp)
    return component


class CRFEntityRecognizer(CRFPipe):
    """Recognise entities with a conditional random field over the tags of a document.

    A drop-in for spaCy's `ner`: it sets `doc.ents`, keeps entities that are set
    already, and is trained by the same annotation.

    Answers to questions (`span_probabilities`, `marginals`, `k_best`, `sample`) are
    exact, conditional on the text and on what is known about it: entities and blocked
    tokens that are set (unless `presets` is `"ignore"`) and sentence starts. Entities
    that the component has itself predicted, which are those in `doc.spans[spans_key]`,
    are not taken for known. Documents are not changed. Probabilities are those at the
    `temperature`.
    """

    settings_type = Settings
    tag_settings = ("scheme",)
    advice = queries.ADVICE
    scores_setting = "spans_key"
    outside_tag = OUTSIDE

    spans_key = Setting[Optional[str]]()
    decoder = Setting[str]()
    threshold = Setting[Optional[float]]()
    presets = Setting[str]()
    missing = Setting[str]()
    entity_ratio = Setting[float]()
    entity_ratio_margin = Setting[float]()
    entity_ratio_weight = Setting[float]()
    incorrect_spans_key = Setting[Optional[str]]()
    label_weights = Setting[Mapping[str, float]]()
    candidates_key = Setting[Optional[str]]()
    candidates_floor = Setting[float]()
    label_floors = Setting[Mapping[str, float]]()

    # spaCy's `ner` has a default name, too.
    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[Doc], Potentials],
        name: str = "crf_ner",
        *,
        scorer: Optional[Callable[..., Any]] = None,
        **settings: Any,
    ) -> None:
        """Create the component.

        vocab (Vocab): The shared vocabulary.
        model (Model[List[Doc], Potentials]): The model that scores tags.
        name (str): The name of the component, under which losses are reported.
        scorer (Optional[Callable]): The scoring method.
        **settings (Any): The fields of `Settings`; those that are not given have their
            defaults. They are attributes, too, and can be changed, but for the
            scheme.
        RAISES (ValueError): For a setting that is not allowed, or a model that is not
            made for this component.
        """
        super().__init__(vocab, model, name, scorer=scorer, **settings)

    @property
    def settings(self) -> Settings:
        """RETURNS (Settings): The settings in `cfg`.

        RAISES (ValueError): If one is not allowed.
        """
        return cast(Settings, super().settings)

    @property
    def scheme(self) -> TagScheme:
        """RETURNS (TagScheme): The tags of the labels."""
        return cast(TagScheme, self.tag_set)

    def make_tags(self, labels: Sequence[str]) -> TagScheme:
        """RETURNS (TagScheme): The tags of labels."""
        return TagScheme(labels, self.settings.scheme)

    def find_labels(self, examples: Iterable[Example]) -> List[str]:
        """RETURNS (List[str]): The labels of annotated entities, sorted."""
        ents = (ent for example in examples for ent in example.reference.ents)
        # `update` refuses the deprecated notation "!LABEL".
        return sorted({e.label_ for e in ents if e.label_ and e.label_[0] != "!"})

    def check_labels(self) -> None:
        """Check that the weights and floors of labels are for labels.

        RAISES (ValueError): If they are not.
        """
        unknown = sorted(set(self.settings.label_weights) - {"O", *self.labels})
        if unknown:
            raise ValueError(
                f"Component '{self.name}': label_weights names {unknown}, but the "
                f"labels are {list(self.labels)}, and 'O' for tokens outside."
            )
        unknown = sorted(set(self.settings.label_floors) - set(self.labels))
        if unknown:
            raise ValueError(
                f"Component '{self.name}': label_floors names {unknown}, but the "
                f"labels are {list(self.labels)}."
            )

    def read_annotation(self, examples: Sequence[Example]) -> EntityAnnotation:
        """RETURNS (EntityAnnotation): The annotation of examples."""
        return read_annotation(examples, self.scheme, self.vocab.strings, self.settings)

    def loss(
        self, annotation: EntityAnnotation, potentials: Potentials
    ) -> Tuple[float, Potentials]:
        """RETURNS (Tuple[float, Potentials]): What annotation costs, and gradients."""
        return annotation_loss(annotation, potentials, self.scheme, self.settings)

    def lattice(self, docs: List[Doc], potentials: Potentials) -> Lattice:
        """RETURNS (Lattice): All analyses of documents, for questions to them."""
        settings = self.settings
        return prediction_lattice(
            potentials, self.scheme, docs, settings, settings.spans_key
        )

    def text_lattice(
        self, docs: List[Doc], potentials: Potentials, temperature: float
    ) -> Lattice:
        """RETURNS (Lattice): All analyses of texts, as if nothing were set."""
        settings = replace(self.settings, presets="ignore", temperature=temperature)
        return prediction_lattice(potentials, self.scheme, docs, settings)

    def known_tags(self, examples: Sequence[Example]) -> Tags:
        """RETURNS (NDArray[int]): The annotated tags, [N]."""
        settings = replace(self.settings, missing="latent", incorrect_spans_key=None)
        strings = self.vocab.strings
        return read_annotation(examples, self.scheme, strings, settings).tags

    def analyse(self, docs: List[Doc], potentials: Potentials) -> List[Prediction]:
        """RETURNS (List[Prediction]): The best entities, and their scores; and the
        candidates, if these are wanted.
        """
        settings = self.settings
        predictions = predict_entities(potentials, self.scheme, docs, settings)
        if settings.candidates_key is None:
            return predictions
        lattice = self.lattice(docs, potentials)
        candidates = find_candidates(lattice, self.scheme, settings)
        return [
            prediction._replace(candidates=own)
            for prediction, own in zip(predictions, candidates, strict=True)
        ]

    def set_annotations(
        self, docs: Union[Doc, Iterable[Doc]], predictions: List[Prediction]
    ) -> None:
        """Write predicted entities to documents, and with their scores to their span
        group. Entities and blocked tokens that are set already stay, unless they are
        to be ignored; they have no score. Candidates are written to a group of their
        own, if there is a `candidates_key`.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        predictions (List[Prediction]): The result of `predict`.
        """
        docs = [docs] if isinstance(docs, Doc) else docs
        settings = self.settings
        for doc, prediction in zip(docs, predictions, strict=True):
            write_prediction(doc, prediction, self.labels, settings)

    def span_probabilities(
        self,
        docs: Union[Doc, Iterable[Doc]],
        spans: Sequence[Sequence[Candidate]],
    ) -> List[NDArray[np.float64]]:
        """Compute the probability of candidate spans, predicted or not: that exactly
        this span is an entity of exactly this label (Culotta and McCallum 2004).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        spans (Sequence[Sequence[Union[Span, Tuple[int, int, str]]]]): The candidates
            for each document: spans with a label, or first token, token after the last
            and label. They may overlap. One takes time linear in its length.
        RETURNS (List[NDArray[float64]]): The probabilities for each document, in the
            order of its candidates.
        RAISES (ValueError): If there are not as many lists of candidates as documents,
            or a candidate is empty, out of bounds or of a label that there is not.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        with self._working():
            numbered = queries.number_candidates(docs, spans, self.labels)
            return queries.candidate_probabilities(
                self.lattices(docs), numbered, self.scheme
            )

    def candidates(
        self, docs: Union[Doc, Iterable[Doc]], floor: float
    ) -> List[List[ScoredSpan]]:
        """Find all spans that are more probable than a floor, predicted or not.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        floor (float): The probability, above zero. At no token can more than 1 / floor
            candidates overlap.
        RETURNS (List[List[ScoredSpan]]): The spans of each document with their
            probabilities, in the order of the text.
        RAISES (ValueError): If the floor is not above zero.
        """
        with self._working():
            return queries.probable_candidates(self.lattices(docs), floor, self.scheme)

    def marginals(self, docs: Union[Doc, Iterable[Doc]]) -> List[TokenMarginals]:
        """Compute the probabilities of tags and labels at each token, by the
        forward-backward recursions (Sutton and McCallum 2012, section 4.1).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        RETURNS (List[TokenMarginals]): The marginals of each document.
        """
        with self._working():
            return queries.token_marginals(self.lattices(docs), self.scheme)

    def k_best(self, docs: Union[Doc, Iterable[Doc]], k: int) -> List[List[Analysis]]:
        """Find the most probable analyses, by list Viterbi (Seshadri and Sundberg
        1994).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        k (int): How many; fewer are found if a document has fewer.
        RETURNS (List[List[Analysis]]): Different analyses of each document, the most
            probable first.
        RAISES (ValueError): If k is not positive.
        """
        with self._working():
            return queries.best_analyses(
                self.lattices(docs, copies=k), k, self.scheme, self.settings
            )

    def sample(
        self, docs: Union[Doc, Iterable[Doc]], n: int, *, seed: int = 0
    ) -> List[List[Tuple[Span, ...]]]:
        """Draw analyses independently of each other, each with its probability, by
        forward filtering and backward sampling (Scott 2002).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        n (int): How many.
        seed (int): The seed; the same one gives the same analyses of the same
            documents.
        RETURNS (List[List[Tuple[Span, ...]]]): The entities of each analysis of each
            document.
        RAISES (ValueError): If n is not positive.
        """
        with self._working():
            return queries.drawn_analyses(
                self.lattices(docs, copies=n), n, seed, self.scheme, self.settings
            )
