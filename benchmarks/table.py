"""The accuracy table of the README, from the committed results.

python -m benchmarks.table
"""

import srsly

from .accuracy import CORPORA, ROOT

NAMES = {
    "ncbi-disease": "NCBI-disease",
    "wnut17": "WNUT 2017",
    "astronomy": "demo corpus",
}


def main() -> None:
    """Print precision, recall and F on test, as means over the seeds."""
    print("| test, mean of 3 seeds | `crf_ner` P / R / **F** | `ner` P / R / **F** |")
    print("| --- | --- | --- |")
    for corpus in CORPORA:
        path = ROOT / "benchmarks" / "results" / f"accuracy-{corpus}.json"
        means = srsly.read_json(path)["mean"]
        cells = [cell(means[model]) for model in ("crf_ner", "ner")]
        print(f"| {NAMES[corpus]} | {cells[0]} | {cells[1]} |")


def cell(mean: dict[str, float]) -> str:
    """RETURNS (str): Percentages, and the standard deviation of F over the seeds."""
    p, r, f, sd = (
        f"{100 * mean[key]:.1f}" for key in ("test_p", "test_r", "test_f", "test_f_sd")
    )
    return f"{p} / {r} / **{f}** ± {sd}"


if __name__ == "__main__":
    main()
