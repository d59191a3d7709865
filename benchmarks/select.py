"""What choosing saves: the loop of `spacy crf select` with a simulated annotator,
beside a random choice, by the tokens that are annotated.

    python -m benchmarks.select ncbi-disease

writes `benchmarks/results/select-ncbi-disease.json`, and `docs/select.svg` of all
corpora that have a result. Each round trains from scratch on what is annotated, scores
the best model on test, and chooses as many tokens as lead to the next share. On one
quiet core a training of NCBI-disease takes one and a half minutes, and five seeds of
three strategies about three hours; what is in the work folder is not done again.
"""

import random
import statistics
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from spacy import blank
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from wasabi import msg

from .harness.curves import mean_curve, plot_curves, share_needed
from .harness.environment import describe
from .harness.options import CorpusName, PlotOnly, Work
from .harness.training import (
    RESULTS,
    ROOT,
    WORK,
    Budget,
    budgeted,
    config_path,
    convert,
    spacy,
    train_and_score,
    write_result,
)

NAMES = {
    "ncbi-disease": "NCBI-disease",
    "wnut17": "WNUT 2017",
    "astronomy": "demo corpus",
}
# The same for every share, and for all tokens.
BUDGETS = {
    "ncbi-disease": Budget(800, 100),
    "wnut17": Budget(800, 100),
    "astronomy": Budget(400, 50),
}
SHARES = {
    "ncbi-disease": "0.05,0.1,0.15,0.2,0.3,0.4",
    "wnut17": "0.05,0.1,0.15,0.2,0.3,0.4",
    "astronomy": "0.15,0.25,0.35,0.45,0.6,0.75",
}
RANDOM = "random"
FULL = 0.95  # of the F of all tokens, which is to be reached


