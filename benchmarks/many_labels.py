"""A thousand labels: how long the first and later predictions and updates take.

    python -m benchmarks.many_labels --labels 1000

prints seconds of the process (not of the clock), without a result file. Kernels are
compiled, and caches of files filled, by a pipeline with few labels before.
"""

import cProfile
import pstats
import time
from collections.abc import Callable
from typing import Annotated, Any

import spacy
import typer
from spacy.language import Language
from spacy.training import Example

COMPONENTS = {"crf": "crf_ner", "ner": "ner"}
WORDS = [
    "Ada",
    "Lovelace",
    "met",
    "Grace",
    "Hopper",
    "in",
    "Paris",
    "before",
    "the",
    "war",
    ".",
]


def main(
    labels: Annotated[int, typer.Option(help="Number of labels")] = 1000,
    tag_scheme: Annotated[str, typer.Option(help="biluo or bio")] = "biluo",
    component: Annotated[str, typer.Option(help="crf_ner or ner")] = "crf_ner",
    profile: Annotated[
        bool, typer.Option(help="Say which functions take long")
    ] = False,
) -> None:
    """Measure, and print."""
    spend(make(3, tag_scheme, component))
    seconds = spend(make(labels, tag_scheme, component), profile)
    for name, spent in seconds.items():
        print(f"{spent:8.3f} s  {name}")


def make(n_labels: int, tag_scheme: str, component: str) -> Language:
    """RETURNS (Language): A pipeline with so many labels, not initialized."""
    nlp = spacy.blank("en")
    config: dict[str, Any] = {}
    if component == "crf_ner":
        config["scheme"] = tag_scheme
    pipe = nlp.add_pipe(component, config=config)
    for number in range(n_labels):
        pipe.add_label(f"LABEL{number}")  # type: ignore[attr-defined]
    return nlp


def spend(nlp: Language, profile: bool = False) -> dict[str, float]:
    """RETURNS (dict[str, float]): The seconds that each phase takes."""
    short, long = " ".join(WORDS), " ".join(WORDS * 18)
    spans = {"entities": [(0, 12, "LABEL0"), (17, 29, "LABEL1")]}
    example = Example.from_dict(nlp.make_doc(short), spans)
    seconds: dict[str, float] = {}

    def measure(name: str, function: Callable[[], Any]) -> None:
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        start = time.process_time()
        function()
        seconds[name] = time.process_time() - start
        if profile:
            profiler.disable()
            print(name)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(12)

    measure("initialize", lambda: nlp.initialize(lambda: [example]))
    measure("first prediction, 11 words", lambda: nlp(short))
    measure("second prediction, 11 words", lambda: nlp(short))
    measure("first prediction, 198 words", lambda: nlp(long))
    measure("second prediction, 198 words", lambda: nlp(long))
    optimizer = nlp.resume_training()
    measure("first update, 11 words", lambda: nlp.update([example], sgd=optimizer))
    measure("second update, 11 words", lambda: nlp.update([example], sgd=optimizer))
    measure("third update, 11 words", lambda: nlp.update([example], sgd=optimizer))
    measure("prediction after updates", lambda: nlp(short))
    return seconds


if __name__ == "__main__":
    typer.run(main)
