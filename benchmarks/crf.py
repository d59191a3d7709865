"""The CRF alone beside others: loss with all gradients, decoding, and marginals.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.crf --threads 1
    python -m benchmarks.crf --threads 2

writes `benchmarks/results/crf-<threads>-threads.json` and `docs/crf-speed.svg`. Every
engine gets the same scores, in alternation in one process, and must find the same
values. The tags are those of BILUO; what it forbids the others are told by scores of
-10,000, since they cannot forbid anything, and ours does not compute. With
`--any-sequence` the tags are plain ones, up to a thousand of them, and nothing is
forbidden; the result is `crf-<threads>-threads-any-sequence.json`. Takes a few minutes
on a machine on which nothing else runs. `--plot-only` draws the plot again from the
committed result.
"""

import time
from collections.abc import Callable
from dataclasses import astuple
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple

import numpy as np
import srsly
import torch
import typer
from numpy.typing import NDArray
from torch_struct import LinearChainCRF
from torchcrf import CRF
from wasabi import msg

from spacy_crf_tagger.crf import (
    Constraints,
    Lattice,
    Potentials,
    TagScheme,
    forward_backward,
    path_loss,
    sample,
    viterbi,
)

from .harness.environment import describe
from .harness.options import PlotOnly, Threads
from .harness.spread import medians, quartiles
from .harness.training import RESULTS, ROOT, write_result

# Sequences, tokens of each, tags.
SHAPES = [
    (32, 30, 9),
    (128, 40, 17),
    (32, 40, 73),
    (8, 500, 17),
    (1, 2000, 17),
    (1, 20000, 17),
    (4, 30, 401),
]
# Of plain tags, such as parts of speech; the last two show what twice the words take.
PLAIN_SHAPES = [
    (32, 30, 17),
    (32, 30, 50),
    (1, 2000, 50),
    (8, 40, 300),
    (8, 30, 1000),
    (8, 60, 1000),
]
OURS = "spacy-crf-tagger"
# torch-struct holds B × T × K × K × K cells, several times over; more do not fit into
# the memory of a small machine.
MAX_CELLS = 2**28
MIN_ROUNDS, MAX_ROUNDS, SECONDS = 3, 50, 2.0
# The others compute in single precision.
TOLERANCE = 1e-2
# A measurement takes at least so long: what is short is repeated, as by `timeit`.
MEASUREMENT_SECONDS = 0.02
FORBIDDEN_SCORE = -10_000.0


class Problem(NamedTuple):
    """Scores and the right tags, in the forms that the engines take.

    emissions (torch.Tensor): [B, T, K]
    tags (torch.Tensor): [B, T]
    crf (CRF): pytorch-crf's module, which holds transitions, start and end scores.
    potentials (Potentials): The same, for ours.
    constraints (Constraints | None): The tag sequences that are allowed.
    path (NDArray[int]): The right tags, one behind another, on the CPU, [B * T].
    """

    emissions: torch.Tensor
    tags: torch.Tensor
    crf: CRF
    potentials: Potentials
    constraints: Constraints | None
    path: NDArray[np.int64]


Task = Callable[[Problem], float]


def main(
    threads: Threads = 1,
    any_sequence: Annotated[
        bool, typer.Option("--any-sequence", help="Plain tags: forbid nothing")
    ] = False,
    seed: Annotated[int, typer.Option(help="Random seed")] = 0,
    plot_only: PlotOnly = False,
) -> None:
    """Measure every engine on every shape, and write medians and ratios."""
    if plot_only:
        plot(srsly.read_json(RESULTS / "crf-1-threads.json")["rows"])
        return
    torch.set_num_threads(threads)
    rows: list[dict[str, Any]] = []
    for shape in PLAIN_SHAPES if any_sequence else SHAPES:
        problem = make_problem(shape, None if any_sequence else "biluo", seed)
        for name, tasks in TASKS.items():
            rows.append({"shape": shape, "task": name, **measure(tasks, problem)})
    result = {
        **describe("crf", threads),
        "peers": {name: version(name) for name in ("pytorch-crf", "torch-struct")},
        "seed": seed,
        "rows": rows,
    }
    show(rows)
    name = f"crf-{threads}-threads"
    if any_sequence:
        name += "-any-sequence"
    elif threads == 1:
        plot(rows)
    write_result(name, result)


