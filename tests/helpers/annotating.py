"""Texts, pipelines and folders for tests of annotation at scale."""

import json
import random
from pathlib import Path
from typing import Any, Dict, Iterable, List

from spacy.language import Language

from tests.helpers.component import trained_nlp

CODE = '''
import os, signal, time
from spacy.language import Language

@Language.component("trap")
def trap(doc):
    """Fails, or ends the process, where a text says so."""
    if "FAIL" in doc.text:
        raise KeyError("as the text wants")
    if "KILL" in doc.text:
        os.kill(os.getpid(), signal.SIGKILL)
    if "WAIT" in doc.text:
        time.sleep(0.02)
    return doc
'''
PLACES = ["Paris", "New York"]
PEOPLE = ["Ada Lovelace", "Grace", "Zoë"]


def make_texts(n: int, seed: int = 0) -> List[str]:
    """Different texts with entities that the trained pipeline knows, and others."""
    rng = random.Random(seed)
    return [
        f"{rng.choice(PEOPLE)} met {rng.choice(PEOPLE)} in {rng.choice(PLACES)}, {i}."
        for i in range(n)
    ]


def write_rows(path: Path, texts: Iterable[str]) -> Path:
    rows = ({"id": n, "text": text} for n, text in enumerate(texts))
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), "utf8")
    return path


def save_pipeline(folder: Path) -> Path:
    trained_nlp().to_disk(folder)
    return folder


def save_trap(folder: Path, code: Path) -> Path:
    """A pipeline that fails where a text says so."""
    code.write_text(CODE)
    if not Language.has_factory("trap"):
        exec(compile(CODE, str(code), "exec"), {"__name__": "trap"})
    nlp = trained_nlp()
    nlp.add_pipe("trap")
    nlp.to_disk(folder)
    return folder


def read_rows(folder: Path) -> List[Dict[str, Any]]:
    """All rows of the shards of a folder, in their order."""
    parts = sorted(folder.glob("part-*.jsonl"))
    return [
        json.loads(line)
        for part in parts
        for line in part.read_text("utf8").split("\n")
        if line
    ]


def content_of(folder: Path) -> Dict[str, bytes]:
    """All files of a folder but its lock, byte for byte."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
