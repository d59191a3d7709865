"""Accuracy of crf_tagger beside spaCy's tagger: same data, no more words read, several
seeds; the best model on dev is scored once on test.

    python -m benchmarks.tagging ewt-xpos
    python -m benchmarks.tagging ewt-upos
    python -m benchmarks.tagging imst-xpos
    python -m benchmarks.tagging imst-upos

writes `benchmarks/results/tagging-<corpus>.json`: the accuracy on all words, and on
those that do not occur in the training part; and of `crf_tagger`, how well its
probabilities are calibrated, before and after a temperature is fitted on dev. With
`--vectors`, both have the word vectors of a layer of an encoder (see
`benchmarks.pretrained`), and the result is `tagging-<corpus>-vectors.json`. What is
already in the work folder is not trained again.
"""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import spacy
import srsly
import typer
from spacy.language import Language
from spacy.training import Corpus, Example
from wasabi import msg

from spacy_crf_tagger.evaluation.calibration import analyse_examples, fit_temperature

from .harness.comparison import Setup
from .harness.environment import describe
from .harness.training import (
    PARTS,
    ROOT,
    WORK,
    Budget,
    budgeted,
    config_path,
    make_vectors,
    mean,
    train,
    write_result,
)
from .harness.treebanks import TREEBANKS, convert, corpus_names
from .pretrained import LAYER, Knowledge

MODELS = ("crf_tagger", "tagger")
# As many words for both: crf_tagger has larger batches at first.
BUDGETS = {
    "crf_tagger": {"ewt": Budget(2000, 200), "imst": Budget(800, 100)},
    "tagger": {"ewt": Budget(3400, 200), "imst": Budget(2400, 100)},
}
VECTORS = {
    "crf_tagger": "components.crf_tagger.model.tok2vec.include_static_vectors",
    "tagger": "components.tok2vec.model.embed.include_static_vectors",
}


class Score(NamedTuple):
    """The accuracy of tags.

    acc (float): Share of all annotated words that have the right tag.
    unknown_acc (float): The same of words that do not occur in training.
    unknown (int): Number of such words.
    """

    acc: float
    unknown_acc: float
    unknown: int


def main(
    corpus: Annotated[str, typer.Argument(help=f"One of {corpus_names()}")],
    models: Annotated[str, typer.Option(help="Names of models")] = ",".join(MODELS),
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    vectors: Annotated[bool, typer.Option("--vectors", help="Use vectors")] = False,
    encoder: Annotated[Path, typer.Option(help="Folder of the encoder")] = (
        ROOT / "assets" / "minilm"
    ),
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
) -> None:
    """Train and score every model with every seed, and write the result."""
    folder = work / corpus
    convert(corpus, folder)
    name = f"{corpus}-vectors" if vectors else corpus
    settings: dict[str, Any] = {"nlp.lang": TREEBANKS[corpus.split("-")[0]].lang}
    if vectors:
        settings["paths.vectors"] = make_vectors(
            folder, encoder, Knowledge.layer.value, LAYER
        )
    setups = {
        model: setup_of(model, corpus, folder, settings, vectors)
        for model in models.split(",")
    }
    runs = [
        {"model": model, "seed": seed, **run(model, setup, folder, seed)}
        for model, setup in setups.items()
        for seed in map(int, seeds.split(","))
    ]
    means = {model: mean(runs, model, "test_acc") for model in setups}
    result = {
        **describe("tagging"),
        "corpus": corpus,
        "setups": {model: setup.fingerprint() for model, setup in setups.items()},
        "runs": runs,
        "mean": means,
    }
    show(means)
    write_result(f"tagging-{name}", result)


def setup_of(
    model: str, corpus: str, folder: Path, settings: dict[str, Any], vectors: bool
) -> Setup:
    """RETURNS (Setup): How a model is trained."""
    name = f"{model}-vectors" if vectors else model
    more = {VECTORS[model]: "true"} if vectors else {}
    budget = BUDGETS[model][corpus.split("-")[0]]
    return Setup(config_path(model), budget, {**settings, **more}, folder / name)


def run(model: str, setup: Setup, folder: Path, seed: int) -> dict[str, Any]:
    """Train a model and score its best version, unless that is done.

    RETURNS (dict[str, Any]): Accuracies on dev and test, and calibration on test.
    """
    out = setup.out.with_name(f"{setup.out.name}-{seed}")
    found = out / "scores.json"
    if not found.exists():
        overrides = {**budgeted(setup.budget, seed), **setup.settings}
        train(setup.config, out, folder / "train.spacy", folder, overrides)
        nlp = spacy.load(out / "model-best")
        srsly.write_json(found, score(nlp, folder))
    return dict(srsly.read_json(found))


def score(nlp: Language, folder: Path) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Accuracies on dev and test, and calibration on test."""
    examples = {part: list(Corpus(folder / f"{part}.spacy")(nlp)) for part in PARTS}
    seen = {token.text for example in examples["train"] for token in example.y}
    scores: dict[str, Any] = {}
    for part in ("dev", "test"):
        analysed = analyse_examples(nlp, examples[part])
        for name, value in accuracy(analysed, seen)._asdict().items():
            scores[f"{part}_{name}"] = value
    if "crf_tagger" in nlp.pipe_names:
        tagger = nlp.get_pipe("crf_tagger")
        tagger.scores_key = "probabilities"
        scores["test_ece"] = nlp.evaluate(examples["test"])["tag_ece"]
        tagger.temperature = fit_temperature(nlp, examples["dev"])
        scores["temperature"] = tagger.temperature
        scores["test_ece_calibrated"] = nlp.evaluate(examples["test"])["tag_ece"]
    return scores


def accuracy(examples: list[Example], seen: set[str]) -> Score:
    """RETURNS (Score): The accuracy of analysed examples. Both documents of an example
    have the same tokens.
    """
    right, unknown = [], []
    for example in examples:
        for token, gold in zip(example.x, example.y, strict=True):
            if gold.tag:
                right.append(token.tag == gold.tag)
                unknown.append(token.text not in seen)
    is_right, is_unknown = np.array(right), np.array(unknown)
    return Score(
        float(is_right.mean()),
        float(is_right[is_unknown].mean()),
        int(is_unknown.sum()),
    )


def show(means: dict[str, dict[str, float]]) -> None:
    """Print the means of each model."""
    keys = ["dev_acc", "test_acc", "test_acc_sd", "dev_unknown_acc", "test_unknown_acc"]
    rows = [
        [name, *(f"{100 * mean[key]:.2f}" for key in keys)]
        for name, mean in means.items()
    ]
    msg.table(rows, header=["", *keys], divider=True)


if __name__ == "__main__":
    typer.run(main)
