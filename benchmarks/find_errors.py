"""Finding errors of annotation that are known: 5% of the entities of a corpus damaged.

    pip install -c constraints.txt -r benchmarks/requirements.txt
    python -m benchmarks.find_errors ncbi-disease

writes `benchmarks/results/find-errors-<corpus>.json`. The training part is damaged
(`harness/damage.py`), divided into folds, and judged as `spacy crf find-errors` does.
cleanlab gets the probabilities of the tags of the same tokens from the same models; a
place has the score of its worst token. What is in the work folder is not trained again.
"""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import spacy
import typer
from numpy.typing import NDArray
from spacy.tokens import Doc, DocBin
from wasabi import msg

from spacy_crf_tagger.cli.recipes import recipe_config
from spacy_crf_tagger.crf import SpanPosterior
from spacy_crf_tagger.evaluation.annotation_errors.folds import (
    assign_dev,
    assign_parts,
    keys_of,
    write_fold,
)
from spacy_crf_tagger.evaluation.annotation_errors.judging import judge
from spacy_crf_tagger.evaluation.annotation_errors.pooling import Judges
from spacy_crf_tagger.evaluation.annotation_errors.training import (
    fold_config,
    train_fold,
)
from spacy_crf_tagger.evaluation.annotation_errors.usage import Usage

from .harness.cleanlab_scores import cleanlab_scores
from .harness.damage import SHARE, Damage, counts, damage
from .harness.environment import describe
from .harness.options import CorpusName
from .harness.ranking import Place, average_precision, rank_places
from .harness.training import WORK, convert, write_result

COMPONENT = "crf_ner"
EVAL_FREQUENCY = 200


class Judged(NamedTuple):
    """What is known of all documents after they have been judged.

    places (list[Place]): The places that may be wrong.
    scores (list[float]): Our score of each.
    log_odds (list[float]): What the models alone say of each.
    tokens (dict[int, NDArray]): Our scores of tokens, by document.
    marginals (dict[int, NDArray]): The probabilities of the tags of tokens.
    tags (dict[int, NDArray]): The annotated tags.
    docs (dict[int, float]): Our scores of documents.
    """

    places: list[Place]
    scores: list[float]
    log_odds: list[float]
    tokens: dict[int, NDArray[np.float64]]
    marginals: dict[int, NDArray[np.float64]]
    tags: dict[int, NDArray[np.int64]]
    docs: dict[int, float]


def main(
    corpus: CorpusName,
    folds: Annotated[int, typer.Option(help="Folds")] = 3,
    seeds: Annotated[int, typer.Option(help="Models of each fold")] = 2,
    steps: Annotated[int, typer.Option(help="Steps of a training")] = 1600,
    seed: Annotated[int, typer.Option(help="Of the damage")] = 0,
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
) -> None:
    """Damage a corpus, train the models of its folds, and score what is found."""
    folder = work / corpus
    convert(corpus, folder)
    clean, docs = (read(folder / "train.spacy") for _ in range(2))
    done = damage(docs, seed)
    own = folder / f"find-errors-{seed}"
    parts = assign_parts(keys_of(doc.text for doc in docs), folds, seed)
    train_all(docs, parts, own, seeds, steps)
    variants = {
        f"{n} of {seeds} models": judge_all(docs, parts, own, range(n))
        for n in range(1, seeds + 1)
    }
    result = {
        **describe("find_errors"),
        "corpus": corpus,
        "share": SHARE,
        "documents": len(docs),
        "entities": sum(len(doc.ents) for doc in clean),
        "damaged": counts(done),
        "folds": folds,
        "steps": steps,
        "results": {
            name: compare(judged, done, clean, docs)
            for name, judged in variants.items()
        },
    }
    header = ("Models", "method", "AP", "first 100", "token AP", "document AP")
    rows = [
        (name, method, *(format_figure(figures.get(key)) for key in KEYS))
        for name, methods in result["results"].items()
        for method, figures in methods.items()
    ]
    msg.table(rows, header=header, divider=True)
    write_result(f"find-errors-{corpus}", result)


KEYS = ("average_precision", "precision_of_100", "token_ap", "document_ap")


