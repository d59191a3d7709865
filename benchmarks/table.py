"""The tables of the README, from the committed results.

python -m benchmarks.table
"""

from typing import Any

import srsly

from .harness.training import CORPORA, REGROUPED, RESULTS
from .harness.treebanks import corpus_names

NAMES = {
    "ncbi-disease": "NCBI-disease",
    "wnut17": "WNUT 2017",
    "astronomy": "demo corpus",
    "ncbi-documents": "NCBI-disease in documents of 8 sentences",
}
SPEED_CORPORA = ("wnut17", "ncbi-disease")
TREEBANK_NAMES = {"ewt": "UD English EWT", "imst": "UD Turkish IMST"}
KNOWLEDGE = {
    "clusters": "word clusters",
    "vectors": "vectors made from MiniLM",
    "layer": "vectors made from its fourth layer",
    "context": "the same, of words in texts",
    "pieces": "the fourth layer, words of train and dev, and pieces",
    "known-words": "the same without pieces",
    "vectors-and-clusters": "both",
    "transformer": "MiniLM trained further",
}


def main() -> None:
    """Print all tables."""
    print_accuracy()
    print_pretrained()
    print_tagging()
    print_calibration()
    print_partial_annotation()
    print_find_errors()
    print_speed()
    print_growth()
    print_crf()
    print_crf("crf-1-threads-any-sequence")


def print_accuracy() -> None:
    """Print accuracy without pretrained knowledge."""
    corpora = [corpus for corpus in CORPORA if corpus not in REGROUPED]
    print_scores({NAMES[corpus]: f"accuracy-{corpus}" for corpus in corpora})


def print_pretrained() -> None:
    """Print accuracy with what a pretrained encoder knows, as far as it is measured."""
    names = {
        f"{NAMES[corpus]}, {words}": f"{knowledge}-{corpus}"
        for knowledge, words in KNOWLEDGE.items()
        for corpus in CORPORA
    }
    print()
    print_scores(
        {
            row: name
            for row, name in names.items()
            if (RESULTS / f"{name}.json").exists()
        }
    )


def print_scores(results: dict[str, str]) -> None:
    """Print precision, recall and F on test, as means over the seeds: a row for each
    result, by what the row is called.
    """
    print("| test, mean of 3 seeds | `crf_ner` P / R / **F** | `ner` P / R / **F** |")
    print("| --- | --- | --- |")
    for row, name in results.items():
        means = read(name)["mean"]
        # What ner cannot take, it was not trained with.
        cells = [
            cell(means[model]) if model in means else "–"
            for model in ("crf_ner", "ner")
        ]
        print(f"| {row} | {cells[0]} | {cells[1]} |")


