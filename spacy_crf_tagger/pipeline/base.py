"""What every part of the component needs: labels, settings, the model, saving."""

from contextlib import contextmanager
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
    TypeVar,
    Union,
    cast,
)

import numpy as np
from spacy.errors import Errors
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.util import minibatch
from spacy.vocab import Vocab
from thinc.api import Model

from ..crf import Potentials, TagScheme
from .ner.decoding import group_by_tokens
from .ner.settings import Settings

# Tokens that are predicted at once: bounds memory, whatever `nlp.pipe` passes.
_MAX_TOKENS = 2**16
# Tags and analyses that are held at once, of all tokens together.
_MAX_CELLS = 2**23
# Labels or tags that a message shows.
_MOST_NAMES = 20

Self = TypeVar("Self", bound="CRFPipe")


class CRFPipe(TrainablePipe):  # type: ignore[misc]
    """A component with labels whose model scores tags."""

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
            defaults. They can be changed in `cfg`, but for the scheme.
        RAISES (ValueError): For a setting that is not allowed, or a model that is not
            made for this component.
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
        self.cfg: Dict[str, Any] = {}
        with self._working("", TypeError):
            checked = Settings(**settings)
            checked.validate()
        cfg = checked.to_cfg()
        self.cfg = dict(sorted({"labels": [], **cfg}.items()))
        self._scheme = TagScheme([], self.settings.scheme)

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The labels that the component predicts."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> List[str]:
        """RETURNS (List[str]): The labels, in a form that `initialize` accepts."""
        return list(self.cfg["labels"])

    @property
    def settings(self) -> Settings:
        """RETURNS (Settings): The settings in `cfg`.

        RAISES (ValueError): If one is not allowed.
        """
        with self._working():
            return Settings.from_cfg(self.cfg)

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
        extended = TagScheme([*self.labels, label], self.settings.scheme)
        if self._is_initialized:
            self.set_output(extended.n_tags)
            self._tags = extended.tags
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

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
        return self

    def from_disk(
        self: Self, path: Union[str, Path], *, exclude: Sequence[str] = ()
    ) -> Self:
        """Load the component from a directory.

        path (Union[str, Path]): The directory that `to_disk` has written.
        exclude (Sequence[str]): Names of fields to leave out: vocab, cfg, model.
        RETURNS (CRFPipe): The component.
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
        tags = self._tags
        if "model" not in exclude:
            for node, name, _ in sizes:
                node.set_dim(name, cast(int, None), force=True)
            self._tags = None
        with self._working("cannot be loaded: ", LookupError, TypeError):
            yield
            if all(node.has_dim(name) is None for node, name, _ in sizes):
                self._tags = tags  # there was no model to load
            for node, name, size in sizes:
                if node.has_dim(name) is None:
                    node.set_dim(name, cast(int, size), force=True)
            self._check_loaded()

    def _check_loaded(self) -> None:
        """Check that labels and weights go together."""
        labels = self.cfg["labels"]
        if not isinstance(labels, list):
            raise ValueError(f"its labels must be a list, not {labels!r}.")
        scheme = TagScheme(labels, Settings.from_cfg(self.cfg).scheme)
        if not self._is_initialized:
            return
        if self._tags is None:  # saved before version 0.2
            n_tags = self._tagger.maybe_get_dim("nO")
            if n_tags != scheme.n_tags:
                raise ValueError(
                    f"the model has {n_tags} tags, but the labels {labels} take "
                    f"{scheme.n_tags}. Load labels and model from the same pipeline."
                )
            self._tags = scheme.tags
        elif self._tags != scheme.tags:
            raise ValueError(
                f"the model has been trained for the tags {_shorten(self._tags)}, but "
                f"the labels and the scheme in cfg stand for {_shorten(scheme.tags)}. "
                "Load labels and model from the same pipeline, and do not edit them."
            )

    @property
    def _tags(self) -> Optional[List[str]]:
        """RETURNS (Optional[List[str]]): What the weights score, in their order. It is
        saved with them; None if there are none, or if they are of an old version.
        """
        tags: Optional[List[str]] = self._tagger.attrs.get("tags")
        return tags

    @_tags.setter
    def _tags(self, tags: Optional[List[str]]) -> None:
        self._tagger.attrs["tags"] = tags

    @contextmanager
    def _working(self, doing: str = "", *more: Type[Exception]) -> Iterator[None]:
        """Say which component of the pipeline an error comes from, and compute whatever
        NumPy has been told to raise: rounding to zero, for one, is no error here.
        """
        try:
            with np.errstate(all="ignore"):
                yield
        except Exception as error:
            prefix = f"Component '{self.name}': "
            named = str(error).startswith(prefix)  # by a property that was used here
            if named or not isinstance(error, (ValueError, *more)):
                raise
            raise ValueError(f"{prefix}{doing}{error}") from error

    def scored(
        self, docs: Union[Doc, Iterable[Doc]], copies: int = 1
    ) -> Iterator[Tuple[List[Doc], Optional[Potentials]]]:
        """Score documents in groups whose tags and analyses fit into memory.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        copies (int): How many analyses of each document are held at once.
        YIELDS (Tuple[List[Doc], Optional[Potentials]]): Groups of documents in their
        order, with the scores of the model, or None for a group without tokens.
        RAISES (ValueError): If the component is not initialised.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        cells_per_token = max(copies, self.scheme.n_tags)
        max_tokens = min(_MAX_TOKENS, _MAX_CELLS // cells_per_token)
        for group in group_by_tokens(docs, max_tokens):
            if not any(len(doc) for doc in group):
                yield group, None
            elif not self._is_initialized:
                raise ValueError(Errors.E109.format(name=self.name))
            else:
                with self._running_model():
                    potentials = self.model.predict(group)
                yield group, potentials

    @contextmanager
    def _running_model(self) -> Iterator[None]:
        """Say so if a tok2vec of spaCy's fails for want of its vectors."""
        try:
            yield
        except (IndexError, RuntimeError) as error:
            width = self.vocab.vectors.shape[1]
            for node in self.model.walk():
                trained = node.maybe_get_dim("nM") if "nM" in node.dim_names else None
                if node.name == "static_vectors" and trained not in (None, width):
                    raise ValueError(
                        f"its model has been trained with vectors that are {trained} "
                        f"wide, but those of the vocab are {width} wide. Load the "
                        "pipeline with the vectors that it was saved with."
                    ) from error
            raise

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
                    yield from self._annotate_one_by_one(docs)
            else:
                yield from docs

    def _annotate_one_by_one(self, docs: List[Doc]) -> Iterator[Doc]:
        handle_error = self.get_error_handler()
        for doc in docs:
            try:
                self.set_annotations([doc], self.predict([doc]))
            except Exception as error:
                handle_error(self.name, self, [doc], error)
            else:
                yield doc

    def __repr__(self) -> str:
        """RETURNS (str): The class, name, scheme and labels."""
        labels, scheme = _shorten(self.labels), self.cfg.get("scheme")
        return f"{type(self).__name__}({self.name!r}, {scheme!r}, labels={labels})"

    @property
    def _is_initialized(self) -> bool:
        return self._shim.network is not None

    @property
    def _shim(self) -> Any:
        return self._tagger.shims[0]

    @property
    def _tagger(self) -> Model[Any, Any]:
        return self.model.layers[-1]


def _shorten(names: Sequence[str]) -> str:
    """RETURNS (str): The first names of a list; there may be thousands."""
    shown = ", ".join(map(repr, names[:_MOST_NAMES]))
    n_more = len(names) - _MOST_NAMES
    return f"[{shown}, and {n_more} more]" if n_more > 0 else f"[{shown}]"
