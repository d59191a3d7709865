"""Texts to annotate at scale, made of the sentences of the demo corpus."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from .training import ROOT

CORPUS = ROOT / "assets" / "astronomy"
MODEL = ROOT / "training" / "astronomy" / "crf_ner" / "model-best"
_SENTENCE_END = re.compile(r"(?<=[.!?]) ")
_SHARE_OF_FRESH_WORDS = 0.02


def write_texts(path: Path, n_texts: int, seed: int = 0) -> None:
    """Write JSON lines with short texts. Every fiftieth word was never seen before, as
    in texts that people write.
    """
    with path.open("w", encoding="utf8") as file:
        for number, text in enumerate(_texts(n_texts, seed)):
            line = json.dumps({"id": number, "text": text}, ensure_ascii=False)
            file.write(f"{line}\n")


def _texts(n_texts: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    sentences: list[str] = []
    for part in ("train", "dev", "test"):
        for line in (CORPUS / f"{part}.jsonl").read_text("utf8").splitlines():
            sentences += _SENTENCE_END.split(json.loads(line)["text"])
    for _ in range(n_texts):
        words = rng.choice(sentences).split(" ")
        for n in range(len(words)):
            if rng.random() < _SHARE_OF_FRESH_WORDS:
                words[n] = f"{words[n]}{rng.getrandbits(32):x}"
        yield " ".join(words)
