"""Interface of a component to its model."""

from contextlib import contextmanager
from typing import (
    Any,
    Callable,
    Iterator,
    List,
    Optional,
    Protocol,
    Tuple,
    cast,
    runtime_checkable,
)

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model, set_dropout_rate
from thinc.util import is_cupy_array, xp2torch

from ..crf import Potentials, TagSet
from .errors import few

CRFModel = Model[List[Doc], Potentials]


@runtime_checkable
class TagScorer(Protocol):
    """The weights that score tags: the first shim of the model's last layer.

    The model's attribute `resize_output` adds tags to them. Added tags are dormant:
    they change no prediction.
    """

    @property
    def is_built(self) -> bool:
        """RETURNS (bool): Whether there are weights."""
        ...

    def wake(self) -> None:
        """Let tags that were added take part: they are about to be trained."""
        ...


def check_model(model: CRFModel) -> None:
    """Check that a model scores tags.

    model (Model[List[Doc], Potentials]): The model.
    RAISES (ValueError): If the first shim of its last layer is not a `TagScorer`.
    """
    shims = model.layers[-1].shims if model.layers else []
    if not shims or not isinstance(shims[0], TagScorer):
        raise ValueError(
            "its model must be built by spacy_crf_tagger.BiLSTMAttentionCRF.v1, "
            f"which scores tags; got '{model.name}'. `python -m spacy crf migrate` "
            "puts it into a config that had ner or tagger."
        )


class ScoresLayer:
    """The last layer of a model, which scores tags."""

    def __init__(self, model: CRFModel) -> None:
        """Find it.

        model (Model[List[Doc], Potentials]): A model that `check_model` has passed.
        """
        # By position: `Model.copy` keeps layers, but drops references.
        self._model = model

    @property
    def node(self) -> Model[Any, Any]:
        """RETURNS (Model): The layer."""
        return self._model.layers[-1]

    @property
    def scorer(self) -> TagScorer:
        """RETURNS (TagScorer): The weights. Initialisation replaces them."""
        return cast(TagScorer, self.node.shims[0])

    @property
    def tags(self) -> Optional[List[str]]:
        """RETURNS (Optional[List[str]]): What the weights score, in their order. It is
        saved with them; None if there are none, or if they are of an old version.
        """
        return cast(Optional[List[str]], self.node.attrs.get("tags"))

    @tags.setter
    def tags(self, tags: Optional[List[str]]) -> None:
        self.node.attrs["tags"] = tags

    def set_n_tags(self, n_tags: int) -> None:
        """Prepare for initialisation.

        n_tags (int): The number of tags.
        """
        for node in (self._model, self.node):
            node.set_dim("nO", n_tags, force=True)

    def check_loaded(self, tag_set: TagSet) -> None:
        """Check that labels and weights go together.

        tag_set (TagSet): The tags of the labels.
        RAISES (ValueError): If they do not.
        """
        if not self.scorer.is_built:
            return
        if self.tags is None:  # saved before version 0.2
            _require_n_tags(self.node.get_dim("nO"), tag_set)
            self.tags = tag_set.tags
        elif self.tags != tag_set.tags:
            raise ValueError(
                f"the model has been trained for the tags {few(self.tags)}, but the "
                f"labels and settings in cfg stand for {few(tag_set.tags)}. Load "
                "labels and model from the same pipeline, and do not edit them."
            )

    @contextmanager
    def making_room(self) -> Iterator[None]:
        """Make a context in which a model of another size can be loaded. If none is,
        sizes and tags stay.
        """
        sizes = [
            (node, name, node.maybe_get_dim(name))
            for node in (self._model, self.node)
            for name in ("nI", "nO")
            if name in node.dim_names
        ]
        tags = self.tags
        for node, name, _ in sizes:
            node.set_dim(name, cast(int, None), force=True)
        self.tags = None
        yield
        if all(node.has_dim(name) is None for node, name, _ in sizes):
            self.tags = tags
        for node, name, size in sizes:
            if node.has_dim(name) is None:
                node.set_dim(name, cast(int, size), force=True)


def for_crf(potentials: Potentials, tag_set: Optional[TagSet] = None) -> Potentials:
    """Check the number of tags, and keep scores that are on a GPU there, as torch
    tensors over the same memory.

    potentials (Potentials): The scores of a model.
    tag_set (Optional[TagSet]): The tags; None for a model that may have fewer.
    RETURNS (Potentials): The scores in the form that the CRF takes.
    RAISES (ValueError): If the scores are not for the tags.
    """
    if tag_set is not None:
        _require_n_tags(potentials.emissions.shape[1], tag_set)
    if not is_cupy_array(potentials.emissions):
        return potentials
    return potentials.map(xp2torch)


def _require_n_tags(n_tags: int, tag_set: TagSet) -> None:
    if n_tags != tag_set.n_tags:
        raise ValueError(
            f"the model has {n_tags} tags, but the labels {list(tag_set.labels)} take "
            f"{tag_set.n_tags}. Load labels and model from the same pipeline."
        )


def score(model: CRFModel, docs: List[Doc], tag_set: TagSet) -> Potentials:
    """Let a model score documents.

    model (Model[List[Doc], Potentials]): The model. It is not used for documents
        without a token.
    docs (List[Doc]): The documents.
    tag_set (TagSet): The tags.
    RETURNS (Potentials): The scores in the form that the CRF takes.
    RAISES (ValueError): If the scores are not for the tags, or the vectors of the vocab
        are not those of the model.
    """
    if not any(len(doc) for doc in docs):
        nothing = np.zeros((0, tag_set.n_tags), dtype=np.float32)
        lengths = np.zeros(len(docs), dtype=np.int64)
        return Potentials(nothing, None, None, None, lengths)
    with _naming_vectors(model, docs[0].vocab):
        potentials = model.predict(docs)
    return for_crf(potentials, tag_set)


def learn(
    model: CRFModel,
    docs: List[Doc],
    drop: float,
    tag_set: TagSet,
    loss_of: Callable[[Potentials], Tuple[float, Potentials]],
) -> float:
    """Accumulate the gradients of a loss.

    model (Model[List[Doc], Potentials]): The model.
    docs (List[Doc]): The documents to score.
    drop (float): The dropout rate.
    tag_set (TagSet): The tags.
    loss_of (Callable): Computes the loss and its gradients from scores.
    RETURNS (float): The loss.
    RAISES (ValueError): If the scores are not for the tags, or the vectors of the vocab
        are not those of the model.
    """
    set_dropout_rate(model, drop)
    with _naming_vectors(model, docs[0].vocab):
        potentials, backprop = model.begin_update(docs)
    loss, gradients = loss_of(for_crf(potentials, tag_set))
    # Listeners count on exactly one backprop a batch, annotated or not.
    backprop(gradients)
    return loss


@contextmanager
def _naming_vectors(model: CRFModel, vocab: Vocab) -> Iterator[None]:
    """Say so if a tok2vec of spaCy's fails for want of its vectors."""
    try:
        yield
    except (IndexError, RuntimeError) as error:
        width = vocab.vectors.shape[1]
        for node in model.walk():
            trained = node.maybe_get_dim("nM") if "nM" in node.dim_names else None
            if node.name == "static_vectors" and trained not in (None, width):
                raise ValueError(
                    f"its model has been trained with vectors that are {trained} "
                    f"wide, but those of the vocab are {width} wide. Load the "
                    "pipeline with the vectors that it was saved with."
                ) from error
        raise
