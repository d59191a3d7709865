"""The `crf_ner` pipeline component: what spaCy expects of a trainable recogniser."""

from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
    cast,
)

from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import check_lexeme_norms
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate

from . import gold
from .crf import Potentials, TagScheme
from .objective import (
    LabelledSpan,
    annotation_loss,
    best_analyses,
    group_by_tokens,
    rehearsal_loss,
)

# Tokens that are predicted at once: bounds memory, whatever `nlp.pipe` passes.
_MAX_TOKENS = 2**16


class CRFEntityRecognizer(TrainablePipe):  # type: ignore[misc]
    """Recognise entities with a conditional random field over the tags of a document.

    A drop-in for spaCy's `ner`: it sets `doc.ents`, keeps entities that are set
    already, and is trained by the same annotation.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[Doc], Potentials],
        name: str = "crf_ner",
        *,
        scheme: str = "biluo",
        scorer: Optional[Callable[..., Any]] = None,
    ) -> None:
        """Create the component.

        vocab (Vocab): The shared vocabulary.
        model (Model[List[Doc], Potentials]): The model that scores tags.
        name (str): The name of the component, under which losses are reported.
        scheme (str): The tag scheme: `"biluo"`, or `"bio"` with fewer tags for many
            labels.
        scorer (Optional[Callable]): The scoring method.
        RAISES (ValueError): For an unknown tag scheme, or a model that is not made for
            this component.
        """
        shims = model.layers[-1].shims if model.layers else []
        if not shims or not hasattr(shims[0], "network"):
            raise ValueError(
                f"Component '{name}': its model must be built by "
                "spacy_crf_tagger.BiLSTMAttentionCRF.v1, which scores tags; got "
                f"'{model.name}'."
            )
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self._rehearsal_model: Optional[Model[List[Doc], Potentials]] = None
        self.cfg: Dict[str, Any] = dict(
            sorted({"labels": [], "scheme": scheme}.items())
        )
        self._scheme = TagScheme([], scheme)

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The labels that the component predicts."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> List[str]:
        """RETURNS (List[str]): The labels, in a form that `initialize` accepts."""
        return list(self.cfg["labels"])

    @property
    def scheme(self) -> TagScheme:
        """RETURNS (TagScheme): The tags of the labels."""
        if (self._scheme.labels, self._scheme.name) != (
            self.labels,
            self.cfg["scheme"],
        ):
            self._scheme = TagScheme(self.labels, self.cfg["scheme"])
        return self._scheme

    def add_label(self, label: str) -> int:
        """Add a label. Its probability is exactly zero, and all others stay what they
        are (to float32 rounding), until the component is trained by `update`.

        label (str): The label to add.
        RETURNS (int): 0 if the label is present already, otherwise 1.
        RAISES (ValueError): If the label is not a string, or empty.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        if label in self.labels:
            return 0
        extended = TagScheme([*self.labels, label], self.cfg["scheme"])
        if self._is_initialized:
            self.set_output(extended.n_tags)
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Iterable[str]] = None,
    ) -> None:
        """Set up labels and fresh weights.

        get_examples (Callable[[], Iterable[Example]]): A representative sample of
            annotated examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Iterable[str]]): The labels, in place of those of the examples.
        RAISES (ValueError): If there are no labels at all.
        """
        validate_get_examples(get_examples, "CRFEntityRecognizer.initialize")
        check_lexeme_norms(self.vocab, "crf_ner")
        if labels is not None:
            found: Iterable[str] = labels
        else:
            found = sorted(
                {
                    span.label_
                    for example in get_examples()
                    for span in example.reference.ents
                    # `update` refuses the deprecated notation "!LABEL".
                    if span.label_ and not span.label_.startswith("!")
                }
            )
        new = [label for label in found if label not in self.labels]
        # Checked as a whole, before anything is changed.
        scheme = TagScheme([*self.labels, *new], self.cfg["scheme"])
        self.cfg["labels"].extend(new)
        for label in new:
            self.vocab.strings.add(label)
        self._require_labels()
        sample = [example.x for example in islice(get_examples(), 10)]
        for node in (self.model, self._tagger):
            node.set_dim("nO", scheme.n_tags, force=True)
        self.model.initialize(X=[doc for doc in sample if len(doc)] or sample)

    def predict(self, docs: Union[Doc, Iterable[Doc]]) -> List[List[LabelledSpan]]:
        """Find the best analysis of documents, without changing them.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        RETURNS (List[List[Tuple[int, int, int]]]): The entities of each document: first
            token, token after the last, and label index.
        RAISES (ValueError): If the component is not initialised or its weights are
            damaged.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        if not any(len(doc) for doc in docs):
            return [[] for _ in docs]
        if not self._is_initialized:
            raise ValueError(Errors.E109.format(name=self.name))
        predictions: List[List[LabelledSpan]] = []
        with self._naming_errors():
            for group in group_by_tokens(docs, _MAX_TOKENS):
                predictions.extend(self._predict_group(group))
        return predictions

    def set_annotations(
        self, docs: Union[Doc, Iterable[Doc]], predictions: List[List[LabelledSpan]]
    ) -> None:
        """Write predicted entities to documents. Entities and blocked tokens that are
        set already stay.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        predictions (List[List[Tuple[int, int, int]]]): The result of `predict`.
        """
        docs = [docs] if isinstance(docs, Doc) else docs
        for doc, spans in zip(docs, predictions, strict=True):
            ents, blocked = gold.preset_spans(doc) if len(doc) else ([], [])
            taken = {token.i for span in (*ents, *blocked) for token in span}
            ents += [
                Span(doc, start, end, label=self.labels[label])
                for start, end, label in spans
                if start not in taken
            ]
            doc.set_ents(ents, blocked=blocked, default="outside")

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from annotated documents. Tokens without annotation are latent; labels
        that were not there are added.

        examples (Iterable[Example]): The examples.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer; None or False to only accumulate
            gradients.
        losses (Optional[Dict[str, float]]): Losses to add to, by component name.
        RETURNS (Dict[str, float]): The losses; ours is the negative log-likelihood of
            the annotation, in nats, summed over the documents.
        RAISES (ValueError): If the annotation is malformed or scores are NaN.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "CRFEntityRecognizer.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        if not self._is_initialized:
            raise ValueError(Errors.E109.format(name=self.name))
        with self._naming_errors():
            # Before the forward pass, since new labels make the model grow.
            tags = self._annotated_tags(examples)
            self._shim.wake()
            set_dropout_rate(self.model, drop)
            docs = [example.predicted for example in examples]
            potentials, backprop = self.model.begin_update(docs)
            loss, gradients = annotation_loss(tags, potentials, self.scheme)
        # Listeners count on exactly one backprop a batch, annotated or not.
        backprop(gradients)
        if sgd:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: Potentials
    ) -> Tuple[float, Potentials]:
        """Compute the loss and its gradients. Labels that were added since the last
        `update` have probability zero, so their annotation is an error here.

        examples (Iterable[Example]): The examples.
        scores (Potentials): The scores of the model for their predicted documents.
        RETURNS (Tuple[float, Potentials]): The negative log-likelihood of the
            annotation in nats, summed over the documents, and the gradients of its
            mean over the documents. Zero where all annotation is missing.
        RAISES (ValueError): If the annotation has labels that the component does not
            have, is malformed, or scores are NaN.
        """
        examples = list(examples)
        validate_examples(examples, "CRFEntityRecognizer.get_loss")
        with self._naming_errors():
            annotation = gold.annotated_tags(examples, self.scheme, self.vocab.strings)
            if annotation.new_labels:
                raise ValueError(
                    f"the labels {annotation.new_labels} of the examples are not among "
                    "its labels. Add them with add_label first."
                )
            return annotation_loss(annotation.tags, scores, self.scheme)

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn to predict what the model predicted when training was resumed, so as
        not to forget it: minimises the divergence from the earlier distribution over
        all analyses.

        examples (Iterable[Example]): Examples; their annotation is not used.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer.
        losses (Optional[Dict[str, float]]): Losses to add to, by component name.
        RETURNS (Dict[str, float]): The losses; ours is the Kullback-Leibler divergence
            in nats, summed over the documents.
        """
        losses = {} if losses is None else losses
        examples = list(examples)
        validate_examples(examples, "CRFEntityRecognizer.rehearse")
        docs = [example.predicted for example in examples]
        if self._rehearsal_model is None or not any(len(doc) for doc in docs):
            return losses
        losses.setdefault(self.name, 0.0)
        taught = self._rehearsal_model.predict(docs)
        set_dropout_rate(self.model, drop)
        with self._naming_errors():
            potentials, backprop = self.model.begin_update(docs)
            loss, gradients = rehearsal_loss(taught, potentials, self.scheme)
        backprop(gradients)
        if sgd:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Sequence[str] = ()
    ) -> "CRFEntityRecognizer":
        """Load the component from a bytestring.

        bytes_data (bytes): The result of `to_bytes`.
        exclude (Sequence[str]): Names of fields to leave out: vocab, cfg, model.
        RETURNS (CRFEntityRecognizer): The component.
        RAISES (ValueError): If the data are damaged.
        """
        with self._loading(exclude):
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    def from_disk(
        self, path: Union[str, Path], *, exclude: Sequence[str] = ()
    ) -> "CRFEntityRecognizer":
        """Load the component from a directory.

        path (Union[str, Path]): The directory that `to_disk` has written.
        exclude (Sequence[str]): Names of fields to leave out: vocab, cfg, model.
        RETURNS (CRFEntityRecognizer): The component.
        RAISES (ValueError): If the data are damaged.
        """
        with self._loading(exclude):
            super().from_disk(path, exclude=exclude)
        return self

    @contextmanager
    def _loading(self, exclude: Sequence[str]) -> Iterator[None]:
        """Make room for a model of another size, and check what was loaded."""
        sizes = [
            (node, name, node.maybe_get_dim(name))
            for node in (self.model, self._tagger)
            for name in ("nI", "nO")
            if name in node.dim_names
        ]
        if "model" not in exclude:
            for node, name, _ in sizes:
                node.set_dim(name, cast(int, None), force=True)
        with self._naming_errors("cannot be loaded: ", LookupError, TypeError):
            yield
            TagScheme(self.cfg["labels"], self.cfg["scheme"])
        for node, name, size in sizes:
            if node.has_dim(name) is None:  # there was no model to load
                node.set_dim(name, cast(int, size), force=True)

    @contextmanager
    def _naming_errors(self, doing: str = "", *more: Type[Exception]) -> Iterator[None]:
        """Say which component of the pipeline an error comes from."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, (ValueError, *more)):
                raise
            message = f"Component '{self.name}': {doing}{error}"
            raise ValueError(message) from error

    @property
    def _is_initialized(self) -> bool:
        return self._shim.network is not None

    @property
    def _shim(self) -> Any:
        return self._tagger.shims[0]

    @property
    def _tagger(self) -> Model[Any, Any]:
        return self.model.layers[-1]

    def _predict_group(self, docs: List[Doc]) -> List[List[LabelledSpan]]:
        potentials = self.model.predict(docs)
        return best_analyses(potentials, self.scheme, docs)

    def _annotated_tags(self, examples: List[Example]) -> gold.Tags:
        """Read gold tags, and add labels that are new, as `ner` does."""
        annotation = gold.annotated_tags(examples, self.scheme, self.vocab.strings)
        if annotation.new_labels:
            for label in annotation.new_labels:
                self.add_label(label)
            annotation = gold.annotated_tags(examples, self.scheme, self.vocab.strings)
        return annotation.tags
