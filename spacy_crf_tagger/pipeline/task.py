"""Base class of tasks: the tags, annotation and analyses of a component."""

from typing import Any, ClassVar, Iterable, List, Optional, Sequence, Tuple, Type

from spacy.tokens import Doc
from spacy.training import Example

from ..crf import Lattice, Potentials, TagSet
from .annotation import Annotation, Tags
from .losses import tag_loss
from .settings import CRFSettings


class TagTask:
    """The task of a component: everything that depends on what its tags mean. `CRFPipe`
    does the rest. `make_tags`, `find_labels`, `read_annotation` and `analyse` must be
    overridden.
    """

    settings_type: ClassVar[Type[CRFSettings]] = CRFSettings
    # Settings that decide which tags the labels have. They cannot be changed in `cfg`.
    tag_settings: ClassVar[Tuple[str, ...]] = ()
    # Where a user finds what a document's annotation contradicts.
    advice: ClassVar[str] = ""
    # The setting that names where documents keep the probabilities of predictions.
    scores_setting: ClassVar[Optional[str]] = None
    # The tag of tokens outside, from which alone no temperature can be learned.
    outside_tag: ClassVar[Optional[int]] = None

    @property
    def settings(self) -> CRFSettings:
        """RETURNS (CRFSettings): The settings of the component."""
        raise NotImplementedError

    @property
    def tag_set(self) -> TagSet:
        """RETURNS (TagSet): What `make_tags` has made of the component's labels."""
        raise NotImplementedError

    def make_tags(self, labels: Sequence[str]) -> TagSet:
        """Make the tags of labels. A label that comes last must not move other tags.

        labels (Sequence[str]): The labels.
        RETURNS (TagSet): Their tags.
        RAISES (ValueError): If the labels are not allowed.
        """
        raise NotImplementedError

    def find_labels(self, examples: Iterable[Example]) -> Iterable[str]:
        """Find the labels of annotation.

        examples (Iterable[Example]): The examples.
        RETURNS (Iterable[str]): Their labels, each once, in the order that is wanted.
        """
        raise NotImplementedError

    def read_annotation(self, examples: Sequence[Example]) -> Annotation:
        """Read the annotation of examples.

        examples (Sequence[Example]): The examples.
        RETURNS (Annotation): The annotation of the tokens of their predicted documents.
        RAISES (ValueError): If it is malformed.
        """
        raise NotImplementedError

    def analyse(self, docs: List[Doc], potentials: Potentials) -> List[Any]:
        """Find the best analyses, given the scores of the model.

        docs (List[Doc]): The documents; none may have a token.
        potentials (Potentials): Their scores.
        RETURNS (List[Any]): What `set_annotations` writes to each document.
        """
        raise NotImplementedError

    def lattice(self, docs: List[Doc], potentials: Potentials) -> Lattice:
        """Build the lattice of all analyses that are possible, for questions to it.

        docs (List[Doc]): The documents.
        potentials (Potentials): Their scores.
        RETURNS (Lattice): The lattice, at the `temperature`.
        """
        scaled = potentials.divided_by(self.settings.temperature)
        return Lattice.build(scaled, self.tag_set.constraints)

    def text_lattice(
        self, docs: List[Doc], potentials: Potentials, temperature: float
    ) -> Lattice:
        """Build the lattice of all analyses that are possible by the text alone,
        whatever documents have already.

        docs (List[Doc]): The documents.
        potentials (Potentials): Their scores.
        temperature (float): What scores are divided by.
        RETURNS (Lattice): The lattice.
        """
        scaled = potentials.divided_by(temperature)
        return Lattice.build(scaled, self.tag_set.constraints)

    def known_tags(self, examples: Sequence[Example]) -> Tags:
        """Read the tags that are annotated, whatever is assumed of missing ones.

        examples (Sequence[Example]): The examples.
        RETURNS (NDArray[int]): The tag of each token of their predicted documents, [N];
            `UNKNOWN` where none is annotated, or of a label that the component does not
            have.
        """
        return self.read_annotation(examples).tags

    def loss(self, annotation: Any, potentials: Potentials) -> Tuple[float, Potentials]:
        """Compute what annotation costs.

        annotation (Annotation): The result of `read_annotation`.
        potentials (Potentials): The scores of the model.
        RETURNS (Tuple[float, Potentials]): The loss in nats, summed over the documents,
            and the gradients of its mean over the documents.
        """
        return tag_loss(annotation.tags, potentials, self.tag_set)

    def check_labels(self) -> None:
        """Check that labels and settings go together.

        RAISES (ValueError): If they do not.
        """
