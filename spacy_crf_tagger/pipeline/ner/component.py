"""The `crf_ner` pipeline component: what spaCy expects of a trainable recogniser."""

from itertools import islice
from typing import Callable, Dict, Iterable, List, Optional, Tuple, Union

import numpy as np
from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import check_lexeme_norms
from thinc.api import Optimizer, set_dropout_rate

from ...crf import Potentials, TagScheme
from .annotation import Annotation, read_annotation
from .decoding import Prediction, naming_document, predict_entities
from .objective import annotation_loss, rehearsal_loss
from .queries import LatticeQueries
from .writing import write_prediction


class CRFEntityRecognizer(LatticeQueries):
    """Recognise entities with a conditional random field over the tags of a document.

    A drop-in for spaCy's `ner`: it sets `doc.ents`, keeps entities that are set
    already, and is trained by the same annotation.
    """

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
        if isinstance(labels, str):
            raise ValueError(
                f"Component '{self.name}': labels must be a list, not {labels!r}."
            )
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
        scheme = TagScheme([*self.labels, *new], self.settings.scheme)
        self.cfg["labels"].extend(new)
        for label in new:
            self.vocab.strings.add(label)
        self._require_labels()
        self._check_label_weights()
        sample = [example.x for example in islice(get_examples(), 10)]
        for node in (self.model, self._tagger):
            node.set_dim("nO", scheme.n_tags, force=True)
        self.cfg["temperature"] = 1.0  # that of earlier weights means nothing
        with self._working():
            self.model.initialize(X=[doc for doc in sample if len(doc)] or sample)
        self._tags = scheme.tags

    def predict(self, docs: Union[Doc, Iterable[Doc]]) -> List[Prediction]:
        """Find the best analysis of documents, without changing them.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        RETURNS (List[Prediction]): The entities of each document and their scores.
        RAISES (ValueError): If the component is not initialised or its weights are
            damaged.
        """
        settings = self.settings
        predictions: List[Prediction] = []
        with self._working():
            for group, potentials in self.scored(docs):
                if potentials is None:
                    nothing = Prediction([], np.zeros(0, dtype=np.float32))
                    predictions += [nothing] * len(group)
                else:
                    with naming_document(group):
                        predictions += predict_entities(
                            potentials, self.scheme, group, settings
                        )
        return predictions

    def set_annotations(
        self, docs: Union[Doc, Iterable[Doc]], predictions: List[Prediction]
    ) -> None:
        """Write predicted entities to documents, and with their scores to their span
        group. Entities and blocked tokens that are set already stay, unless they are
        to be ignored; they have no score.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        predictions (List[Prediction]): The result of `predict`.
        """
        docs = [docs] if isinstance(docs, Doc) else docs
        settings = self.settings
        for doc, prediction in zip(docs, predictions, strict=True):
            write_prediction(doc, prediction, self.labels, settings)

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
        with self._working():
            # Before the forward pass, since new labels make the model grow.
            annotation = self._annotation(examples)
            self._shim.wake()
            set_dropout_rate(self.model, drop)
            docs = [example.predicted for example in examples]
            with self._running_model():
                potentials, backprop = self.model.begin_update(docs)
            with naming_document(docs):
                loss, gradients = annotation_loss(
                    annotation, potentials, self.scheme, self.settings
                )
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
        with self._working():
            annotation = self._read(examples)
            if annotation.new_labels:
                raise ValueError(
                    f"the labels {annotation.new_labels} of the examples are not among "
                    "its labels. Add them with add_label first."
                )
            with naming_document([example.predicted for example in examples]):
                return annotation_loss(annotation, scores, self.scheme, self.settings)

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
        set_dropout_rate(self.model, drop)
        with self._working():
            taught = self._rehearsal_model.predict(docs)
            potentials, backprop = self.model.begin_update(docs)
            loss, gradients = rehearsal_loss(taught, potentials, self.scheme)
            backprop(gradients)
            if sgd:
                self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def _check_label_weights(self) -> None:
        unknown = sorted(set(self.settings.label_weights) - {"O", *self.labels})
        if unknown:
            raise ValueError(
                f"Component '{self.name}': label_weights names {unknown}, but the "
                f"labels are {list(self.labels)}, and 'O' for tokens outside."
            )

    def _annotation(self, examples: List[Example]) -> Annotation:
        """Read annotation, and add labels that are new, as `ner` does."""
        annotation = self._read(examples)
        if annotation.new_labels:
            for label in annotation.new_labels:
                self.add_label(label)
            annotation = self._read(examples)
        return annotation

    def _read(self, examples: List[Example]) -> Annotation:
        return read_annotation(examples, self.scheme, self.vocab.strings, self.settings)
