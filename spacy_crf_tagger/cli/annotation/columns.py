"""What a pipeline has found in documents, as columns of a table."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc, Span

from ...evaluation.display import first_scores
from ...pipeline.ner.component import CRFEntityRecognizer
from ...pipeline.tagger.component import CRFTagger

# Decimals of probabilities. What a document is batched with may change a later one.
DIGITS = 4
# Where documents keep probabilities of tags that the pipeline does not keep otherwise.
_SCORES_KEY = "spacy_crf_tagger.annotate.{}"
_SPAN = {"start": int, "end": int, "label": str, "text": str}
_SCORED = {**_SPAN, "probability": float}
_CAT = {"label": str, "score": float}

Shapes = Dict[str, Any]
Values = List[Any]  # of a column, one for each document


class Column(NamedTuple):
    """A column.

    name (str): Its name.
    shape (Any): What it holds: see `schema_of_shapes`.
    read (Callable[[Sequence[Doc]], List[Any]]): Reads it off documents.
    """

    name: str
    shape: Any
    read: Callable[[Sequence[Doc]], Values]


class Columns:
    """The columns that a pipeline fills."""

    def __init__(
        self,
        nlp: Language,
        *,
        top_k: int = 0,
        min_probability: Optional[float] = None,
        prefix: str = "",
    ) -> None:
        """Look at what the components of a pipeline say that they do. A `crf_tagger`
        that computes no probabilities is made to.

        nlp (Language): The pipeline.
        top_k (int): How many analyses of each document to add.
        min_probability (Optional[float]): Also add all spans that are more probable.
        prefix (str): What the names of the columns start with.
        RAISES (ValueError): If no component can be asked for more than its predictions.
        """
        pipes = list(nlp.pipeline)
        ners = [pipe for _, pipe in pipes if isinstance(pipe, CRFEntityRecognizer)]
        others = [name for name, pipe in pipes if pipe not in ners]
        taggers = [pipe for _, pipe in pipes if isinstance(pipe, CRFTagger)]
        assigned = {
            name for pipe in nlp.pipe_names for name in nlp.get_pipe_meta(pipe).assigns
        }
        own = [*_entities(assigned, ners), *_tokens(assigned, taggers)]
        own += _cats(assigned)
        others_assign = (nlp.get_pipe_meta(name).assigns for name in others)
        writes_spans = any("doc.spans" in names for names in others_assign)
        if writes_spans or any(ner.settings.candidates_key for ner in ners):
            own.append(_spans(ners))
        if min_probability is not None:
            own.append(
                _candidates(_only_one(ners, "--min-probability"), min_probability)
            )
        if top_k:
            own += _analyses(ners, taggers, top_k)
        self._columns = [each._replace(name=f"{prefix}{each.name}") for each in own]

    @property
    def shapes(self) -> Shapes:
        """RETURNS (Dict[str, Any]): The shape of each column."""
        return {column.name: column.shape for column in self._columns}

    def __call__(self, docs: Sequence[Doc]) -> List[Dict[str, Any]]:
        """Read all columns off annotated documents.

        docs (Sequence[Doc]): The documents.
        RETURNS (List[Dict[str, Any]]): The columns of each, by name.
        """
        names = [column.name for column in self._columns]
        values = [column.read(docs) for column in self._columns]
        rows = zip(*values, strict=True) if values else ((),) * len(docs)
        return [dict(zip(names, row, strict=True)) for row in rows]


def _rounded(probability: Any) -> Optional[float]:
    return None if probability is None else round(float(probability), DIGITS)


def _span(span: Span) -> Dict[str, Any]:
    return {
        "start": span.start_char,
        "end": span.end_char,
        "label": span.label_,
        "text": span.text,
    }


def _entities(
    assigned: "set[str]", ners: Sequence[CRFEntityRecognizer]
) -> List[Column]:
    if not assigned & {"doc.ents", "token.ent_type"}:
        return []
    found = [ner.settings.spans_key for ner in ners]
    keys = [key for key in found if key is not None]
    has_ids = "token.ent_kb_id" in assigned

    def read(docs: Sequence[Doc]) -> Values:
        return [_entities_of(doc, keys, has_ids) for doc in docs]

    shape = {**(_SCORED if keys else _SPAN), **({"kb_id": str} if has_ids else {})}
    return [Column("entities", [shape], read)]


def _entities_of(doc: Doc, keys: Sequence[str], has_ids: bool) -> Values:
    ents = doc.ents
    values = [_span(ent) for ent in ents]
    if keys:
        for value, score in zip(values, first_scores(doc, ents, keys), strict=True):
            value["probability"] = _rounded(score)
    if has_ids:
        for value, ent in zip(values, ents, strict=True):
            value["kb_id"] = ent.kb_id_
    return values


def _tokens(assigned: "set[str]", taggers: Sequence[CRFTagger]) -> List[Column]:
    """RETURNS (List[Column]): A column of tokens, with their tags and parts of speech
    as far as the pipeline has them, and the probabilities of those of a `crf_tagger`.
    """
    readers: Dict[str, Callable[[Doc], Sequence[Any]]] = {}
    shape: Dict[str, Any] = {"start": int, "end": int}
    for name in ("tag", "pos"):
        if f"token.{name}" in assigned:
            readers[name] = _attribute_reader(f"{name}_")
            shape[name] = str
    for tagger in taggers:
        name = _name_of(tagger)
        readers[name] = _tag_reader(tagger)
        readers[f"{name}_probability"] = _probability_reader(tagger)
        shape.update({name: str, f"{name}_probability": float})
    if not readers:
        return []

    def read(docs: Sequence[Doc]) -> Values:
        return [_tokens_of(doc, readers) for doc in docs]

    return [Column("tokens", [shape], read)]


def _tokens_of(doc: Doc, readers: Dict[str, Callable[[Doc], Sequence[Any]]]) -> Values:
    names = ["start", "end", *readers]
    starts = [token.idx for token in doc]
    ends = [token.idx + len(token) for token in doc]
    values = [starts, ends, *(reader(doc) for reader in readers.values())]
    return [dict(zip(names, each, strict=True)) for each in zip(*values, strict=True)]


def _name_of(tagger: CRFTagger) -> str:
    return tagger.token_attribute.name.removeprefix("_.").lower()


def _attribute_reader(name: str) -> Callable[[Doc], Sequence[Any]]:
    return lambda doc: [getattr(token, name) for token in doc]


def _tag_reader(tagger: CRFTagger) -> Callable[[Doc], Sequence[Any]]:
    def read(doc: Doc) -> Sequence[Any]:
        strings = doc.vocab.strings
        return [strings[number] for number in tagger.token_attribute.read(doc).tolist()]

    return read


def _probability_reader(tagger: CRFTagger) -> Callable[[Doc], Sequence[Any]]:
    key = tagger.settings.scores_key
    if key is None:
        key = _SCORES_KEY.format(tagger.name)
        tagger.cfg["scores_key"] = key

    def read(doc: Doc) -> Sequence[Any]:
        scores = doc.user_data.get(key)
        if scores is None or len(scores) != len(doc):
            return [None] * len(doc)  # tokens were merged or split since
        return [_rounded(score) for score in scores.tolist()]

    return read


def _cats(assigned: "set[str]") -> List[Column]:
    if "doc.cats" not in assigned:
        return []

    def read(docs: Sequence[Doc]) -> Values:
        return [
            [{"label": k, "score": _rounded(v)} for k, v in doc.cats.items()]
            for doc in docs
        ]

    return [Column("cats", [_CAT], read)]


def _spans(ners: Sequence[CRFEntityRecognizer]) -> Column:
    """RETURNS (Column): What is in `doc.spans`, other than entities with scores."""
    own = {ner.settings.spans_key for ner in ners}

    def read(docs: Sequence[Doc]) -> Values:
        return [_spans_of(doc, own) for doc in docs]

    return Column("spans", [{"group": str, **_SCORED}], read)


def _spans_of(doc: Doc, left_out: "set[Optional[str]]") -> Values:
    values = []
    for key in sorted(set(doc.spans) - left_out):
        group = doc.spans[key]
        scores = group.attrs.get("scores")
        known = scores is not None and len(scores) == len(group)
        of_span = list(scores) if known else [None] * len(group)
        for span, score in zip(group, of_span, strict=True):
            value = {"group": key, **_span(span), "probability": _rounded(score)}
            values.append(value)
    return values


def _only_one(ners: Sequence[CRFEntityRecognizer], option: str) -> CRFEntityRecognizer:
    if len(ners) != 1:
        raise ValueError(
            f"{option} asks a crf_ner, of which the pipeline has {len(ners)}. It must "
            "have one."
        )
    if ners[0].settings.spans_key is None:
        raise ValueError(
            f"{option} asks component '{ners[0].name}', whose spans_key is null: it "
            "would take its own predictions for known. Set spans_key to a name."
        )
    return ners[0]


def _candidates(ner: CRFEntityRecognizer, floor: float) -> Column:
    def read(docs: Sequence[Doc]) -> Values:
        return [
            [
                {**_span(span), "probability": _rounded(probability)}
                for span, probability in of_doc
            ]
            for of_doc in ner.candidates(docs, floor)
        ]

    return Column("candidates", [_SCORED], read)


def _analyses(
    ners: Sequence[CRFEntityRecognizer], taggers: Sequence[CRFTagger], k: int
) -> List[Column]:
    columns = [_entity_analyses(_only_one(ners, "--top-k"), k)] if ners else []
    columns += [_tag_analyses(tagger, k) for tagger in taggers]
    if not columns:
        raise ValueError(
            "--top-k asks a crf_ner or a crf_tagger, of which the pipeline has none."
        )
    return columns


def _entity_analyses(ner: CRFEntityRecognizer, k: int) -> Column:
    def read(docs: Sequence[Doc]) -> Values:
        return [
            [
                {
                    "probability": _rounded(analysis.probability),
                    "entities": [_span(ent) for ent in analysis.ents],
                }
                for analysis in of_doc
            ]
            for of_doc in ner.k_best(docs, k)
        ]

    return Column("analyses", [{"probability": float, "entities": [_SPAN]}], read)


def _tag_analyses(tagger: CRFTagger, k: int) -> Column:
    def read(docs: Sequence[Doc]) -> Values:
        return [
            [
                {"probability": _rounded(each.probability), "tags": list(each.tags)}
                for each in of_doc
            ]
            for of_doc in tagger.k_best(docs, k)
        ]

    shape = [{"probability": float, "tags": [str]}]
    return Column(f"{_name_of(tagger)}_analyses", shape, read)
