"""Read off documents what the components of a pipeline have found."""

from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ...pipeline.ner.component import CRFEntityRecognizer
from ...pipeline.tagger.component import CRFTagger
from .collector import Collector, Judged, judge
from .forms import Forms
from .model import Section
from .outcomes import read_entities, read_tags
from .transitions import read_transitions

Placed = Tuple[str, Example]
TrainDocs = Optional[Callable[[], Iterable[Doc]]]
# Where documents keep probabilities of tags that the pipeline does not keep otherwise.
_SCORES_KEY = "spacy_crf_tagger.report.{}"
_WRITES_ENTITIES = {"doc.ents", "token.ent_iob", "token.ent_type"}
# Tensors are gone behind it, and questions to a component would be answered wrongly.
_CLEANER = "doc_cleaner"


class EntityReader:
    """Reads entities."""

    def __init__(self, nlp: Language, train: TrainDocs) -> None:
        """Look at a pipeline.

        nlp (Language): The pipeline.
        train (Optional[Callable[[], Iterable[Doc]]]): Reads what it has learned.
        """
        ners = [
            pipe for _, pipe in nlp.pipeline if isinstance(pipe, CRFEntityRecognizer)
        ]
        keys = [ner.settings.spans_key for ner in ners]
        self._keys = [key for key in keys if key is not None]
        self._ner = ners[0] if len(ners) == 1 else None
        metas = [nlp.get_pipe_meta(name) for name in nlp.pipe_names]
        self._writes = any(_WRITES_ENTITIES & set(meta.assigns) for meta in metas)
        cleaned = any(meta.factory == _CLEANER for meta in metas)
        self._asked = self._ner if self._keys and not cleaned else None
        forms = None if train is None else Forms(train())
        self.collector = Collector("entity", forms)
        self.n_annotated = 0

    @property
    def is_wanted(self) -> bool:
        """RETURNS (bool): Whether there is anything to say about entities."""
        found = self.collector
        return bool(found.n_predicted or (self._writes and found.n_gold))

    def read(self, batch: Sequence[Placed]) -> List[Optional[Judged]]:
        """Read and count documents.

        batch (Sequence[Tuple[str, Example]]): Where each document is, and what has been
            found in it.
        RETURNS (List[Optional[Judged]]): The documents; None for those without
            annotation.
        """
        judged: List[Optional[Judged]] = []
        for place, example in batch:
            outcome = read_entities(example, self._keys)
            judged.append(None if outcome is None else judge(outcome, place))
        of_gold = self._ask(batch, judged)
        for number, own in enumerate(judged):
            if own is not None:
                self.n_annotated += 1
                self.collector.add(own, of_gold.get(number))
        return judged

    def section(self, nlp: Language, n_samples: int) -> Section:
        """RETURNS (Section): What there is to say."""
        ner = self._ner
        frequencies = {
            name: own[2] for name, own in self.collector.counts.totals.items()
        }
        section = _section(self.collector, "Entities", n_samples)
        if ner is None:
            return section
        return section._replace(
            threshold=ner.settings.threshold,
            transitions=read_transitions(nlp, ner, frequencies),
        )

    def _ask(
        self, batch: Sequence[Placed], judged: Sequence[Optional[Judged]]
    ) -> Dict[int, Dict[int, float]]:
        """Ask how probable annotations are that were not found.

        RETURNS (Dict[int, Dict[int, float]]): The probability of each, by the number of
            its document and its own.
        """
        if self._asked is None:
            return {}
        labels = set(self._asked.labels)
        numbers: List[Tuple[int, List[int]]] = []
        docs: List[Doc] = []
        spans: List[List[Tuple[int, int, str]]] = []
        for number, ((_, example), own) in enumerate(zip(batch, judged, strict=True)):
            if own is None:
                continue
            known: Dict[int, Tuple[int, int, str]] = {}
            for n in own.not_found():
                unit = own.outcome.gold[n]
                span = _in_predicted(example, *unit)
                if span is not None and unit.label in labels:
                    known[n] = span
            if known:
                numbers.append((number, list(known)))
                docs.append(example.x)
                spans.append(list(known.values()))
        answers = self._asked.span_probabilities(docs, spans)
        return {
            number: dict(zip(own, answer.tolist(), strict=True))
            for (number, own), answer in zip(numbers, answers, strict=True)
        }


