"""All questions, see `cases`; what `benchmarks.fuzz` asks as well."""

from . import questions_lattice, questions_spans
from .cases import KINDS, QUESTIONS, random_case

__all__ = ["KINDS", "QUESTIONS", "questions_lattice", "questions_spans", "run"]


def run(name: str, seed: int, kind: str) -> bool:
    """Ask one question. Returns whether it was answered, and not refused."""
    return QUESTIONS[name](random_case(seed, kind))
