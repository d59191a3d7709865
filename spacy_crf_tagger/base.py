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

from spacy.errors import Errors
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model

from .crf import Potentials, TagScheme
from .decoding import group_by_tokens
from .settings import Settings

# Tokens that are predicted at once: bounds memory, whatever `nlp.pipe` passes.
_MAX_TOKENS = 2**16
# Tags and analyses that are held at once, of all tokens together.
_MAX_CELLS = 2**23

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
        with self._naming_errors("", TypeError):
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
        with self._naming_errors():
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
        if "model" not in exclude:
            for node, name, _ in sizes:
                node.set_dim(name, cast(int, None), force=True)
        with self._naming_errors("cannot be loaded: ", LookupError, TypeError):
            yield
            TagScheme(self.cfg["labels"], Settings.from_cfg(self.cfg).scheme)
        for node, name, size in sizes:
            if node.has_dim(name) is None:  # there was no model to load
                node.set_dim(name, cast(int, size), force=True)

    @contextmanager
    def _naming_errors(self, doing: str = "", *more: Type[Exception]) -> Iterator[None]:
        """Say which component of the pipeline an error comes from."""
        try:
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
                yield group, self.model.predict(group)

    @property
    def _is_initialized(self) -> bool:
        return self._shim.network is not None

    @property
    def _shim(self) -> Any:
        return self._tagger.shims[0]

    @property
    def _tagger(self) -> Model[Any, Any]:
        return self.model.layers[-1]
