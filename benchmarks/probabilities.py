"""What the probabilities of entities are worth: calibration on test with a temperature
fitted on dev, precision of the more probable half, and the dial between precision and
recall with settings chosen on dev.

    python -m benchmarks.probabilities

writes `benchmarks/results/probabilities.json`, and the plots `docs/reliability.svg` and
`docs/dial.svg`. Needs the models of `python -m benchmarks.accuracy` for ncbi-disease
and wnut17; takes three minutes. `--plot-only` draws again what the committed result
has.
"""

import statistics
from typing import Annotated, Any

import numpy as np
import spacy
import srsly
import typer
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.training import Corpus, Example
from wasabi import msg

from spacy_crf_tagger.evaluation.calibration import analyse_examples, fit_temperature
from spacy_crf_tagger.evaluation.plots import plot_reliability
from spacy_crf_tagger.evaluation.reliability import (
    Bin,
    Reliability,
    ScoredPredictions,
    reliability,
    score_entities,
)

from .harness.environment import describe
from .harness.options import PlotOnly, Work
from .harness.plots import plot_dial
from .harness.training import RESULTS, ROOT, WORK, write_result

NAMES = {"ncbi-disease": "NCBI-disease", "wnut17": "WNUT 2017"}
DIAL = "wnut17"
THRESHOLDS = [0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6]
COMPONENT = "crf_ner"


def main(
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    work: Work = WORK,
    plot_only: PlotOnly = False,
) -> None:
    """Measure, plot, and write the result."""
    if plot_only:
        plot(srsly.read_json(RESULTS / "probabilities.json"))
        return
    runs: list[dict[str, Any]] = []
    entities: dict[str, dict[str, list[ScoredPredictions]]] = {}
    for corpus in NAMES:
        entities[corpus] = {"before": [], "after": []}
        for seed in map(int, seeds.split(",")):
            nlp = spacy.load(work / corpus / f"crf_ner-{seed}" / "model-best")
            parts = {
                part: list(Corpus(work / corpus / f"{part}.spacy")(nlp))
                for part in ("dev", "test")
            }
            run = {"corpus": corpus, "seed": seed, **calibrate(nlp, parts, entities)}
            if corpus == DIAL:
                run["dial"] = turn_dial(nlp, parts)
            runs.append(run)
    result = {
        **describe("probabilities"),
        "runs": runs,
        "mean": {corpus: means(runs, corpus) for corpus in NAMES},
    }
    show(result)
    pooled = {
        f"{corpus} {when}": reliability(
            *map(np.concatenate, zip(*of_seeds, strict=True))
        )
        for corpus, by_time in entities.items()
        for when, of_seeds in by_time.items()
    }
    result["pooled ece"] = {name: found.ece for name, found in pooled.items()}
    result["pooled"] = {name: found._asdict() for name, found in pooled.items()}
    plot(result)
    write_result("probabilities", result)


def plot(result: dict[str, Any]) -> None:
    """Draw the dial and, of a result that has its bins, the reliability."""
    dials = [run["dial"] for run in result["runs"] if "dial" in run]
    plot_dial(dials, NAMES[DIAL], ROOT / "docs" / "dial.svg")
    plotted = {}
    for name, found in result.get("pooled", {}).items():
        corpus, when = name.split()
        bins = [Bin(*part) for part in found["bins"]]
        plotted[f"{NAMES[corpus]}, {when}"] = Reliability(**{**found, "bins": bins})
    if plotted:
        plot_reliability(plotted, ROOT / "docs" / "reliability.svg")


def calibrate(
    nlp: Language,
    parts: dict[str, list[Example]],
    entities: dict[str, dict[str, list[ScoredPredictions]]],
) -> dict[str, Any]:
    """Fit the temperature on dev, and measure the scores on test before and after."""
    corpus = list(entities)[-1]
    measured: dict[str, Any] = {}
    for when in ("before", "after"):
        if when == "after":
            temperature = fit_temperature(nlp, parts["dev"], COMPONENT)
            nlp.get_pipe(COMPONENT).temperature = temperature
            measured["temperature"] = temperature
        scored = score_entities(analyse_examples(nlp, parts["test"]), COMPONENT)
        entities[corpus][when].append(scored)
        found = reliability(*scored)
        measured[f"ece_{when}"] = found.ece
        measured[f"brier_{when}"] = found.brier
    best_first = np.argsort(-scored.scores, kind="stable")
    upper_half = best_first[: len(best_first) // 2]
    measured["precision_of_upper_half"] = float(scored.correct[upper_half].mean())
    measured["precision"] = float(scored.correct.mean())
    measured["entities"] = len(scored.scores)
    # What a perfectly calibrated model would be measured as on as many entities.
    rng = np.random.default_rng(0)
    drawn = [rng.random(len(scored.scores)) < scored.scores for _ in range(500)]
    errors = [reliability(scored.scores, outcome).ece for outcome in drawn]
    measured["ece_if_perfect"] = statistics.fmean(e for e in errors if e is not None)
    return measured


def turn_dial(nlp: Language, parts: dict[str, list[Example]]) -> dict[str, Any]:
    """Score Viterbi, and minimum risk at every threshold, on dev and test. The chosen
    threshold is the one with the best F on dev.
    """
    settings = nlp.get_pipe(COMPONENT).cfg
    dial: dict[str, Any] = {"viterbi": score(nlp, parts)}
    settings["decoder"] = "mbr"
    curve = []
    for threshold in THRESHOLDS:
        settings["threshold"] = threshold
        curve.append({"threshold": threshold, **score(nlp, parts)})
    settings.update(decoder="viterbi", threshold=None)
    dial["curve"] = curve
    dial["chosen"] = max(curve, key=lambda point: point["dev_f"])
    return dial


def score(nlp: Language, parts: dict[str, list[Example]]) -> dict[str, float]:
    """RETURNS (dict[str, float]): Precision, recall and F on each part."""
    scores: dict[str, float] = {}
    for part, examples in parts.items():
        found = get_ner_prf(analyse_examples(nlp, examples))
        scores |= {f"{part}_{key}": found[f"ents_{key}"] for key in "prf"}
    return scores


def means(runs: list[dict[str, Any]], corpus: str) -> dict[str, float]:
    """RETURNS (dict[str, float]): Means over the seeds."""
    own = [run for run in runs if run["corpus"] == corpus]
    keys = [key for key in own[0] if key not in ("corpus", "seed", "dial")]
    result = {key: statistics.fmean(run[key] for run in own) for key in keys}
    for name in ("viterbi", "chosen") if "dial" in own[0] else ():
        for key in ("dev_f", "test_p", "test_r", "test_f"):
            values = [run["dial"][name][key] for run in own]
            result[f"{name}_{key}"] = statistics.fmean(values)
    return result


def show(result: dict[str, Any]) -> None:
    """Print the means."""
    for corpus, mean in result["mean"].items():
        msg.divider(NAMES[corpus])
        msg.table({key: f"{value:.3f}" for key, value in mean.items()})


if __name__ == "__main__":
    typer.run(main)
