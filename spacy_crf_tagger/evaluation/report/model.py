"""What a report says."""

from typing import Any, Dict, List, NamedTuple, Optional

from ..reliability import Reliability
from .curves import CurvePoint
from .errors import Errors
from .scores import Comparison, Score
from .sentences import Sentence


class Breakdown(NamedTuple):
    """Scores of groups.

    title (str): What the groups differ in.
    note (str): What else there is to know.
    rows (List[Score]): The scores of each group.
    """

    title: str
    note: str
    rows: List[Score]


class MucScore(NamedTuple):
    """How predictions are judged under one scheme.

    scheme (str): Its name.
    correct (int): Those that are right.
    incorrect (int): Those that are meant for an annotation, and wrong.
    partial (int): Those that overlap an annotation, where that is worth half a point.
    missed (int): Annotations that no prediction is meant for.
    spurious (int): Predictions that are meant for no annotation.
    precision (float): Points for each prediction.
    recall (float): Points for each annotation.
    f (float): Their harmonic mean.
    """

    scheme: str
    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int
    precision: float
    recall: float
    f: float


class Confusion(NamedTuple):
    """Which labels are taken for which.

    gold (List[str]): Annotated labels, and what stands for none.
    predicted (List[str]): Predicted labels, and what stands for none.
    counts (List[List[int]]): How often each annotated label is predicted as each other.
    """

    gold: List[str]
    predicted: List[str]
    counts: List[List[int]]


class Transitions(NamedTuple):
    """What a CRF has learned about tags that follow each other.

    tags (List[str]): The tags, in the order of the scores.
    scores (List[List[Optional[float]]]): The score of each tag (column) behind another
        (row); None where the tag scheme forbids it.
    n_left_out (int): How many labels are not shown.
    """

    tags: List[str]
    scores: List[List[Optional[float]]]
    n_left_out: int


class Change(NamedTuple):
    """What one pipeline gets right and the other does not.

    kind (str): Who is right, and about what.
    text (str): The text.
    label (str): The label.
    times (int): How often.
    ours (List[Sentence]): What the one finds in the first of the sentences.
    theirs (List[Sentence]): What the other finds in them.
    """

    kind: str
    text: str
    label: str
    times: int
    ours: List[Sentence]
    theirs: List[Sentence]


class Difference(NamedTuple):
    """What two pipelines differ in.

    ours (str): The name of the one.
    theirs (str): The name of the other.
    comparison (Comparison): Whether the one is better.
    overall (List[Score]): The scores of both.
    labels (List[List[Score]]): The scores of both for each label.
    times (Dict[str, int]): How often each kind of change occurs.
    changes (List[Change]): What one gets right and the other does not, the most
        frequent first.
    """

    ours: str
    theirs: str
    comparison: Comparison
    overall: List[Score]
    labels: List[List[Score]]
    times: Dict[str, int]
    changes: List[Change]


class Section(NamedTuple):
    """What there is to say about the entities of a pipeline, or about the tags of one
    of its components.

    name (str): What it is about.
    unit (str): What is counted, `entity` or `tag`.
    n_documents (int): Number of documents with annotation.
    overall (Score): All labels together.
    labels (List[Score]): Each label.
    muc (List[MucScore]): The counts of MUC; none for tags.
    errors (Errors): What is wrong.
    confusion (Confusion): Which labels are taken for which.
    breakdowns (List[Breakdown]): Scores of groups.
    calibration (Optional[Reliability]): How probabilities and correctness go together;
        None without probabilities.
    curve (List[CurvePoint]): What a threshold does; nothing without probabilities.
    threshold (Optional[float]): The threshold that is set.
    transitions (Optional[Transitions]): What a CRF has learned; None without one.
    difference (Optional[Difference]): What another pipeline does otherwise.
    """

    name: str
    unit: str
    n_documents: int
    overall: Score
    labels: List[Score]
    muc: List[MucScore]
    errors: Errors
    confusion: Confusion
    breakdowns: List[Breakdown]
    calibration: Optional[Reliability]
    curve: List[CurvePoint]
    threshold: Optional[float]
    transitions: Optional[Transitions]
    difference: Optional[Difference] = None


class Report(NamedTuple):
    """How good a pipeline is, and where it fails.

    pipeline (str): The pipeline.
    corpus (str): The documents that it is tested on.
    train (Optional[str]): The documents that it has learned.
    against (Optional[str]): The pipeline that it is compared with.
    n_documents (int): Number of documents that were read.
    n_tokens (int): Number of their tokens.
    n_samples (int): How many test sets a bootstrap has drawn.
    sections (List[Section]): Entities, and the tags of each tagger.
    """

    pipeline: str
    corpus: str
    train: Optional[str]
    against: Optional[str]
    n_documents: int
    n_tokens: int
    n_samples: int
    sections: List[Section]


def to_plain(value: Any) -> Any:
    """Turn a report into what JSON can hold.

    value (Any): The report, or a part of it.
    RETURNS (Any): Dictionaries, lists, numbers and strings.
    """
    if hasattr(value, "_asdict"):
        return {name: to_plain(each) for name, each in value._asdict().items()}
    if isinstance(value, dict):
        return {name: to_plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(each) for each in value]
    return value
