"""The `crf_tagger` component: its defaults, its factory, and what spaCy expects of a
trainable tagger. Every spaCy process imports this.
"""

from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Config, Model

from ...crf import Lattice, PlainTags, Potentials
from ..annotation import Mask
from ..base import CRFPipe
from ..setting import Setting
from . import queries
from .annotation import (
    NegatableAnnotation,
    find_labels,
    label_ids,
    read_annotation,
    set_tags,
)
from .attribute import TokenAttribute
from .decoding import TagPrediction, predict_tags, prediction_lattice, restrict
from .dictionary import (
    DictionaryMask,
    TagDictionary,
    check_dictionary,
    count_dictionary,
)
from .objective import annotation_loss
from .queries import TagAnalysis
from .settings import Pair, TaggerSettings

DEFAULT_CONFIG = """
[model]
@architectures = "spacy_crf_tagger.BiLSTMAttentionCRF.v1"
hidden_width = 224
depth = 1
attention_heads = 0
attention_width = 64
dropout = null
word_dropout = 0.05
output = "crf"
learn_rate_scale = 1.0
crf_learn_rate_scale = 1.0
window = 512
overlap = 64
first_tag_bias = 0.0
nO = null

[model.tok2vec]
@architectures = "spacy_crf_tagger.TypeEmbed.v1"
width = 128
attrs = ["NORM", "SHAPE", "PREFIX", "PREFIX2", "PREFIX3", "SUFFIX1", "SUFFIX2",
    "SUFFIX", "SUFFIX4"]
rows = [20000, 2500, 1000, 2500, 5000, 500, 1500, 5000, 10000]
include_static_vectors = false
form_dropout = 0.2
clusters = null
"""
DEFAULT_TAGGER_MODEL = Config().from_str(DEFAULT_CONFIG)["model"]


@Language.factory(
    "crf_tagger",
    assigns=["token.tag"],
    default_config={
        "model": DEFAULT_TAGGER_MODEL,
        "attribute": "TAG",
        "overwrite": False,
        "neg_prefix": "!",
        "label_smoothing": 0.0,
        "forbidden_pairs": [],
        "scores_key": None,
        "scorer": {"@scorers": "spacy_crf_tagger.tagger_scorer.v1"},
    },
    default_score_weights={"tag_acc": 1.0},
)
def make_crf_tagger(
    nlp: Language,
    name: str,
    model: Model[List[Doc], Potentials],
    attribute: str,
    overwrite: bool,
    neg_prefix: str,
    label_smoothing: float,
    forbidden_pairs: List[List[str]],
    scores_key: Optional[str],
    scorer: Optional[Callable[..., Any]],
) -> "CRFTagger":
    """Create a `crf_tagger` component. What the settings mean is said at
    `TaggerSettings`.

    nlp (Language): The pipeline.
    name (str): The name of the component in the pipeline.
    model (Model[List[Doc], Potentials]): The model that scores tags.
    attribute (str): `"TAG"`, `"POS"` or the name of an extension attribute, such as
        `"_.chunk"`.
    overwrite (bool): Whether tags that are set already are replaced.
    neg_prefix (str): What an annotated tag starts with that is known to be wrong.
    label_smoothing (float): The share of a known tag that is spread over the others.
    forbidden_pairs (List[List[str]]): Pairs of labels of which the second never follows
        the first.
    scores_key (Optional[str]): Where `doc.user_data` holds the probability of each tag.
    scorer (Optional[Callable]): The scoring method.
    RETURNS (CRFTagger): The component.
    RAISES (ValueError): For a setting that is not allowed.
    """
    component = CRFTagger(
        nlp.vocab,
        model,
        name,
        scorer=scorer,
        attribute=attribute,
        overwrite=overwrite,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
        forbidden_pairs=forbidden_pairs,
        scores_key=scores_key,
    )
    component.belong_to(nlp)
    return component


