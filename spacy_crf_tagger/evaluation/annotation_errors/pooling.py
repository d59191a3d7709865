"""Ask several models as one."""

from itertools import islice
from typing import Iterator, List, NamedTuple, Sequence

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ...crf import Lattice, Potentials
from ...crf.scheme import TagScheme
from ...pipeline.annotation import Tags
from ...pipeline.documents import group_by_tokens
from ...pipeline.ner.component import CRFEntityRecognizer
from ..calibration import analyse_examples, find_component

# Tokens that are scored at once.
_MAX_TOKENS = 2**14


class Scored(NamedTuple):
    """Documents, what is annotated in them, and what models think of them.

    docs (List[Doc]): The annotated documents.
    tags (NDArray[int]): The annotated tags of all tokens, `UNKNOWN` where there are
        none, [N].
    lattice (Lattice): All analyses of the texts.
    """

    docs: List[Doc]
    tags: Tags
    lattice: Lattice


class Judges:
    """Models that judge as one: the geometric mean of their distributions over
    analyses. That of conditional random fields is one itself, whose scores are the
    means of theirs.
    """

    def __init__(self, pipelines: Sequence[Language], name: str) -> None:
        """Check that models can be asked as one.

        pipelines (Sequence[Language]): The pipelines with the models, at least one.
        name (str): The name of the component.
        RAISES (ValueError): If one of them has no such `crf_ner`, or they differ in
            their labels.
        """
        self._pipelines = list(pipelines)
        self._name = name
        pipes = [find_component(nlp, name)[1] for nlp in self._pipelines]
        self._pipes: List[CRFEntityRecognizer] = []
        for pipe in pipes:
            if not isinstance(pipe, CRFEntityRecognizer):
                raise ValueError(
                    f"'{name}' is no crf_ner: errors are found in the annotation of "
                    "entities."
                )
            self._pipes.append(pipe)
        if len({(pipe.scheme.name, pipe.labels) for pipe in self._pipes}) > 1:
            raise ValueError(
                "models that judge together differ in their labels or tag schemes. "
                "Train them with the same."
            )

    @property
    def scheme(self) -> TagScheme:
        """RETURNS (TagScheme): The tags."""
        return self._pipes[0].scheme

    def score(self, docs: Sequence[Doc]) -> Iterator[Scored]:
        """Score documents in groups that fit into memory.

        docs (Sequence[Doc]): The annotated documents.
        YIELDS (Scored): Groups of them, in their order. Documents without tokens are
            left out.
        """
        filled = [doc for doc in docs if len(doc)]
        for group in group_by_tokens(filled, _MAX_TOKENS):
            yield self._score(group)

    def _score(self, docs: List[Doc]) -> Scored:
        pairs = zip(self._pipelines, self._pipes, strict=True)
        scored = [_potentials(nlp, pipe, self._name, docs) for nlp, pipe in pairs]
        share = 1.0 / len(scored)
        mean = scored[0].scaled(share)
        for potentials in scored[1:]:
            mean = mean.plus(potentials, share)
        pipe = self._pipes[0]
        texts = [_text_of(doc, self._pipelines[0]) for doc in docs]
        lattice = pipe.text_lattice(texts, mean, 1.0)
        pairs_of_docs = zip(texts, docs, strict=True)
        tags = pipe.known_tags([Example(text, doc) for text, doc in pairs_of_docs])
        return Scored(docs, tags, lattice)


def _potentials(
    nlp: Language, pipe: CRFEntityRecognizer, name: str, docs: List[Doc]
) -> Potentials:
    """RETURNS (Potentials): The scores of a model, at its temperature."""
    not_before = nlp.pipe_names[nlp.pipe_names.index(name) :]
    texts = [_text_of(doc, nlp) for doc in docs]
    examples = [Example(text, text) for text in texts]
    analysed = analyse_examples(nlp, examples, disable=not_before)
    # The documents are one group, since they fit into memory.
    [(_, potentials)] = islice(pipe.scored([each.x for each in analysed]), 2)
    return potentials.divided_by(pipe.settings.temperature)


def _text_of(doc: Doc, nlp: Language) -> Doc:
    """RETURNS (Doc): The tokens of a document as a pipeline knows them, without any
    annotation.
    """
    words = [token.text for token in doc]
    spaces = [bool(token.whitespace_) for token in doc]
    return Doc(nlp.vocab, words=words, spaces=spaces)
