"""Would a BiLSTM with weights of eight bits be faster? What crf_ner predicts with,
beside torch's LSTM in single precision and torch's dynamic quantisation of it.

    python -m benchmarks.int8

writes `benchmarks/results/int8-<kind of processor>.json`: words per second of the
BiLSTM of `configs/crf_ner.cfg` alone, in alternation in one process on one thread, on
random vectors for sentences as long as those of the test part of WNUT 2017, 64 of
similar length at a time; and how far the states of the quantised one are off. Needs the
corpus in the work folder (`python -m benchmarks.accuracy wnut17`), and a machine on
which nothing else runs.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from spacy.util import load_config
from torch import Tensor, nn
from wasabi import msg

from spacy_crf_tagger.models.network.bilstm import BiLSTM
from spacy_crf_tagger.models.network.packed import PackedBiLSTM

from .harness.environment import describe, processor_kind
from .harness.options import Rounds, Work
from .harness.spread import medians, quartiles, without_first
from .harness.training import WORK, config_path, texts_of, write_result

CORPUS = "wnut17"
SENTENCES = 64
OURS, SINGLE, INT8 = "crf_ner", "torch, single precision", "torch, int8"
Batch = tuple[NDArray[np.float32], NDArray[np.int64]]


def main(rounds: Rounds = 9, work: Work = WORK) -> None:
    """Measure, and write medians and ratios."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = load_config(config_path("crf_ner"))["components"]["crf_ner"]["model"]
    width_in, width = model["tok2vec"]["width"], model["hidden_width"]
    bilstm = BiLSTM(width_in, width, model["depth"]).eval()
    sentences = texts_of(work / CORPUS, "test")
    batches = batches_of([len(text.split()) for text in sentences], width_in)
    ways = ways_of(bilstm, width_in, width, model["depth"])
    speeds = measure(ways, batches, rounds)
    found = medians(speeds)
    result: dict[str, Any] = {
        **describe("int8", 1),
        "widths": [width_in, width],
        "depth": model["depth"],
        "words": sum(int(lengths.sum()) for _, lengths in batches),
        "median words/s": found,
        "quartiles": quartiles(speeds),
        "crf_ner / others": {name: found[OURS] / found[name] for name in found},
        "error of int8": error_of(ways[INT8], ways[SINGLE], batches[0]),
    }
    for name, speed in found.items():
        msg.text(f"{name}: {speed:.0f} words/s")
    write_result(f"int8-{processor_kind()}", result)


def batches_of(lengths: list[int], width: int) -> list[Batch]:
    """RETURNS (list[Batch]): Random vectors of tokens and the lengths of sentences,
    which fall, for some sentences at a time.
    """
    rng = np.random.default_rng(0)
    falling = sorted(filter(None, lengths), reverse=True)
    batches = []
    for first in range(0, len(falling), SENTENCES):
        own = np.array(falling[first : first + SENTENCES], np.int64)
        vectors = rng.normal(size=(int(own.sum()), width)).astype(np.float32)
        batches.append((vectors, own))
    return batches


def ways_of(
    bilstm: BiLSTM, width_in: int, width: int, depth: int
) -> dict[str, Callable[[Batch], Any]]:
    """RETURNS (dict[str, Callable]): What encodes a batch, by its name."""
    packed = PackedBiLSTM(bilstm)
    single = nn.LSTM(width_in, width // 2, depth, bidirectional=True).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        from torch.ao.quantization import quantize_dynamic

        quantised = quantize_dynamic(
            nn.Sequential(single), {nn.LSTM}, dtype=torch.qint8
        )[0]

    def by_kernels(batch: Batch) -> NDArray[np.float32]:
        vectors, lengths = batch
        return packed(vectors, np.arange(len(vectors)), lengths)

    def by_torch(lstm: nn.Module) -> Callable[[Batch], Tensor]:
        def run(batch: Batch) -> Tensor:
            vectors, lengths = batch
            cut = torch.from_numpy(vectors).split(lengths.tolist())
            with torch.inference_mode():
                states: Tensor = lstm(nn.utils.rnn.pad_sequence(list(cut)))[0]
            return states

        return run

    return {OURS: by_kernels, SINGLE: by_torch(single), INT8: by_torch(quantised)}


def measure(
    ways: dict[str, Callable[[Batch], Any]], batches: list[Batch], rounds: int
) -> dict[str, list[float]]:
    """RETURNS (dict[str, list[float]]): Words per second of each round."""
    n_words = sum(int(lengths.sum()) for _, lengths in batches)
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, encode in ways.items():
            start = time.perf_counter()
            for batch in batches:
                encode(batch)
            speeds[name].append(n_words / (time.perf_counter() - start))
    return without_first(speeds)


def error_of(
    quantised: Callable[[Batch], Tensor],
    single: Callable[[Batch], Tensor],
    batch: Batch,
) -> float:
    """RETURNS (float): The root of the mean square of what is wrong in the quantised
    states, as a share of that of the states.
    """
    expected = single(batch)
    wrong = quantised(batch) - expected
    return float(wrong.square().mean().sqrt() / expected.square().mean().sqrt())


if __name__ == "__main__":
    typer.run(main)
