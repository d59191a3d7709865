"""`spacy crf guarantee`: candidates, and a promise about the entities that are
missed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Dict, List, NamedTuple, Optional

import typer
from spacy.language import Language
from spacy.training import Corpus, Example
from tqdm import tqdm
from wasabi import msg

from .errors import explained
from .figures import analyse_with_progress, format_figure
from .loading import (
    ComponentOption,
    ModelArgument,
    check_output,
    load_pipeline,
    reading_docs,
    save_pipeline,
)

if TYPE_CHECKING:
    from ..evaluation.risk_control import ControlledFloor
    from ..pipeline.ner.component import CRFEntityRecognizer

_SPANS_KEY = "crf_ner_candidates"


class Promise(NamedTuple):
    """What is promised.

    miss_rate (float): The expected share of entities that may be missed.
    per_label (bool): Whether it is promised of each label, and not of all entities
        together.
    most_entities (Optional[int]): The most entities that a document can have, if it is
        promised of the share of all entities, and not of the mean over documents.
    """

    miss_rate: float
    per_label: bool = False
    most_entities: Optional[int] = None


def guarantee_cli(
    model: ModelArgument,
    heldout: Annotated[
        Path,
        typer.Argument(
            metavar="HELDOUT",
            help="Annotated .spacy file that nothing was learned or chosen by",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Directory to write the pipeline to; may be MODEL"
        ),
    ],
    miss_rate: Annotated[
        float,
        typer.Option(
            "--miss-rate", "-m", help="Share of entities that may be missed, on average"
        ),
    ],
    per_label: Annotated[
        bool,
        typer.Option("--per-label", help="Promise it of each label, by its own floor"),
    ] = False,
    most_entities: Annotated[
        Optional[int],
        typer.Option(
            "--most-entities",
            min=1,
            help="Promise it of all entities together, and not of the mean over "
            "documents, if no document has more than so many",
        ),
    ] = None,
    least_floor: Annotated[
        float,
        typer.Option(
            "--least-floor", help="Probability below which no span is a candidate"
        ),
    ] = 1e-4,
    spans_key: Annotated[
        str,
        typer.Option("--spans-key", "-k", help="Where doc.spans holds the candidates"),
    ] = _SPANS_KEY,
    component: ComponentOption = None,
) -> None:
    """Find the floor of probability above which spans are offered as candidates, such
    that on average at most a given share of the entities of a document is missed, and
    save it with the pipeline: conformal risk control.

    The pipeline then writes all spans above the floor, with their probabilities, to
    doc.spans["crf_ner_candidates"]; doc.ents stays what it is. The promise holds for
    documents that could as well have been among the held-out ones. Example:

    python -m spacy crf guarantee calibrated heldout.spacy safe --miss-rate 0.05
    """
    guarantee(
        model,
        heldout,
        output,
        Promise(miss_rate, per_label, most_entities),
        least_floor=least_floor,
        spans_key=spans_key,
        component=component,
    )


def guarantee(
    model: str,
    heldout: Path,
    output: Path,
    promise: Promise,
    *,
    least_floor: float = 1e-4,
    spans_key: str = _SPANS_KEY,
    component: Optional[str] = None,
) -> None:
    """Find the floors of candidates that keep a promise, save them with the pipeline,
    and print what they mean.

    model (str): Name of an installed pipeline package, or a path.
    heldout (Path): The annotated documents.
    output (Path): Where to write the pipeline.
    promise (Promise): What is promised.
    least_floor (float): The lowest floor that is possible.
    spans_key (str): Where `doc.spans` will hold the candidates.
    component (Optional[str]): The name of the component; None for `crf_ner`, or else
        the only one that there is.
    """
    from ..evaluation.guarantee import (
        control_floors,
        entity_probabilities,
        find_recognizer,
    )

    check_output(output, heldout)
    nlp = load_pipeline(model)
    with reading_docs(heldout):
        examples = list(Corpus(heldout)(nlp))
    with explained(f"Can't guarantee it for {model}", ValueError):
        name, ner = find_recognizer(nlp, component)
        _require_own_key(nlp, name, spans_key)
        msg.info(f"Asking {name} of {model} about the entities of {heldout}")
        bar = tqdm(examples, unit="doc", disable=None, leave=False)
        floors = control_floors(
            entity_probabilities(nlp, bar, name),
            promise.miss_rate,
            per_label=promise.per_label,
            least_floor=least_floor,
            most_entities=promise.most_entities,
        )
        lowest = min(each.floor for each in floors.values())
        ner.change_settings(
            candidates_key=spans_key,
            candidates_floor=lowest,
            label_floors={k: v.floor for k, v in floors.items() if k in ner.labels},
        )
    analysed = analyse_with_progress(nlp, examples, "Counting candidates")
    _report(floors, _count(analysed, spans_key))
    if promise.per_label:
        _warn_of_others(ner, floors)
    nlp.meta.setdefault("guarantees", {})[name] = _describe(promise, floors)
    save_pipeline(nlp, output)
    of_what = "a document" if promise.most_entities is None else "all documents"
    msg.text(
        f"On average at most {promise.miss_rate:g} of the entities of {of_what} are "
        f"not in doc.spans[{spans_key!r}], if documents are exchangeable with those of "
        f"{heldout}."
    )


def _require_own_key(nlp: Language, name: str, spans_key: str) -> None:
    """Two components would write into one group, and what one promises be lost."""
    for other, pipe in nlp.pipeline:
        cfg = getattr(pipe, "cfg", None) or {}
        if other != name and spans_key in (
            cfg.get("candidates_key"),
            cfg.get("spans_key"),
        ):
            raise ValueError(
                f"'{other}' writes to doc.spans[{spans_key!r}] as well, and would "
                "replace the candidates. Name another group by --spans-key."
            )


def _count(analysed: List[Example], spans_key: str) -> Dict[str, int]:
    """RETURNS (Dict[str, int]): The candidates of each label, and all (by "")."""
    counts: Dict[str, int] = {}
    for example in analysed:
        for span in example.x.spans.get(spans_key, ()):
            for label in ("", span.label_):
                counts[label] = counts.get(label, 0) + 1
    return counts


def _report(floors: "Dict[str, ControlledFloor]", counts: Dict[str, int]) -> None:
    rows = [
        (
            label or "all",
            f"{found.floor:.6f}",
            str(found.n_docs),
            str(found.n_entities),
            str(found.n_missed),
            format_figure(found.bound),
            f"{counts.get(label, 0) / found.n_entities:.2f}",
        )
        for label, found in floors.items()
    ]
    header = (
        "Label",
        "Floor",
        "Documents",
        "Entities",
        "Missed",
        "Promised",
        "Candidates per entity",
    )
    msg.table(rows, header=header, aligns=("l", *"rrrrrr"), divider=True)


def _warn_of_others(
    ner: "CRFEntityRecognizer", floors: "Dict[str, ControlledFloor]"
) -> None:
    others = [label for label in ner.labels if label not in floors]
    if others:
        msg.warn(
            f"Nothing is promised of {', '.join(others)}",
            "The held-out documents have no entity of these labels, which get the "
            "lowest floor of the others.",
        )


def _describe(promise: Promise, floors: "Dict[str, ControlledFloor]") -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What `meta.json` says of the promise."""
    found = {label or "all": each._asdict() for label, each in floors.items()}
    return {**promise._asdict(), "found": found}
