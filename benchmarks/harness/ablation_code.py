"""What the trainings of the ablation import: `spacy train --code` takes one file."""

from benchmarks.harness import free_tags, timing_logger

__all__ = ["free_tags", "timing_logger"]
