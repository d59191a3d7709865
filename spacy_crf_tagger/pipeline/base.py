"""Base class of the CRF components: labels, settings, training and saving, for any tag
set.
"""

from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import check_lexeme_norms, minibatch
from spacy.vocab import Vocab
from thinc.api import Optimizer

from ..crf import Lattice, Potentials, TagSet
from .documents import group_by_tokens, naming_document
from .errors import few, warn_of_batch
from .losses import rehearsal_loss
from .model import CRFModel, ScoresLayer, check_model, for_crf, learn, score
from .owners import Owners
from .student import Student

# Tokens that are predicted at once: bounds memory, whatever `nlp.pipe` passes.
_MAX_TOKENS = 2**16
# Tags and analyses that are held at once, of all tokens together.
_MAX_CELLS = 2**23

Self = TypeVar("Self", bound="CRFPipe")


class CRFPipe(Student, TrainablePipe):  # type: ignore[misc]
    """A component whose model scores the tags of a conditional random field. A subclass
    overrides the methods of `TagTask` and spaCy's `set_annotations`, and has a
    `Setting` for each of its settings.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: CRFModel,
        name: str,
        *,
        scorer: Optional[Callable[..., Any]] = None,
        **settings: Any,
    ) -> None:
        """Create the component.

        vocab (Vocab): The shared vocabulary.
        model (Model[List[Doc], Potentials]): The model that scores tags.
        name (str): The name of the component, under which losses are reported.
        scorer (Optional[Callable]): The scoring method.
        **settings (Any): The fields of `settings_type`; those that are not given have
            their defaults. They are attributes, too, and can be changed, but for those
            that decide which tags there are.
        RAISES (ValueError): For a setting that is not allowed, or a model that is not
            made for this component.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self._rehearsal_model: Optional[CRFModel] = None
        self._owners = Owners()
        self.cfg = {}
        with self._working("", TypeError):
            check_model(model)
            checked = self.settings_type(**settings)
            checked.validate()
        self.cfg = dict(sorted({"labels": [], **checked.to_cfg()}.items()))
        self._tag_set: Optional[Tuple[Tuple[Any, ...], TagSet]] = None

    @property
    def label_data(self) -> List[str]:
        """RETURNS (List[str]): The labels, in a form that `initialize` accepts."""
        return list(self.cfg["labels"])

    @property
    def tag_set(self) -> TagSet:
        """RETURNS (TagSet): The tags of the labels."""
        key = (self.labels, *self._tag_options)
        if self._tag_set is None or self._tag_set[0] != key:
            self._tag_set = key, self.make_tags(self.labels)
        return self._tag_set[1]

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
        extended = self.make_tags([*self.labels, label])
        if self.is_built:
            self.set_output(extended.n_tags)
            self._scores_layer.tags = extended.tags
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
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        check_lexeme_norms(self.vocab, self.name)
        if nlp is not None:
            # One that has taken the component by `source` tells it so here alone.
            self.belong_to(nlp)
        if isinstance(labels, (str, Mapping)):
            raise ValueError(
                f"Component '{self.name}': labels must be a list, not {labels!r}. The "
                "dictionary that `spacy init labels` writes for ner holds its moves."
            )
        found = self.find_labels(get_examples()) if labels is None else labels
        new = [label for label in found if label not in self.labels]
        # Checked as a whole, before anything is changed.
        tag_set = self.make_tags([*self.labels, *new])
        self.cfg["labels"].extend(new)
        for label in new:
            self.vocab.strings.add(label)
        self._require_labels()
        self.check_labels()
        sample = [example.x for example in islice(get_examples(), 10)]
        self._scores_layer.set_n_tags(tag_set.n_tags)
        self.cfg["temperature"] = 1.0  # that of earlier weights means nothing
        with self._working():
            self.model.initialize(X=[doc for doc in sample if len(doc)] or sample)
        self._scores_layer.tags = tag_set.tags

    def scored(
        self, docs: Union[Doc, Iterable[Doc]], copies: int = 1
    ) -> Iterator[Tuple[List[Doc], Potentials]]:
        """Score documents in groups whose tags and analyses fit into memory.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        copies (int): How many analyses of each document are held at once.
        YIELDS (Tuple[List[Doc], Potentials]): Groups of documents in their order, with
            the scores of the model.
        RAISES (ValueError): If the component is not initialised, and a document has
            tokens.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        tag_set = self.tag_set
        cells_per_token = max(copies, tag_set.n_tags)
        max_tokens = min(_MAX_TOKENS, _MAX_CELLS // cells_per_token)
        for group in group_by_tokens(docs, max_tokens):
            if any(len(doc) for doc in group):
                self._require_built()
            yield group, score(self.model, group, tag_set)

    def lattices(
        self, docs: Union[Doc, Iterable[Doc]], copies: int = 1, **options: Any
    ) -> Iterator[Tuple[List[Doc], Lattice]]:
        """Build the lattices of documents, for questions to them.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        copies (int): How many analyses of each document are held at once.
        **options (Any): The options of `lattice`.
        YIELDS (Tuple[List[Doc], Lattice]): Groups of documents in their order, with
            what `lattice` builds.
        """
        for group, potentials in self.scored(docs, copies):
            yield group, self.lattice(group, potentials, **options)

    def predict(self, docs: Union[Doc, Iterable[Doc]]) -> List[Any]:
        """Find the best analysis of documents, without changing them.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        RETURNS (List[Any]): What `set_annotations` writes to each document.
        RAISES (ValueError): If the component is not initialised or its weights are
            damaged.
        """
        predictions: List[Any] = []
        with self._working():
            for group, potentials in self.scored(docs):
                with naming_document(group, self.advice):
                    predictions += self.analyse(group, potentials)
        return predictions

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
        validate_examples(examples, f"{type(self).__name__}.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        self._require_built()
        with self._working():
            # Before the forward pass, since new labels make the model grow.
            loss_of = self._training_loss(examples)
            self._wake()
            docs = [example.predicted for example in examples]
            loss = learn(self.model, docs, drop, self.tag_set, loss_of)
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
        validate_examples(examples, f"{type(self).__name__}.get_loss")
        with self._working():
            annotation = self.read_annotation(examples)
            if annotation.new_labels:
                raise ValueError(
                    f"the labels {annotation.new_labels} of the examples are not among "
                    "its labels. Add them with add_label first."
                )
            docs = [example.predicted for example in examples]
            return self._loss(docs, annotation, for_crf(scores, self.tag_set))

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
        validate_examples(examples, f"{type(self).__name__}.rehearse")
        docs = [example.predicted for example in examples]
        if self._rehearsal_model is None or not any(len(doc) for doc in docs):
            return losses
        losses.setdefault(self.name, 0.0)
        with self._working():
            taught = for_crf(self._rehearsal_model.predict(docs))
            loss_of = partial(rehearsal_loss, taught, tag_set=self.tag_set)
            loss = learn(self.model, docs, drop, self.tag_set, loss_of)
            if sgd:
                self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of documents. If a batch fails, its documents are tried one
        by one, so that the error handler gets those alone that it is about.

        stream (Iterable[Doc]): The documents.
        batch_size (int): How many to take at a time.
        YIELDS (Doc): The documents in their order, without those that failed.
        """
        handle_error = self.get_error_handler()
        for docs in minibatch(stream, size=batch_size):
            try:
                self.set_annotations(docs, self.predict(docs))
            except Exception as error:
                if len(docs) == 1:
                    handle_error(self.name, self, docs, error)
                else:
                    yield from self._one_by_one(docs, error)
            else:
                yield from docs

    def from_bytes(
        self: Self, bytes_data: bytes, *, exclude: Sequence[str] = ()
    ) -> Self:
        """Load the component from a bytestring.

        bytes_data (bytes): The result of `to_bytes`.
        exclude (Sequence[str]): Names of fields to leave out: vocab, cfg, model.
        RETURNS (CRFPipe): The component.
        RAISES (ValueError): If the data are damaged.
        """
        with self._loading(exclude):
            super().from_bytes(bytes_data, exclude=exclude)
        self._write_config()
        return self

    def from_disk(
        self: Self, path: Union[str, Path], *, exclude: Sequence[str] = ()
    ) -> Self:
        """Load the component from a directory. Settings that `spacy.load` has been
        given by `config` win over those that are stored.

        path (Union[str, Path]): The directory that `to_disk` has written.
        exclude (Sequence[str]): Names of fields to leave out: vocab, cfg, model.
        RETURNS (CRFPipe): The component.
        RAISES (ValueError): If the data are damaged.
        """
        with self._loading(exclude), self._overriding(Path(path)):
            super().from_disk(path, exclude=exclude)
        self._write_config()
        return self

    @property
    def is_built(self) -> bool:
        """RETURNS (bool): Whether the model has weights."""
        return self._scores_layer.scorer.is_built

    def __repr__(self) -> str:
        """RETURNS (str): The class, name, settings that decide on tags, and labels."""
        shown = [repr(value) for value in (self.name, *self._tag_options)]
        return f"{type(self).__name__}({', '.join(shown)}, labels={few(self.labels)})"

    @property
    def _scores_layer(self) -> ScoresLayer:
        return ScoresLayer(self.model)

    @property
    def _tag_options(self) -> List[Any]:
        return [self.cfg.get(name) for name in self.tag_settings]

    def _require_built(self) -> None:
        if not self.is_built:
            raise ValueError(Errors.E109.format(name=self.name))

    def _wake(self) -> None:
        self._scores_layer.scorer.wake()

    def _one_by_one(self, docs: Sequence[Doc], error: Exception) -> Iterator[Doc]:
        n_annotated = 0
        for doc in docs:
            for annotated in self.pipe([doc], batch_size=1):
                n_annotated += 1
                yield annotated
        if n_annotated == len(docs):
            warn_of_batch(self.name, n_annotated, error)

    @contextmanager
    def _loading(self, exclude: Sequence[str]) -> Iterator[None]:
        """Make room for a model of another size, and check what was loaded."""
        layer = self._scores_layer
        room = nullcontext() if "model" in exclude else layer.making_room()
        with self._working("cannot be loaded: ", LookupError, TypeError):
            with room:
                yield
            labels = self.cfg["labels"]
            if not isinstance(labels, list):
                raise ValueError(f"its labels must be a list, not {labels!r}.")
            layer.check_loaded(self.make_tags(labels))