def print_tagging() -> None:
    """Print the accuracy of taggers, as far as it is measured."""
    print(
        "\n| test, mean of 3 seeds | `crf_tagger` | `tagger` | unknown words: "
        "`crf_tagger` | `tagger` | ECE before | after |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for corpus in corpus_names():
        treebank, column = corpus.split("-")
        for ending, words in (("", ""), ("-vectors", ", MiniLM's vectors")):
            name = f"tagging-{corpus}{ending}"
            if (RESULTS / f"{name}.json").exists():
                row = f"{TREEBANK_NAMES[treebank]}, {column.upper()}{words}"
                print_tagger_scores(row, read(name)["mean"])


def print_tagger_scores(row: str, means: dict[str, dict[str, float]]) -> None:
    """Print a row of the table of taggers."""
    ours, peer = means["crf_tagger"], means["tagger"]
    cells = [
        f"**{100 * ours['test_acc']:.1f}** ± {100 * ours['test_acc_sd']:.1f}",
        f"{100 * peer['test_acc']:.1f} ± {100 * peer['test_acc_sd']:.1f}",
        f"**{100 * ours['test_unknown_acc']:.1f}**",
        f"{100 * peer['test_unknown_acc']:.1f}",
        f"{ours['test_ece']:.3f}",
        f"{ours['test_ece_calibrated']:.3f}",
    ]
    print(f"| {row} | {' | '.join(cells)} |")


def print_calibration() -> None:
    """Print calibration errors, and precision by score."""
    print(
        "\n| test, means of 3 seeds | ECE before | **after** | a perfect model | "
        "precision of all entities | of the more probable half |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for corpus, mean in read("probabilities")["mean"].items():
        print(
            f"| {NAMES[corpus]} | {mean['ece_before']:.3f} | "
            f"**{mean['ece_after']:.3f}** | {mean['ece_if_perfect']:.3f} | "
            f"{100 * mean['precision']:.1f} | "
            f"{100 * mean['precision_of_upper_half']:.1f} |"
        )


def print_partial_annotation() -> None:
    """Print what is learned from 30% of the entities."""
    result = read("partial-annotation")
    print("\n| test, means of 3 seeds | P | R | **F** | share of lost F recovered |")
    print("| --- | --- | --- | --- | --- |")
    for variant, mean in result["mean"].items():
        name = variant if variant == "full annotation" else f'`missing = "{variant}"`'
        share = result["share of lost test F recovered"][variant]
        print(
            f"| {name} | {100 * mean['test_p']:.1f} | {100 * mean['test_r']:.1f} | "
            f"**{100 * mean['test_f']:.1f}** ± {100 * mean['test_f_sd']:.1f} | "
            + ("–" if variant in ("full annotation", "outside") else percent(share))
            + " |"
        )


def print_find_errors() -> None:
    """Print how well known errors of annotation are found, and by the best method of
    cleanlab, figure by figure.
    """
    print(
        "\n| training part, 5% damaged | AP | first 100 | AP of tokens | of documents |"
    )
    print("| --- | --- | --- | --- | --- |")
    keys = ("average_precision", "precision_of_100", "token_ap", "document_ap")
    for corpus, name in NAMES.items():
        if not (RESULTS / f"find-errors-{corpus}.json").exists():
            continue
        *_, methods = read(f"find-errors-{corpus}")["results"].values()
        own = methods.pop("find-errors")
        others = [v for key, v in methods.items() if key.startswith("cleanlab")]
        best = {key: max(each[key] for each in others) for key in keys}
        for method, figures in (("`find-errors`", own), ("cleanlab", best)):
            shown = " | ".join(f"{figures[key]:.2f}" for key in keys)
            print(f"| {name}, {method} | {shown} |")


# Vectors that a processor has, and what it is called.
KINDS = {"avx512": "AVX-512", "avx2": "AVX2"}


def print_speed() -> None:
    """Print the speed of crf_ner as multiples of that of others."""
    print("\n| words per second of `crf_ner`, one thread | WNUT 2017 | NCBI-disease |")
    print("| --- | --- | --- |")
    for kind, name in KINDS.items():
        inference = [read(f"inference-{corpus}-{kind}") for corpus in SPEED_CORPORA]
        for unit in ("sentences", "bfloat16", "documents"):
            if all(unit in result for result in inference):
                ratios = [result[unit]["crf_ner / ner"] for result in inference]
                print_ratios(f"`nlp.pipe` beside `ner`, {unit}, {name}", ratios)
    for kind, name in KINDS.items():
        ratio = read(f"training-speed-{kind}")["crf_ner / ner"]
        print(f"| `spacy train` beside `ner`, {name} | | {ratio:.1f} × |")
    peers = [read(f"peers-{corpus}-1-threads") for corpus in SPEED_CORPORA]
    for peer in ("spancat", "flair", "stanza", "sklearn-crfsuite"):
        ratios = [result["crf_ner / peer"][peer] for result in peers]
        print_ratios(f"`nlp.pipe` beside {peer}", ratios)


def print_ratios(name: str, ratios: list[float]) -> None:
    """Print a row of the table of speeds."""
    print(f"| {name} | " + " | ".join(f"{ratio:.1f} ×" for ratio in ratios) + " |")


def print_growth() -> None:
    """Print how time and memory grow with the length of a document."""
    print("\n| tokens of one document | words/s | peak memory over the Doc |")
    print("| --- | --- | --- |")
    for row in read("growth")["document"]["rows"]:
        print(
            f"| {row['tokens']:,} | {row['words/s']:,.0f} | "
            f"{row['peak MiB over the Doc']:,.0f} MiB |"
        )


def print_crf(name: str = "crf-1-threads") -> None:
    """Print how many times as long as ours others take for the CRF alone."""
    result = read(name)
    cases: dict[tuple[int, ...], dict[str, Any]] = {}
    for row in result["rows"]:
        cases.setdefault(tuple(row["shape"]), {})[row["task"]] = row["times ours"]
    columns = [
        ("loss and gradients", "pytorch-crf"),
        ("decoding", "pytorch-crf"),
        ("loss and gradients", "torch-struct"),
        ("decoding", "torch-struct"),
        ("marginals", "torch-struct"),
    ]
    names = " | ".join(f"{peer}: {task}" for task, peer in columns)
    print(f"\n| sequences × tokens × tags | {names} |")
    print("| --- |" + " --- |" * len(columns))
    for shape, tasks in cases.items():
        times = [tasks[task].get(peer) for task, peer in columns]
        cells = ["–" if each is None else f"{each:.0f} ×" for each in times]
        print(f"| {' × '.join(map(str, shape))} | {' | '.join(cells)} |")


def percent(share: float) -> str:
    """RETURNS (str): A share, perhaps a negative one."""
    return f"{share:.0%}".replace("-", "−")


def cell(mean: dict[str, float]) -> str:
    """RETURNS (str): Percentages, and the standard deviation of F over the seeds."""
    p, r, f, sd = (
        f"{100 * mean[key]:.1f}" for key in ("test_p", "test_r", "test_f", "test_f_sd")
    )
    return f"{p} / {r} / **{f}** ± {sd}"


def read(name: str) -> Any:
    """RETURNS (Any): A committed result."""
    return srsly.read_json(RESULTS / f"{name}.json")


if __name__ == "__main__":
    main()