class CRFTagger(CRFPipe):
    """Tag tokens with a conditional random field over the tags of a document.

    A drop-in for spaCy's `tagger`: it sets `token.tag` (or another `attribute`), keeps
    tags that are set already, and is trained by the same annotation.

    Answers to questions (`marginals`, `tag_probabilities`, `k_best`, `sample`) are
    exact, conditional on the text, the tag dictionary and, by `given=True`, the tags
    that are set. Documents are not changed. Probabilities are those at the
    `temperature`.
    """

    settings_type = TaggerSettings
    tag_settings = ("forbidden_pairs",)
    advice = queries.ADVICE
    scores_setting = "scores_key"
    settings: TaggerSettings

    attribute = Setting[str]()
    overwrite = Setting[bool]()
    neg_prefix = Setting[str]()
    label_smoothing = Setting[float]()
    forbidden_pairs = Setting[Tuple[Pair, ...]]()
    scores_key = Setting[Optional[str]]()

    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[Doc], Potentials],
        name: str = "crf_tagger",
        *,
        scorer: Optional[Callable[..., Any]] = None,
        **settings: Any,
    ) -> None:
        """Create the component.

        vocab (Vocab): The shared vocabulary.
        model (Model[List[Doc], Potentials]): The model that scores tags.
        name (str): The name of the component, under which losses are reported.
        scorer (Optional[Callable]): The scoring method.
        **settings (Any): The fields of `TaggerSettings`; those that are not given have
            their defaults.
        RAISES (ValueError): For a setting that is not allowed, or a model that is not
            made for this component.
        """
        super().__init__(vocab, model, name, scorer=scorer, **settings)
        self.cfg["tag_dictionary"] = {}
        self._mask: Optional[Tuple[Tuple[str, ...], Any, DictionaryMask]] = None

    @property
    def token_attribute(self) -> TokenAttribute:
        """RETURNS (TokenAttribute): What reads and writes the attribute that is
        predicted.
        """
        return TokenAttribute(self.settings.attribute)

    @property
    def tag_dictionary(self) -> Dict[str, List[str]]:
        """RETURNS (Dict[str, List[str]]): The labels that known words can have. Set
        another one by `initialize`.
        """
        return dict(self.cfg["tag_dictionary"])

    def make_tags(self, labels: Sequence[str]) -> PlainTags:
        """RETURNS (PlainTags): One tag for each label."""
        return PlainTags(labels, self.settings.forbidden_pairs)

    def find_labels(self, examples: Iterable[Example]) -> List[str]:
        """RETURNS (List[str]): The annotated tags, sorted."""
        return find_labels(examples, self.token_attribute, self.settings.neg_prefix)

    def check_labels(self) -> None:
        """Check that forbidden pairs are of labels, and that the attribute can have
        the labels.

        RAISES (ValueError): If it is not so.
        """
        settings = self.settings
        named = {label for pair in settings.forbidden_pairs for label in pair}
        unknown = sorted(named - set(self.labels))
        if unknown:
            raise ValueError(
                f"Component '{self.name}': forbidden_pairs names {unknown}, but the "
                f"labels are {list(self.labels)}."
            )
        wrong = [
            label for label in self.labels if not self.token_attribute.allows(label)
        ]
        if wrong:
            raise ValueError(
                f"Component '{self.name}': {wrong} are no universal parts of speech, "
                'which is what attribute "POS" takes. Predict "TAG" instead.'
            )

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Iterable[str]] = None,
        tag_dictionary: Union[TagDictionary, int, None] = None,
    ) -> None:
        """Set up labels, fresh weights and the tag dictionary.

        get_examples (Callable[[], Iterable[Example]]): A representative sample of
            annotated examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Iterable[str]]): The labels, in place of those of the examples.
        tag_dictionary (Union[Mapping[str, Sequence[str]], int, None]): The labels that
            words can have in predictions; other words can have all. A number takes the
            words that are annotated at least so many times in the examples, with the
            labels that they have there. None for no dictionary.
        RAISES (ValueError): If there are no labels at all, or the dictionary has
            others.
        """
        super().initialize(get_examples, nlp=nlp, labels=labels)
        found: Dict[str, List[str]] = {}
        with self._working():
            if isinstance(tag_dictionary, bool):
                raise ValueError("tag_dictionary must be a dictionary or a number.")
            if isinstance(tag_dictionary, int):
                found = count_dictionary(
                    get_examples(), self.token_attribute, self.labels, tag_dictionary
                )
            elif tag_dictionary is not None:
                found = check_dictionary(tag_dictionary, self.labels)
        self.cfg["tag_dictionary"] = found

    def read_annotation(self, examples: Sequence[Example]) -> NegatableAnnotation:
        """RETURNS (NegatableAnnotation): The annotation of examples."""
        return read_annotation(
            examples,
            self.token_attribute,
            self.labels,
            self.vocab.strings,
            self.settings.neg_prefix,
        )

    def loss(
        self, annotation: NegatableAnnotation, potentials: Potentials
    ) -> Tuple[float, Potentials]:
        """RETURNS (Tuple[float, Potentials]): What annotation costs, and gradients."""
        smoothing = self.settings.label_smoothing
        return annotation_loss(annotation, potentials, self.tag_set, smoothing)

    def lattice(
        self, docs: List[Doc], potentials: Potentials, *, given: bool = False
    ) -> Lattice:
        """Build the lattice of all tags that documents can have.

        docs (List[Doc]): The documents.
        potentials (Potentials): Their scores.
        given (bool): Whether the tags that are set are known to be right.
        RETURNS (Lattice): The lattice, at the `temperature`.
        """
        allowed = self._dictionary_mask(docs)
        if given and len(potentials.emissions):
            tags = set_tags(docs, self.token_attribute, self.labels)
            allowed = restrict(allowed, tags, len(self.labels))
        temperature = self.settings.temperature
        return prediction_lattice(potentials, self.tag_set, temperature, allowed)

    def text_lattice(
        self, docs: List[Doc], potentials: Potentials, temperature: float
    ) -> Lattice:
        """RETURNS (Lattice): All tags that texts can have, as if none were set."""
        allowed = self._dictionary_mask(docs)
        return prediction_lattice(potentials, self.tag_set, temperature, allowed)

    def analyse(self, docs: List[Doc], potentials: Potentials) -> List[TagPrediction]:
        """RETURNS (List[TagPrediction]): The best tags, and their probabilities."""
        settings = self.settings
        lattice = self.lattice(docs, potentials, given=not settings.overwrite)
        return predict_tags(lattice, settings.scores_key is not None)

    def set_annotations(
        self, docs: Union[Doc, Iterable[Doc]], predictions: List[TagPrediction]
    ) -> None:
        """Write predicted tags to documents, and their probabilities to
        `doc.user_data[scores_key]`. Tags that are set already stay, unless they are to
        be overwritten.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        predictions (List[TagPrediction]): The result of `predict`.
        """
        docs = [docs] if isinstance(docs, Doc) else docs
        settings, attribute = self.settings, self.token_attribute
        own_ids = label_ids(self.labels, self.vocab.strings)
        for doc, prediction in zip(docs, predictions, strict=True):
            if len(doc):
                ids = own_ids[prediction.tags]
                if not settings.overwrite and attribute.is_set(doc):
                    present = attribute.read(doc)
                    ids = np.where(present != 0, present, ids)
                attribute.write(doc, ids)
            if settings.scores_key is not None and prediction.scores is not None:
                doc.user_data[settings.scores_key] = prediction.scores

    def marginals(
        self, docs: Union[Doc, Iterable[Doc]], *, given: bool = False
    ) -> List[NDArray[np.float64]]:
        """Compute the probabilities of tags at each token, by the forward-backward
        recursions (Sutton and McCallum 2012, section 4.1).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        given (bool): Whether the tags that are set are known to be right.
        RETURNS (List[NDArray[float64]]): The probability of each of `labels` at each
            token, for each document, [N, K].
        """
        with self._working():
            return queries.tag_marginals(self.lattices(docs, given=given))

    def tag_probabilities(
        self,
        docs: Union[Doc, Iterable[Doc]],
        tags: Optional[Sequence[Sequence[str]]] = None,
    ) -> List[NDArray[np.float64]]:
        """Compute the probability of one tag of each token.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        tags (Optional[Sequence[Sequence[str]]]): A tag for each token of each document;
            those that are set, if None.
        RETURNS (List[NDArray[float64]]): The probabilities of each document, [N].
        RAISES (ValueError): If a token has no tag, or one that is no label.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        with self._working():
            if tags is None:
                strings, attribute = self.vocab.strings, self.token_attribute
                ids = [attribute.read(doc).tolist() for doc in docs]
                tags = [[strings[n] for n in of_doc] for of_doc in ids]
            marginals = queries.tag_marginals(self.lattices(docs))
            return queries.probabilities_of_tags(docs, marginals, tags, self.labels)

    def k_best(
        self, docs: Union[Doc, Iterable[Doc]], k: int, *, given: bool = False
    ) -> List[List[TagAnalysis]]:
        """Find the most probable analyses, by list Viterbi (Seshadri and Sundberg
        1994).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        k (int): How many; fewer are found if a document has fewer.
        given (bool): Whether the tags that are set are known to be right.
        RETURNS (List[List[TagAnalysis]]): Different analyses of each document, the most
            probable first.
        RAISES (ValueError): If k is not positive.
        """
        with self._working():
            lattices = self.lattices(docs, copies=k, given=given)
            return queries.best_analyses(lattices, k, self.labels)

    def sample(
        self,
        docs: Union[Doc, Iterable[Doc]],
        n: int,
        *,
        seed: int = 0,
        given: bool = False,
    ) -> List[List[Tuple[str, ...]]]:
        """Draw analyses independently of each other, each with its probability, by
        forward filtering and backward sampling (Scott 2002).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        n (int): How many.
        seed (int): The seed; the same one gives the same analyses of the same
            documents.
        given (bool): Whether the tags that are set are known to be right.
        RETURNS (List[List[Tuple[str, ...]]]): The tags of each analysis of each
            document.
        RAISES (ValueError): If n is not positive.
        """
        with self._working():
            lattices = self.lattices(docs, copies=n, given=given)
            return queries.drawn_analyses(lattices, n, seed, self.labels)

    def _dictionary_mask(self, docs: Sequence[Doc]) -> Optional[Mask]:
        dictionary = self.cfg["tag_dictionary"]
        if not dictionary:
            return None
        if (
            self._mask is None
            or self._mask[0] != self.labels
            or (self._mask[1] is not dictionary)
        ):
            made = DictionaryMask(dictionary, self.labels, self.vocab.strings)
            self._mask = self.labels, dictionary, made
        return self._mask[2].of(docs)
