"""Look up the scores of entities, and prepare them for displaCy."""

from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from spacy.tokens import Doc, Span


def entity_scores(doc: Doc, spans_key: str = "crf_ner") -> List[Optional[float]]:
    """Look up the score of each entity of a document.

    doc (Doc): A document that `crf_ner` has annotated.
    spans_key (str): Its span group with scores.
    RETURNS (List[Optional[float]]): The probability of each of `doc.ents`; None for
        those that the group does not have, because they were set by something else.
    RAISES (ValueError): If the document has no such group with scores.
    """
    return span_scores(doc, doc.ents, spans_key)


def span_scores(
    doc: Doc, spans: Sequence[Span], spans_key: str = "crf_ner"
) -> List[Optional[float]]:
    """Look up the score of spans of a document.

    doc (Doc): A document that `crf_ner` has annotated.
    spans (Sequence[Span]): The spans.
    spans_key (str): Its span group with scores.
    RETURNS (List[Optional[float]]): The probability of each span; None for those that
        the group does not have.
    RAISES (ValueError): If the document has no such group with scores.
    """
    group = doc.spans.get(spans_key)
    if group is None:
        raise ValueError(
            f"The document has no span group {spans_key!r} with scores, only "
            f"{sorted(doc.spans)}. Let a crf_ner whose spans_key is {spans_key!r} "
            "annotate it first."
        )
    if "scores" not in group.attrs:
        raise ValueError(
            f"The span group {spans_key!r} of the document has no scores. If a crf_ner "
            "has written it, spaCy has dropped them since, as it does in Doc.from_docs "
            "and Doc.to_json: look scores up before, or let crf_ner annotate the new "
            "document. (Doc.copy, Doc.to_bytes and DocBin keep them.)"
        )
    values = np.asarray(group.attrs["scores"], dtype=np.float64).tolist()
    scores = {
        (span.start, span.end, span.label): score
        for span, score in zip(group, values, strict=True)
    }
    return [scores.get((span.start, span.end, span.label)) for span in spans]


def first_scores(
    doc: Doc, spans: Sequence[Span], spans_keys: Sequence[str]
) -> List[Optional[float]]:
    """Look up the score of spans of a document that several components may have
    annotated.

    doc (Doc): The document.
    spans (Sequence[Span]): The spans.
    spans_keys (Sequence[str]): The span groups with scores.
    RETURNS (List[Optional[float]]): The probability of each span by the first group
        that has it; None for those that none has.
    RAISES (ValueError): If the document lacks a group with scores.
    """
    if not spans or not spans_keys:
        return [None] * len(spans)
    by_key = [span_scores(doc, spans, key) for key in spans_keys]
    if len(by_key) == 1:
        return by_key[0]
    of_span = zip(*by_key, strict=True)
    return [next((s for s in own if s is not None), None) for own in of_span]


def displacy_ents(doc: Doc, spans_key: str = "crf_ner") -> Dict[str, Any]:
    """Prepare the entities of a document for `displacy.render(…, style="ent",
    manual=True)`. The score stands behind the label, so that colours still go by label.

    doc (Doc): A document that `crf_ner` has annotated.
    spans_key (str): Its span group with scores.
    RETURNS (Dict[str, Any]): What displaCy takes.
    RAISES (ValueError): If the document has no such group with scores.
    """
    ents = [
        {
            "start": ent.start_char,
            "end": ent.end_char,
            "label": ent.label_,
            "kb_id": "" if score is None else f"{score:.2f}",
            "kb_url": "#",
        }
        for ent, score in zip(doc.ents, entity_scores(doc, spans_key), strict=True)
    ]
    return {"text": doc.text, "ents": ents, "title": doc.user_data.get("title")}