class TagReader:
    """Reads the tags of a `crf_tagger`."""

    def __init__(self, name: str, tagger: CRFTagger, train: TrainDocs) -> None:
        """Look at a component.

        name (str): Its name.
        tagger (CRFTagger): The component. If it computes no probabilities, it is made
            to.
        train (Optional[Callable[[], Iterable[Doc]]]): Reads what it has learned.
        """
        self._name = name
        self._tagger = tagger
        if tagger.settings.scores_key is None:
            tagger.cfg["scores_key"] = _SCORES_KEY.format(name)
        attribute = tagger.token_attribute
        forms = None if train is None else Forms(train(), attribute)
        self.collector = Collector("tag", forms)

    @property
    def attribute(self) -> str:
        """RETURNS (str): The name of the attribute that has the tags."""
        return self._tagger.token_attribute.name

    @property
    def is_wanted(self) -> bool:
        """RETURNS (bool): Whether there is anything to say about tags."""
        return bool(self.collector.n_gold)

    def read(self, batch: Sequence[Placed]) -> List[Optional[Judged]]:
        """Read and count documents.

        batch (Sequence[Tuple[str, Example]]): Where each document is, and what has been
            found in it.
        RETURNS (List[Optional[Judged]]): The documents; None for those without
            annotation.
        """
        attribute, key = self._tagger.token_attribute, self._tagger.settings.scores_key
        judged: List[Optional[Judged]] = []
        for place, example in batch:
            outcome = read_tags(example, attribute, key)
            own = None if outcome is None else judge(outcome, place)
            judged.append(own)
            if own is not None:
                self.collector.add(own)
        return judged

    def section(self, nlp: Language, n_samples: int) -> Section:
        """RETURNS (Section): What there is to say."""
        frequencies = {
            name: own[2] for name, own in self.collector.counts.totals.items()
        }
        title = f"Tags of {self._name} ({self.attribute})"
        return _section(self.collector, title, n_samples)._replace(
            transitions=read_transitions(nlp, self._tagger, frequencies)
        )


Reader = Union[EntityReader, TagReader]


def readers_of(nlp: Language, train: TrainDocs) -> Tuple[EntityReader, List[TagReader]]:
    """Make what reads the documents of a pipeline.

    nlp (Language): The pipeline.
    train (Optional[Callable[[], Iterable[Doc]]]): Reads what it has learned.
    RETURNS (Tuple[EntityReader, List[TagReader]]): For entities, and for each
        `crf_tagger`.
    """
    taggers = [
        TagReader(name, pipe, train)
        for name, pipe in nlp.pipeline
        if isinstance(pipe, CRFTagger)
    ]
    return EntityReader(nlp, train), taggers


def _section(collector: Collector, name: str, n_samples: int) -> Section:
    overall, labels, _ = collector.scores(n_samples)
    return Section(
        name=name,
        unit=collector.unit,
        n_documents=collector.counts.n_documents,
        overall=overall,
        labels=labels,
        muc=collector.muc(),
        errors=collector.errors.finish(),
        confusion=collector.confusion(),
        breakdowns=collector.breakdowns(),
        calibration=collector.calibration(),
        curve=collector.curve(),
        threshold=None,
        transitions=None,
    )


def _in_predicted(
    example: Example, start: int, end: int, label: str
) -> Optional[Tuple[int, int, str]]:
    """RETURNS (Optional[Tuple[int, int, str]]): An annotated span in predicted tokens;
    None if it has none.
    """
    tokens = example.alignment.y2x[start:end]
    if not len(tokens):
        return None
    return int(tokens[0]), int(tokens[-1]) + 1, label
