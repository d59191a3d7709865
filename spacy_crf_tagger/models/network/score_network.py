"""The whole network: BiLSTM, attention, emission scores, and the CRF's parameters."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, Optional, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...crf.arrays import upload
from ...crf.options import COUNT, RATE, SIZE, Number, check_flag, check_numbers
from .attention import SelfAttention
from .bilstm import BiLSTM
from .dropout import locked_dropout, word_dropout
from .padding import Bucket, plan_buckets
from .precision import CREATION

_RULES = {
    "width_in": SIZE,
    "n_tags": SIZE,
    "hidden_width": SIZE,
    "depth": COUNT,
    "attention_heads": COUNT,
    "word_dropout": RATE,
    "window": SIZE,
    "overlap": COUNT,
    "max_tokens": SIZE,
    "attention_width": replace(SIZE, or_null=True),
    "first_tag_bias": Number(low=-1e3, high=1e3),
}
CRF_PARAMETERS = ("transitions", "start", "end")
Ints = NDArray[np.int64]
Scores = Tuple[Tensor, Optional[Tensor], Optional[Tensor], Optional[Tensor]]


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a network.

    width_in (int): Width of the token vectors, nI.
    n_tags (int): Number of tags, K.
    hidden_width (int): Width of the BiLSTM's states, both directions together.
    depth (int): Layers of the BiLSTM; 0 for none.
    attention_heads (int): Heads of the self-attention; 0 for no attention.
    word_dropout (float): Probability that a token's vector is dropped in training.
    transitions (bool): Whether there are transition, start and end scores.
    window (int): Most tokens that the network sees together.
    overlap (int): Tokens of context at both sides of a window's result.
    max_tokens (int): Most padded positions that are computed at once.
    attention_width (Optional[int]): Width of the queries of all heads together, and of
        the keys and the values; None for the width of the states.
    first_tag_bias (float): Score of the first tag before training, when that of all
        others is 0: a head start for `O`, so that an untrained network predicts no
        entity. 0 for tags that are all alike.
    """

    width_in: int
    n_tags: int
    hidden_width: int
    depth: int
    attention_heads: int
    word_dropout: float
    transitions: bool
    window: int
    overlap: int
    max_tokens: int = 16384
    attention_width: Optional[int] = None
    first_tag_bias: float = 0.1

    def __post_init__(self) -> None:
        """RAISES (ValueError): If a value is of another type or out of range, or two do
        not fit.
        """
        check_numbers(self.to_dict(), _RULES)
        check_flag("transitions", self.transitions)
        if self.depth and self.hidden_width % 2:
            raise ValueError(
                f"hidden_width must be even, half for each direction of the BiLSTM: "
                f"{self.hidden_width}."
            )
        if self.attention_heads and self.width_inside % self.attention_heads:
            raise ValueError(
                f"The width that attention works on ({self.width_inside}) must be a "
                f"multiple of attention_heads ({self.attention_heads})."
            )
        if self.window <= 2 * self.overlap:
            raise ValueError(
                f"window ({self.window}) must be more than twice the overlap "
                f"({self.overlap})."
            )

    @property
    def width_out(self) -> int:
        """RETURNS (int): Width of the states that emission scores are made from."""
        return self.hidden_width if self.depth else self.width_in

    @property
    def width_inside(self) -> int:
        """RETURNS (int): Width of all heads of the attention together."""
        return self.attention_width or self.width_out

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The settings as plain values."""
        return asdict(self)


class ScoreNetwork(nn.Module):
    """Token vectors in, potentials of a CRF out (Huang et al. 2015).

    A tag that was added after training starts is *dormant*: its emission score is
    `-inf` and its probability zero, so that predictions stay what they were, until
    `wake` is called.
    """

    dormant: Tensor
    # How often weights have changed in a way that torch does not notice.
    n_changes = 0

    def __init__(self, config: NetworkConfig) -> None:
        """Create the network with fresh weights.

        config (NetworkConfig): Its shape.
        """
        super().__init__()
        self.config = config
        if config.depth:
            self.bilstm = BiLSTM(config.width_in, config.hidden_width, config.depth)
        if config.attention_heads:
            self.attention = SelfAttention(
                config.width_out, config.attention_heads, config.width_inside
            )
        self.emission = nn.Linear(config.width_out, config.n_tags, **CREATION)
        nn.init.zeros_(self.emission.weight)
        nn.init.zeros_(self.emission.bias)
        self.emission.bias.data[0] = config.first_tag_bias
        if config.transitions:
            k = config.n_tags
            self.transitions = nn.Parameter(torch.zeros(k, k, **CREATION))
            self.start = nn.Parameter(torch.zeros(k, **CREATION))
            self.end = nn.Parameter(torch.zeros(k, **CREATION))
        dormant = torch.zeros(config.n_tags, dtype=torch.bool, device="cpu")
        self.register_buffer("dormant", dormant)

    def forward(
        self,
        vectors: Tensor,
        lengths: NDArray[np.int64],
        dropout: float = 0.0,
        *,
        rows: Optional[Ints] = None,
        is_train: bool = False,
    ) -> Scores:
        """Score the tags of a ragged batch. The mode is an argument, not the module's
        flag `training`: one thread may predict while another trains.

        vectors (Tensor): Token vectors, [N, width_in], or those of the different words,
            [V, width_in].
        lengths (NDArray[int]): Tokens of each sequence, [B].
        dropout (float): Rate of locked dropout; used in training only.
        rows (Optional[NDArray[int]]): The vector of each token, [N]; if None, each has
            its own.
        is_train (bool): Whether to drop out, and to prepare for gradients.
        RETURNS (Tuple): Emissions [N, K], transitions [K, K], start [K] and end [K];
            the last three are None if the network has no transitions.
        """
        if rows is not None:
            vectors = vectors[upload(rows, vectors.device)]
        if is_train:
            vectors = word_dropout(vectors, self.config.word_dropout)
        else:
            dropout = 0.0
        emissions = self._score(vectors, lengths, dropout, is_train)
        emissions = emissions.masked_fill(self.dormant, -torch.inf)
        if not self.config.transitions:
            return emissions, None, None, None
        return emissions, self.transitions, self.start, self.end

    @property
    def is_on_cpu(self) -> bool:
        """RETURNS (bool): Whether the weights are on the CPU, in single precision."""
        weight = self.emission.weight
        return weight.device.type == "cpu" and weight.dtype == torch.float32

    def wake(self) -> None:
        """Let dormant tags take part: they are about to be trained."""
        self.dormant.fill_(False)
        self.note_change()

    def note_change(self) -> None:
        """Say that weights have changed in a way that torch does not notice."""
        self.n_changes += 1

    def grown(self, n_tags: int) -> "ScoreNetwork":
        """Make a network with more tags that predicts what this one does.

        n_tags (int): The new number of tags; not smaller than the present one.
        RETURNS (ScoreNetwork): A new network whose added tags are dormant.
        RAISES (ValueError): If tags would be lost.
        """
        old = self.config.n_tags
        if n_tags < old:
            raise ValueError(f"A network with {old} tags cannot shrink to {n_tags}.")
        network = ScoreNetwork(replace(self.config, n_tags=n_tags))
        network.to(self.emission.weight.device)
        state = self.state_dict()
        for name, values in network.state_dict().items():
            overlay(values, state[name])
        parameters = dict(self.named_parameters())
        for name, parameter in network.named_parameters():
            gradient = parameters[name].grad
            if gradient is not None:  # accumulated, not applied yet
                parameter.grad = overlay(torch.zeros_like(parameter), gradient)
        network.dormant[old:] = True
        return network

    def _score(
        self,
        vectors: Tensor,
        lengths: NDArray[np.int64],
        dropout: float,
        is_train: bool,
    ) -> Tensor:
        """RETURNS (Tensor): Emissions, [N, K]."""
        config = self.config
        buckets = plan_buckets(
            lengths, config.window, config.overlap, config.max_tokens, vectors.device
        )
        if not buckets:
            nothing: Tensor = self.emission(vectors.new_zeros((0, config.width_out)))
            return nothing
        # States are wide, and not kept beyond their bucket.
        emissions = torch.cat(
            [
                self.emission(self._encode(vectors, bucket, dropout, is_train))
                for bucket in buckets
            ]
        )
        order = np.argsort(np.concatenate([bucket.kept_rows for bucket in buckets]))
        return emissions.index_select(0, upload(order, vectors.device))

    def _encode(
        self, vectors: Tensor, bucket: Bucket, dropout: float, is_train: bool
    ) -> Tensor:
        """RETURNS (Tensor): States of the tokens that the bucket keeps."""
        longest, size = bucket.rows.shape
        block = vectors.index_select(0, bucket.rows.reshape(-1))
        block = block.view(longest, size, -1)  # [T, B, width_in]
        block = locked_dropout(block, dropout)
        if self.config.depth:
            block = self.bilstm(block, bucket.reverse, dropout, is_train)
            block = locked_dropout(block, dropout)
        if self.config.attention_heads:
            block = self.attention(block, bucket.mask)
        return block.flatten(0, 1).index_select(0, bucket.kept)


def overlay(larger: Any, smaller: Any) -> Any:
    """Write an array over the first entries of a larger one along each axis. Tag
    dimensions grow at their end, so this carries the old values over.

    larger (Tensor or FloatsXd): The array to write to.
    smaller (Tensor or FloatsXd): The array to write, with as many axes.
    RETURNS (Tensor or FloatsXd): The larger array.
    """
    larger[tuple(slice(size) for size in smaller.shape)] = smaller
    return larger
