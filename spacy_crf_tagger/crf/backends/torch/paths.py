"""The k best and random paths as batched torch operations. All sequences take a step
together, as in `backend`.
"""

from typing import List, NamedTuple, Tuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from .scores import Scores

# Largest number of (sequence, tag, tag) or (sample, sequence, tag) cells that a step
# holds at once.
_MAX_CELLS = 2**24


class _Lists(NamedTuple):
    """For each of n sequences and J tags, the best paths that lead there.

    scores (Tensor): Their scores in falling order, [n, J, width]; `-inf` behind the
        last path.
    came_from (Tensor): Where each path was at the token before, as an index into that
        token's lists, flattened, [n, J, width].
    """

    scores: Tensor
    came_from: Tensor


def k_best(scores: Scores, k: int) -> Tuple[Tensor, Tensor]:
    """Find the k best paths; see `paths.k_best`.

    scores (Scores): The scores of the lattice.
    k (int): How many paths.
    RETURNS (Tuple[Tensor, Tensor]): Their tags, [k, N], and scores, [k, B].
    """
    rows = scores.rows_by_step()
    device = scores.emissions.device
    tags = torch.full((k, len(scores.emissions)), -1, device=device)
    path_scores = scores.emissions.new_full((k, len(scores.lengths)), -torch.inf)
    path_scores[0] = 0.0
    path_scores[0, scores.occupied] = -torch.inf
    if not rows:
        return tags, path_scores
    came_from, closing = _extend_to_end(scores, rows, k)
    n_paths = closing.scores.shape[1]
    path_scores[:n_paths, scores.sequences[rows[0]]] = closing.scores.T
    # Rows of -1, which stay what they are, are for paths that there are not.
    cells = closing.came_from.long().masked_fill(closing.scores == -torch.inf, -1)
    for current, before in zip(reversed(rows), reversed(came_from), strict=True):
        here = cells[: len(current)]
        tags[:n_paths, current] = (here // before.shape[2]).T
        previous = before.flatten(1).gather(1, here.clamp(min=0)).long()
        cells[: len(current)] = torch.where(here < 0, here, previous)
    return tags, path_scores


def _extend_to_end(
    scores: Scores, rows: List[Tensor], k: int
) -> Tuple[List[Tensor], _Lists]:
    """Make the lists of all time steps.

    RETURNS (Tuple[List[Tensor], _Lists]): Where the paths of each time step came from,
        and the best paths of each sequence as a whole, [n, width].
    """
    first = (scores.emissions[rows[0]] + scores.start)[:, :, None]
    lists = _Lists(first, torch.zeros_like(first, dtype=torch.int32))
    came_from = [lists.came_from]
    finished: List[_Lists] = []
    for time, current in enumerate(rows, start=1):
        n_ongoing = len(rows[time]) if time < len(rows) else 0
        if n_ongoing < len(current):
            ended = lists.scores[n_ongoing:]
            nothing = ended.new_zeros(len(ended), 1)
            finished.append(_extend(ended, scores.end[:, None], nothing, k))
        if n_ongoing:
            lists = _extend(
                lists.scores[:n_ongoing],
                scores.transitions,
                scores.emissions[rows[time]],
                k,
            )
            came_from.append(lists.came_from)
    width = max(each.scores.shape[2] for each in finished)

    def join(parts: List[Tensor], padding: float) -> Tensor:
        # The longest sequences come first, and have finished last.
        return torch.cat(
            [
                pad(part[:, 0], (0, width - part.shape[2]), value=padding)
                for part in reversed(parts)
            ]
        )

    closing = _Lists(
        join([each.scores for each in finished], -torch.inf),
        join([each.came_from for each in finished], 0),
    )
    return came_from, closing


def _extend(lists: Tensor, transitions: Tensor, emissions: Tensor, k: int) -> _Lists:
    """Extend paths [n, K, width] by transitions [K, J] and emissions [n, J]."""
    # Counted in doubles, since GPUs do not multiply matrices of integers.
    n_before = (lists > -torch.inf).sum(2).double()
    n_paths = n_before @ (transitions > -torch.inf).double()
    width = max(1, min(k, int(n_paths.max())))
    size = max(1, _MAX_CELLS // transitions.numel())
    parts = [_merge(rows, transitions, width) for rows in torch.split(lists, size)]
    return _Lists(
        torch.cat([part.scores for part in parts]) + emissions[:, :, None],
        torch.cat([part.came_from for part in parts]),
    )


def _merge(lists: Tensor, transitions: Tensor, width: int) -> _Lists:
    """Merge, for each tag to come, the lists of all tags to the best paths from any.
    Only the head of each list is a candidate at a time: one [n, K, J] array.
    """
    _, n_tags, length = lists.shape
    # What is behind the end of a list is reached when there is nothing left.
    lists = pad(lists, (0, 1), value=-torch.inf).flatten(1)  # [n, K * (length + 1)]
    starts = torch.arange(n_tags, device=lists.device) * (length + 1)
    heads = lists[:, starts, None] + transitions  # [n, K, J]
    ranks = torch.zeros_like(heads, dtype=torch.int64)
    fits = n_tags * length <= torch.iinfo(torch.int32).max
    scores, came_from = [], []
    for _ in range(width):
        score, tag = heads.max(dim=1, keepdim=True)  # [n, 1, J]
        rank = ranks.gather(1, tag)
        scores.append(score)
        came_from.append((tag * length + rank).to(torch.int32 if fits else torch.int64))
        rank = (rank + 1).clamp(max=length)
        ranks.scatter_(1, tag, rank)
        head = lists.gather(1, (starts[tag] + rank)[:, 0])
        head += transitions.gather(0, tag[:, 0])
        heads.scatter_(1, tag, head[:, None])
    return _Lists(
        torch.cat(scores, dim=1).transpose(1, 2).contiguous(),
        torch.cat(came_from, dim=1).transpose(1, 2).contiguous(),
    )


def sample(scores: Scores, alpha: Tensor, uniforms: Tensor) -> Tensor:
    """Draw paths; see `paths.sample`.

    scores (Scores): The scores of the lattice.
    alpha (Tensor): Log forward scores, emissions included, [N, K].
    uniforms (Tensor): Random numbers, [n, N].
    RETURNS (Tensor): The tags of the paths, [n, N].
    """
    n_cells = max(1, len(scores.last_rows) * alpha.shape[1])
    chunks = torch.split(uniforms, max(1, _MAX_CELLS // n_cells))
    return torch.cat([_sample_chunk(scores, alpha, chunk) for chunk in chunks])


def _sample_chunk(scores: Scores, alpha: Tensor, uniforms: Tensor) -> Tensor:
    following = scores.transitions.T.contiguous()
    tags = torch.zeros_like(uniforms, dtype=torch.int64)
    last = scores.last_rows
    tags[:, last] = _draw(alpha[last] + scores.end, uniforms[:, last])
    for previous, current in reversed(list(scores.steps())):
        log_weights = alpha[previous] + following[tags[:, current]]
        tags[:, previous] = _draw(log_weights, uniforms[:, previous])
    return tags


def _draw(log_weights: Tensor, uniforms: Tensor) -> Tensor:
    """Draw the first tag at which the sum of the weights [..., K] is more than a share
    [...] of the total.
    """
    weights = torch.exp(log_weights - log_weights.amax(-1, keepdim=True))
    sums = weights.cumsum(-1)
    is_over = (sums > uniforms[..., None] * sums[..., -1:]) & (weights > 0.0)
    # A GPU adds up in an order of its own, so that the last sum may be rounded to more
    # than the others, or to less.
    return torch.where(is_over.any(-1), is_over.int().argmax(-1), weights.argmax(-1))
