"""A logger for `spacy train --code` that notes when each score was made."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.language import Language


@spacy.registry.loggers("benchmarks.harness.timing_logger")
def timing_logger(path: str, progress_bar: bool) -> Callable[..., Any]:
    """Create the logger.

    path (str): Where a line is written for each score on the dev corpus: seconds on a
        clock, steps and words so far, and F.
    progress_bar (bool): Without effect; left over from the logger that this one takes
        the place of.
    """

    def setup(nlp: Language, *streams: Any) -> tuple[Callable[..., None], Any]:
        def log(info: dict[str, Any] | None) -> None:
            if info is not None and info["score"] is not None:
                line = {
                    "seconds": time.perf_counter(),
                    **{key: info[key] for key in ("step", "words")},
                    "f": info["other_scores"]["ents_f"],
                }
                srsly.write_jsonl(Path(path), [line], append=True)

        return log, lambda: None

    return setup
