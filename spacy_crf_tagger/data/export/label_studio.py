"""Write tasks for Label Studio: with annotation, or with predictions to correct."""

from typing import Any, Dict, Iterable, Iterator, List

from .annotation import Annotated, Holds
from .json_lines import dump

HOLDS = Holds(scores=True, notes=True)
# The names in Label Studio's own template for named entities.
_FROM_NAME, _TO_NAME, _TEXT = "label", "text", "text"


def label_studio_pieces(documents: Iterable[Annotated]) -> Iterator[str]:
    """Write an array of tasks that Label Studio imports as JSON. What has probabilities
    is a prediction, which annotators see and correct; what has none is an annotation.

    documents (Iterable[Annotated]): The documents.
    YIELDS (str): The text, task by task.
    """
    before = "["
    for number, document in enumerate(documents, start=1):
        yield f"{before}\n{dump(label_studio_task(number, document))}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def label_studio_task(number: int, document: Annotated) -> Dict[str, Any]:
    """Make a task of Label Studio.

    number (int): The number of the task.
    document (Annotated): A document.
    RETURNS (Dict[str, Any]): The task.
    """
    annotations: List[Dict[str, Any]] = []
    task: Dict[str, Any] = {
        "id": number,
        # All data are columns by which tasks can be sorted.
        "data": {**document.notes, _TEXT: document.doc.text},
        "annotations": annotations,
    }
    result = _results(number, document)
    if document.model is not None:
        scores = [span.score for span in document.spans if span.score is not None]
        prediction: Dict[str, Any] = {
            "model_version": document.model,
            "result": result,
        }
        if scores:
            # What Label Studio sorts tasks by: how sure the least sure entity is.
            prediction["score"] = min(scores)
        task["predictions"] = [prediction]
    elif document.is_annotated:
        annotations.append({"result": result})
    return task


def _results(number: int, document: Annotated) -> List[Dict[str, Any]]:
    text = document.doc.text
    results: List[Dict[str, Any]] = []
    for i, span in enumerate(document.spans, start=1):
        result: Dict[str, Any] = {
            "id": f"{number}-{i}",
            "from_name": _FROM_NAME,
            "to_name": _TO_NAME,
            "type": "labels",
            "value": {
                "start": span.start_char,
                "end": span.end_char,
                "text": text[span.start_char : span.end_char],
                "labels": [span.label],
            },
        }
        if span.score is not None:
            result["score"] = span.score
        results.append(result)
    return results