def main(
    corpus: CorpusName = "ncbi-disease",
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2,3,4",
    strategies: Annotated[
        str, typer.Option(help="What texts are chosen by")
    ] = "random,entropy,mnlp",
    shares: Annotated[
        str | None, typer.Option(help="Shares of tokens, one for each round")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a training")] = None,
    diversity: Annotated[float, typer.Option(help="As of spacy crf select")] = 0.5,
    work: Work = WORK,
    results: Annotated[Path, typer.Option(help="Folder for the result")] = RESULTS,
    plot_only: PlotOnly = False,
) -> None:
    """Go around the loop with every strategy and seed, write the result, and plot."""
    if not plot_only:
        folder = work / corpus
        convert(corpus, folder)
        budget = BUDGETS[corpus]
        if steps is not None:
            budget = Budget(steps, min(steps, budget.eval_frequency))
        rounds = [float(share) for share in (shares or SHARES[corpus]).split(",")]
        measured = measure(
            folder, seeds, strategies.split(","), rounds, budget, diversity
        )
        result = {
            **describe("select"),
            "corpus": corpus,
            "budget": budget._asdict(),
            "diversity": diversity,
            **measured,
        }
        show(result)
        write_result(f"select-{corpus}", result, results)
    plot(results)


def measure(
    folder: Path,
    seeds: str,
    strategies: list[str],
    shares: list[float],
    budget: Budget,
    diversity: float,
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): All runs, their means, F of all tokens, and the share
    of tokens that each strategy needs for 95% of it.
    """
    runs, full = [], []
    for seed in map(int, seeds.split(",")):
        out = folder / f"select-{budget.steps}-{seed}"
        full.append(score(out / "all", folder / "train.spacy", folder, budget, seed))
        for strategy in strategies:
            name = strategy if strategy == RANDOM else f"{strategy}-{diversity:g}"
            loop = Loop(folder, out / name, out / "start.spacy", budget, seed)
            rounds = loop.run(strategy, shares, diversity)
            runs.append({"strategy": strategy, "seed": seed, "rounds": rounds})
    means = {strategy: mean_curve(runs, strategy) for strategy in strategies}
    f = statistics.fmean(each["test_f"] for each in full)
    return {
        "full": {"test_f": f, "runs": full},
        "share of tokens for 95% of full F": {
            strategy: share_needed(curve, FULL * f) for strategy, curve in means.items()
        },
        "mean": means,
        "runs": runs,
    }


class Loop:
    """Rounds of training and annotating.

    folder (Path): Where the corpus is.
    out (Path): Where models and what is annotated are written.
    start (Path): Where the texts of the first round are, the same for all strategies.
    budget (Budget): How long a training is.
    seed (int): The random seed.
    """

    def __init__(
        self, folder: Path, out: Path, start: Path, budget: Budget, seed: int
    ) -> None:
        self._folder = folder
        self._out = out
        self._start = start
        self._budget = budget
        self._seed = seed
        self._pool = read(folder / "train.spacy")
        self._model = out  # the last one

    def run(
        self, strategy: str, shares: list[float], diversity: float
    ) -> list[dict[str, float]]:
        """RETURNS (list[dict[str, float]]): Of each round, the share of tokens that
        were annotated, and the scores.
        """
        self._out.mkdir(parents=True, exist_ok=True)
        if not self._start.exists():
            write(self._draw(shares[0]), self._start)
        annotated = self._start
        n_all = count(self._pool)
        rounds = []
        for number, share in enumerate(shares):
            if number:
                wanted = round(share * n_all) - count(read(annotated))
                annotated = self._annotate(
                    number, annotated, wanted, strategy, diversity
                )
            # Of the first round, all strategies have the same model.
            own = self._out if number else self._start.parent
            model = own / f"model-{number}"
            scores = score(model, annotated, self._folder, self._budget, self._seed)
            rounds.append({"share": count(read(annotated)) / n_all, **scores})
            self._model = model / "model-best"
        return rounds

    def _draw(self, share: float) -> list[Doc]:
        docs = list(self._pool)
        random.Random(self._seed).shuffle(docs)
        most = share * count(docs)
        drawn: list[Doc] = []
        for doc in docs:
            if drawn and count([*drawn, doc]) > most:
                return drawn
            drawn.append(doc)
        return drawn

    def _annotate(
        self, number: int, annotated: Path, wanted: int, strategy: str, diversity: float
    ) -> Path:
        """RETURNS (Path): What was annotated, and what is chosen by the last model."""
        merged = self._out / f"annotated-{number}.spacy"
        if not merged.exists():
            chosen = self._out / f"chosen-{number}.spacy"
            spacy(
                *("crf", "select", self._model, self._folder / "train.spacy", chosen),
                *("--tokens", wanted, "--by", strategy, "--diversity", diversity),
                *("--exclude", annotated, "--seed", self._seed, "--simulate"),
            )
            write([*read(annotated), *read(chosen)], merged)
        return merged


def score(
    out: Path, corpus: Path, folder: Path, budget: Budget, seed: int
) -> dict[str, float]:
    """RETURNS (dict[str, float]): The scores of a model that is trained on a corpus."""
    overrides = budgeted(budget, seed)
    return train_and_score(config_path("crf_ner"), out, corpus, folder, overrides)


def read(path: Path) -> list[Doc]:
    """RETURNS (list[Doc]): Documents, all of one vocabulary."""
    return list(DocBin().from_disk(path).get_docs(VOCAB))


def write(docs: list[Doc], path: Path) -> None:
    """Write documents."""
    DocBin(docs=docs).to_disk(path)


def count(docs: list[Doc]) -> int:
    """RETURNS (int): The number of their tokens."""
    return sum(map(len, docs))


def show(result: dict[str, Any]) -> None:
    """Print the means."""
    msg.divider(f"{result['corpus']}, F of all tokens {result['full']['test_f']:.3f}")
    rows = []
    for strategy, curve in result["mean"].items():
        needed = result["share of tokens for 95% of full F"][strategy]
        cells = [f"{f:.3f}" for f in curve["f"]]
        rows.append([strategy, *cells, "–" if needed is None else f"{needed:.0%}"])
    shares = [f"{share:.0%}" for share in next(iter(result["mean"].values()))["share"]]
    msg.table(rows, header=["", *shares, "tokens for 95%"], divider=True)


def plot(results: Path) -> None:
    """Draw the curves of all corpora that have a result."""
    paths = {title: results / f"select-{name}.json" for name, title in NAMES.items()}
    found = {title: srsly.read_json(p) for title, p in paths.items() if p.exists()}
    if found:
        docs = ROOT / "docs" if results == RESULTS else results
        plot_curves(found, docs / "select.svg")


VOCAB: Vocab = blank("en").vocab

if __name__ == "__main__":
    typer.run(main)
