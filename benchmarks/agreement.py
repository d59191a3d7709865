"""Entities and scores by the kernels of the CPU, and by plain torch in log space.

    python -m benchmarks.agreement

writes `benchmarks/results/agreement.json`: over all texts of NCBI-disease and WNUT
2017, how many have different entities, and the largest difference of a score. Needs the
models of `python -m benchmarks.accuracy`.
"""

import sys
from multiprocessing import get_context
from pathlib import Path

import spacy
import typer
from wasabi import msg

from .harness.environment import describe
from .harness.options import Work
from .harness.training import PARTS, WORK, texts_of, write_result

CORPORA = ("ncbi-disease", "wnut17")
# First character, character after the last, label, and score.
Entity = tuple[int, int, str, float]


def main(
    work: Work = WORK,
) -> None:
    """Predict in both ways, and write how the predictions differ."""
    result = describe("agreement")
    for corpus in CORPORA:
        ours, plain = (
            get_context("spawn").Pool(1).apply(predict, (work / corpus, with_numba))
            for with_numba in (True, False)
        )
        pairs = [
            (own, other)
            for own_text, other_text in zip(ours, plain, strict=True)
            for own, other in zip(own_text, other_text, strict=False)
        ]
        differing = sum(
            [entity[:3] for entity in own] != [entity[:3] for entity in other]
            for own, other in zip(ours, plain, strict=True)
        )
        result[corpus] = {
            "texts": len(ours),
            "entities": sum(map(len, ours)),
            "texts with different entities": differing,
            "largest difference of scores": max(
                abs(own[3] - other[3]) for own, other in pairs
            ),
        }
        msg.text(f"{corpus}: {result[corpus]}")
    write_result("agreement", result)


def predict(folder: Path, with_numba: bool) -> list[list[Entity]]:
    """RETURNS (list[list[Entity]]): The entities of all texts of a corpus."""
    if not with_numba:
        sys.modules["numba"] = None  # type: ignore[assignment]
    nlp = spacy.load(folder / "crf_ner-0" / "model-best")
    found = []
    for part in PARTS:
        for doc in nlp.pipe(texts_of(folder, part)):
            group = doc.spans["crf_ner"]
            scores = group.attrs["scores"].tolist()
            spans = [(ent.start_char, ent.end_char, ent.label_) for ent in group]
            found.append(
                [(*span, score) for span, score in zip(spans, scores, strict=True)]
            )
    used = "spacy_crf_tagger.crf.backends.numba.backend" in sys.modules
    if used != with_numba:
        raise RuntimeError(f"Numba was{'' if used else ' not'} used, against orders.")
    return found


if __name__ == "__main__":
    typer.run(main)