def format_figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def read(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def train_all(
    docs: list[Doc], parts: list[int], folder: Path, n_seeds: int, steps: int
) -> None:
    """Train the models of all folds that are not there."""
    is_dev = assign_dev(keys_of(doc.text for doc in docs), parts, 1)
    labels = sorted({ent.label_ for doc in docs for ent in doc.ents})
    for fold in range(max(parts) + 1):
        for seed in range(n_seeds):
            out = model_path(folder, fold, seed)
            if (out / "done").exists():
                continue
            msg.info(f"Training fold {fold}, seed {seed}")
            out.mkdir(parents=True, exist_ok=True)
            files = write_fold(docs, parts, is_dev, fold, out)
            config = recipe_config([COMPONENT])
            config["training"]["max_steps"] = steps
            config["training"]["eval_frequency"] = min(EVAL_FREQUENCY, steps)
            train_fold(fold_config(config, files, seed, {COMPONENT: labels}), out)
            (out / "done").touch()


def model_path(folder: Path, fold: int, seed: int) -> Path:
    return folder / f"fold-{fold}-seed-{seed}"


def judge_all(docs: list[Doc], parts: list[int], folder: Path, seeds: range) -> Judged:
    """Judge every document by the models of its fold."""
    judged = Judged([], [], [], {}, {}, {}, {})
    usage = Usage()
    for doc in docs:
        usage.add(doc)
    for fold in range(max(parts) + 1):
        models = [model_path(folder, fold, seed) / "model-best" for seed in seeds]
        judges = Judges([spacy.load(path) for path in models], COMPONENT)
        numbers = [n for n, part in enumerate(parts) if part == fold and len(docs[n])]
        own = [docs[n] for n in numbers]
        for each in judge(judges, own, numbers, usage):
            judged.tokens[each.number] = each.tokens
            judged.docs[each.number] = each.score
            for finding in each.findings:
                place = Place(finding.doc, finding.start, finding.end)
                judged.places.append(place)
                judged.scores.append(finding.evidence)
                judged.log_odds.append(finding.log_odds)
        remaining = iter(numbers)
        for scored in judges.score(own):
            marginals = SpanPosterior(scored.lattice, judges.scheme).tags
            limits = np.cumsum(scored.lattice.lengths)[:-1]
            split = (np.split(each, limits) for each in (marginals, scored.tags))
            for rows, tags in zip(*split, strict=True):
                number = next(remaining)
                judged.marginals[number] = rows
                judged.tags[number] = tags
    return judged


def compare(
    judged: Judged, done: list[Damage], clean: list[Doc], docs: list[Doc]
) -> dict[str, dict[str, Any]]:
    """RETURNS (dict[str, dict[str, Any]]): The figures of each method."""
    numbers = sorted(judged.tokens)
    wrong = {n: np.array(changed(clean[n], docs[n])) for n in numbers}
    all_wrong = np.concatenate([wrong[n] for n in numbers])
    docs_wrong = np.array([wrong[n].any() for n in numbers])

    def figures(
        scores: list[float],
        tokens: dict[int, NDArray[np.float64]],
        doc_scores: dict[int, float],
    ) -> dict[str, Any]:
        ranked = rank_places(judged.places, scores, done)
        by_token = np.concatenate([tokens[n] for n in numbers])
        by_doc = np.array([doc_scores[n] for n in numbers])
        return {
            "average_precision": ranked.average_precision,
            "precision_of_100": ranked.precision,
            "found": ranked.found,
            "of": len(done),
            "token_ap": average_precision(by_token, all_wrong),
            "document_ap": average_precision(by_doc, docs_wrong),
        }

    results = {"find-errors": figures(judged.scores, judged.tokens, judged.docs)}
    alone = rank_places(judged.places, judged.log_odds, done)
    results["find-errors, by log_odds alone"] = {
        "average_precision": alone.average_precision,
        "precision_of_100": alone.precision,
    }
    for name, tokens in cleanlab_scores(judged.marginals, judged.tags).items():
        scores = [float(tokens[p.doc][p.start : p.end].max()) for p in judged.places]
        by_doc = {n: float(tokens[n].max()) for n in numbers}
        results[f"cleanlab, {name}"] = figures(scores, tokens, by_doc)
    return results


def changed(before: Doc, after: Doc) -> list[bool]:
    """RETURNS (list[bool]): Whether the label or border of each token has changed."""
    return [
        (a.ent_iob, a.ent_type) != (b.ent_iob, b.ent_type)
        for a, b in zip(before, after, strict=True)
    ]


if __name__ == "__main__":
    typer.run(main)