def plot(rows: list[dict[str, Any]]) -> None:
    """Draw how many times as long as ours pytorch-crf takes."""
    # Not where it is only measured: a machine with a GPU may have no matplotlib.
    from .harness.plots import plot_crf

    plot_crf(rows, "pytorch-crf", ROOT / "docs" / "crf-speed.svg")


def make_problem(
    shape: tuple[int, int, int],
    tag_scheme: str | None,
    seed: int,
    device: torch.device | None = None,
) -> Problem:
    """Draw normal scores, and the right tags from the distribution that they make. On a
    device, all engines get tensors there; else ours gets arrays.
    """
    n_sequences, length, n_tags = shape
    torch.manual_seed(seed)
    emissions = torch.randn(n_sequences, length, n_tags)
    crf = CRF(n_tags, batch_first=True)
    parameters = (crf.transitions, crf.start_transitions, crf.end_transitions)
    constraints = None
    if tag_scheme is not None:
        labels = [f"label {number}" for number in range((n_tags - 1) // 4)]
        constraints = TagScheme(labels, tag_scheme).constraints
        for parameter, allowed in zip(parameters, astuple(constraints), strict=True):
            parameter.data[~torch.from_numpy(allowed)] = FORBIDDEN_SCORE
    arrays = [parameter.detach().numpy() for parameter in parameters]
    lengths = np.full(n_sequences, length)
    flat = emissions.reshape(-1, n_tags).numpy()
    potentials = Potentials(flat, *arrays, lengths)
    paths = sample(Lattice.build(potentials, constraints), 1, seed)
    tags = torch.from_numpy(paths.reshape(n_sequences, length))
    if device is not None:
        emissions, tags, crf = emissions.to(device), tags.to(device), crf.to(device)
        parameters = (crf.transitions, crf.start_transitions, crf.end_transitions)
        flat = emissions.reshape(-1, n_tags)
        on_device = [parameter.detach() for parameter in parameters]
        potentials = Potentials(flat, *on_device, lengths)
    return Problem(emissions, tags, crf, potentials, constraints, paths.reshape(-1))


def measure(
    tasks: dict[str, Task], problem: Problem, limit: float = SECONDS
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Median seconds and quartiles of each engine, and how
    many times as long as ours each takes. No round begins after a limit of seconds.
    """
    cells = problem.emissions.numel() * problem.emissions.shape[2] ** 2
    fitting = {
        name: task
        for name, task in tasks.items()
        if name != "torch-struct" or cells <= MAX_CELLS
    }
    # The first call compiles, and shows whether all solve the same problem.
    values = {name: task(problem) for name, task in fitting.items()}
    for name, value in values.items():
        if not np.isclose(value, values[OURS], rtol=TOLERANCE):
            raise ValueError(f"{name} finds {value}, and we find {values[OURS]}.")
    calls = {name: count_calls(task, problem) for name, task in fitting.items()}
    seconds: dict[str, list[float]] = {name: [] for name in fitting}
    began = time.perf_counter()
    for number in range(MAX_ROUNDS):
        if number >= MIN_ROUNDS and time.perf_counter() - began > limit:
            break
        for name, task in fitting.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                task(problem)
            seconds[name].append((time.perf_counter() - start) / calls[name])
    median = medians(seconds)
    return {
        "rounds": len(seconds[OURS]),
        "median seconds": median,
        "quartiles": quartiles(seconds),
        "times ours": {name: each / median[OURS] for name, each in median.items()},
    }


def count_calls(task: Task, problem: Problem) -> int:
    """RETURNS (int): How many calls take as long as a measurement should."""
    start = time.perf_counter()
    task(problem)
    return 1 + int(MEASUREMENT_SECONDS / (time.perf_counter() - start))


def our_loss(problem: Problem) -> float:
    """RETURNS (float): The loss; its gradients are computed as well."""
    lattice = Lattice.build(problem.potentials, problem.constraints)
    losses, _ = path_loss(lattice, problem.path)
    return float(losses.sum())


def our_best(problem: Problem) -> float:
    """RETURNS (float): The sum of the scores of the best paths."""
    lattice = Lattice.build(problem.potentials, problem.constraints)
    return float(viterbi(lattice).scores.sum())


def our_marginals(problem: Problem) -> float:
    """RETURNS (float): The expected number of first tags after first tags."""
    lattice = Lattice.build(problem.potentials, problem.constraints)
    return float(forward_backward(lattice).transitions[0, 0])


def pytorch_crf_loss(problem: Problem) -> float:
    """RETURNS (float): The loss; its gradients are computed as well."""
    emissions = problem.emissions.clone().requires_grad_()
    problem.crf.zero_grad()
    loss = -problem.crf(emissions, problem.tags)
    loss.backward()
    return float(loss.detach())


def pytorch_crf_best(problem: Problem) -> float:
    """RETURNS (float): The sum of the scores of the best paths."""
    with torch.no_grad():
        paths = problem.crf.decode(problem.emissions)
        found = torch.tensor(paths, device=problem.emissions.device)
        return score_paths(problem, found)


def torch_struct_loss(problem: Problem) -> float:
    """RETURNS (float): The loss; its gradients are computed as well."""
    emissions = problem.emissions.clone().requires_grad_()
    problem.crf.zero_grad()
    edges = edge_scores(problem, emissions)
    gold = LinearChainCRF.struct.to_parts(problem.tags, edges.shape[-1])
    loss = LinearChainCRF(edges).partition.sum() - (gold * edges).sum()
    loss.backward()
    return float(loss.detach())


def torch_struct_best(problem: Problem) -> float:
    """RETURNS (float): The sum of the scores of the best paths."""
    edges = edge_scores(problem, problem.emissions).detach()
    best = LinearChainCRF(edges).argmax
    return float((best * edges).sum())


def torch_struct_marginals(problem: Problem) -> float:
    """RETURNS (float): The expected number of first tags after first tags."""
    edges = edge_scores(problem, problem.emissions).detach()
    return float(LinearChainCRF(edges).marginals[..., 0, 0].sum())


def edge_scores(problem: Problem, emissions: torch.Tensor) -> torch.Tensor:
    """RETURNS (torch.Tensor): What torch-struct takes: the score of each pair of tags
    at each step, the later one first, [B, T - 1, K, K].
    """
    crf = problem.crf
    edges = crf.transitions.T[None, None] + emissions[:, 1:, :, None]
    first = (crf.start_transitions + emissions[:, 0])[:, None, None, :]
    last = crf.end_transitions[None, None, :, None]
    at_start = torch.zeros(1, edges.shape[1], 1, 1, device=edges.device)
    at_start[:, 0] = 1.0
    return edges + at_start * first + at_start.flip(1) * last


def score_paths(problem: Problem, paths: torch.Tensor) -> float:
    """RETURNS (float): The sum of the scores of paths, [B, T]."""
    crf, emissions = problem.crf, problem.emissions
    total = emissions.gather(2, paths[:, :, None]).sum()
    total += crf.transitions[paths[:, :-1], paths[:, 1:]].sum()
    total += crf.start_transitions[paths[:, 0]].sum()
    total += crf.end_transitions[paths[:, -1]].sum()
    return float(total)


TASKS: dict[str, dict[str, Task]] = {
    "loss and gradients": {
        OURS: our_loss,
        "pytorch-crf": pytorch_crf_loss,
        "torch-struct": torch_struct_loss,
    },
    "decoding": {
        OURS: our_best,
        "pytorch-crf": pytorch_crf_best,
        "torch-struct": torch_struct_best,
    },
    "marginals": {
        OURS: our_marginals,
        "torch-struct": torch_struct_marginals,
    },
}


def show(rows: list[dict[str, Any]]) -> None:
    """Print how many times as long as ours the others take."""
    table = []
    for row in rows:
        ours = 1000 * row["median seconds"][OURS]
        others = [
            f"{row['times ours'][name]:.0f}" if name in row["times ours"] else "–"
            for name in ("pytorch-crf", "torch-struct")
        ]
        shape = " × ".join(map(str, row["shape"]))
        table.append((row["task"], shape, f"{ours:.2f}", *others))
    peers = ("pytorch-crf, times", "torch-struct")
    header = ("Task", "B × T × K", "ours, ms", *peers)
    msg.table(table, header=header, aligns=("l", "l", "r", "r", "r"), divider=True)


if __name__ == "__main__":
    typer.run(main)
