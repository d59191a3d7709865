"""The network for predictions on the CPU: its weights in the order in which compiled
kernels read them.

Nothing is padded, and all sums have a fixed order, so that the scores of a text do not
depend on the texts that are scored beside it, to the last bit.
"""

from typing import List, NamedTuple, Optional, Tuple, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..kernels.attention import attend, normalize
from ..kernels.dense import Dense, pack, padded_size
from ..kernels.kept import sample_of
from ..kernels.lstm import pack_recurrent, pad_gates, read_sequences
from .attention import SelfAttention
from .bilstm import BiLSTM
from .ragged import cut_pieces
from .score_network import ScoreNetwork

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]


class PackedNetwork:
    """What a network was when it was packed, ready to score texts on the CPU."""

    def __init__(self, network: ScoreNetwork) -> None:
        """Pack the weights.

        network (ScoreNetwork): The network, which is on the CPU.
        """
        self._network = network
        # Where they are, since others may be put in their place.
        self._sources = [
            (module._parameters, name)
            for module in network.modules()
            for name in module._parameters
        ]
        # Views, which keep their memory from being used for other weights.
        self._samples = [
            sample_of(each.detach().numpy()) for each in network.parameters()
        ]
        # Before they are read: another thread may change them meanwhile.
        self._version = self._present_version()
        self.config = config = network.config
        self.crf: List[Optional[Singles]] = [None, None, None]
        if config.transitions:
            scores = network.transitions, network.start, network.end
            self.crf = [each.detach().numpy() for each in scores]
        self.bilstm = PackedBiLSTM(network.bilstm) if config.depth else None
        self.attention: Optional[PackedAttention] = None
        if config.attention_heads:
            self.attention = PackedAttention(network.attention)
        weights, bias = _arrays(network.emission)
        dormant = network.dormant.numpy()
        if dormant.any():
            weights, bias = weights.copy(), bias.copy()
            weights[dormant], bias[dormant] = 0.0, -np.inf
        self.emission = pack(weights, bias)

    def is_of(self, network: ScoreNetwork) -> bool:
        """Find out whether a network is still the same.

        network (ScoreNetwork): The network.
        RETURNS (bool): Whether it is the one that was packed, with the same weights. (A
            change of a few numbers of a large matrix through `parameter.data` may go
            unnoticed; torch notices none of these. Call `note_change` after it.)
        """
        return self._network is network and self._version == self._present_version()

    def emissions(
        self, vectors: Singles, rows: Optional[Ints], lengths: Ints
    ) -> Singles:
        """Score the tags of a ragged batch.

        vectors (NDArray[float32]): Token vectors, [N, width_in], or those of the
            different words, [V, width_in].
        rows (Optional[NDArray[int]]): The vector of each token, [N]; if None, each has
            its own.
        lengths (NDArray[int]): Tokens of each sequence, [B].
        RETURNS (NDArray[float32]): The emission scores, [N, K].
        """
        config = self.config
        if len(lengths) == 1 and 0 < lengths[0] <= config.window:
            # One text takes less time without what is done for several.
            own = np.arange(lengths[0]) if rows is None else rows
            return self.emission(self._encode(vectors, own, lengths))
        emissions = np.empty((int(lengths.sum()), config.n_tags), dtype=np.float32)
        for piece in cut_pieces(
            lengths, config.window, config.overlap, config.max_tokens
        ):
            own, inputs = piece.tokens if rows is None else rows[piece.tokens], vectors
            if len(own) < len(vectors):
                # Those of other pieces are not projected, or time would be quadratic.
                inputs, own = vectors[own], np.arange(len(own))
            states = self._encode(inputs, own, piece.lengths)
            kept = np.flatnonzero(piece.kept)
            emissions[piece.tokens[kept]] = self.emission(states)[kept]
        return emissions

    def _encode(self, inputs: Singles, rows: Ints, lengths: Ints) -> Singles:
        """RETURNS (NDArray[float32]): The states of sequences that lie one behind
        another, [M, width_out].
        """
        if self.bilstm is None:
            states = inputs[rows]
        else:
            states = self.bilstm(inputs, rows, lengths)
        return states if self.attention is None else self.attention(states, lengths)

    def _present_version(self) -> Tuple[object, ...]:
        present = [cast(Tensor, found[name]) for found, name in self._sources]
        versions = [(each.data_ptr(), _version_of(each)) for each in present]
        sample = np.concatenate(self._samples).tobytes()
        return (self._network.n_changes, sample, *versions)


class _Layer(NamedTuple):
    """A layer of a BiLSTM.

    gates (Dense): What inputs add to the gates of both directions.
    recurrent (Tuple[NDArray, NDArray]): What the states of each direction add to them.
    """

    gates: Dense
    recurrent: Tuple[Singles, Singles]


class PackedBiLSTM:
    """A BiLSTM that is ready for predictions on the CPU."""

    def __init__(self, bilstm: BiLSTM) -> None:
        """Pack the weights.

        bilstm (BiLSTM): The BiLSTM.
        """
        self._size = cast(nn.LSTM, bilstm.ahead[0]).hidden_size
        pairs = zip(bilstm.ahead, bilstm.back, strict=True)
        self._layers = [self._pack(cast(List[nn.LSTM], list(pair))) for pair in pairs]

    def __call__(self, vectors: Singles, rows: Ints, lengths: Ints) -> Singles:
        """Encode sequences that lie one behind another.

        vectors (NDArray[float32]): Input vectors, [V, width_in].
        rows (NDArray[int]): The vector of each token, [N].
        lengths (NDArray[int]): Tokens of each sequence, falling, [B].
        RETURNS (NDArray[float32]): States of both directions, [N, hidden_width].
        """
        size = self._size
        width = padded_size(size)
        for layer in self._layers:
            gates = layer.gates(vectors)
            states = np.empty((len(rows), 2 * width), dtype=np.float32)
            for n, weights in enumerate(layer.recurrent):
                read_sequences(
                    gates,
                    rows,
                    lengths,
                    weights,
                    n == 1,
                    states,
                    n * width,
                    n * 4 * width,
                )
            if width != size:
                states = np.hstack([states[:, :size], states[:, width : width + size]])
            vectors, rows = states, np.arange(len(rows))
        return vectors

    def _pack(self, directions: List[nn.LSTM]) -> _Layer:
        weights, biases, recurrent = [], [], []
        for lstm in directions:
            from_input, from_state, *both = (
                cast(Tensor, tensor).detach().numpy() for tensor in lstm._flat_weights
            )
            weights.append(pad_gates(from_input, self._size))
            biases.append(pad_gates(both[0] + both[1], self._size)[:, 0])
            recurrent.append(pack_recurrent(from_state))
        gates = pack(np.concatenate(weights), np.concatenate(biases))
        return _Layer(gates, (recurrent[0], recurrent[1]))


class PackedAttention:
    """Self-attention that is ready for predictions on the CPU."""

    def __init__(self, attention: SelfAttention) -> None:
        """Pack the weights. Heads become wider until their width is a multiple of
        sixteen; what is added is zero.

        attention (SelfAttention): The layer.
        """
        self._n_heads = attention.n_heads
        weights, bias = _arrays(attention.project_in)
        width = len(bias) // (3 * self._n_heads)  # of a head
        added = padded_size(width) - width
        by_head = weights.reshape(3, self._n_heads, width, -1).copy()
        bias_by_head = bias.reshape(3, self._n_heads, width).copy()
        by_head[0] *= width**-0.5
        bias_by_head[0] *= width**-0.5
        by_head = np.pad(by_head, ((0, 0), (0, 0), (0, added), (0, 0)))
        bias_by_head = np.pad(bias_by_head, ((0, 0), (0, 0), (0, added)))
        n_outputs = bias_by_head.size
        self._project_in = pack(
            by_head.reshape(n_outputs, -1), bias_by_head.reshape(n_outputs)
        )
        weights, bias = _arrays(attention.project_out)
        by_head = weights.reshape(len(weights), self._n_heads, width)
        by_head = np.pad(by_head, ((0, 0), (0, 0), (0, added)))
        self._project_out = pack(by_head.reshape(len(weights), -1), bias)
        scale, shift = _arrays(attention.norm)
        self._norm = scale.copy(), shift.copy(), attention.norm.eps

    def __call__(self, states: Singles, lengths: Ints) -> Singles:
        """Let each state see all states of its sequence.

        states (NDArray[float32]): States of sequences that lie one behind another,
            [N, width].
        lengths (NDArray[int]): Tokens of each sequence, falling, [B].
        RETURNS (NDArray[float32]): The new states, [N, width].
        """
        seen = attend(self._project_in(states), lengths, self._n_heads)
        new = self._project_out(seen)
        new += states
        normalize(new, *self._norm)
        return new


def _version_of(weights: Tensor) -> int:
    """RETURNS (int): How often operations of torch have changed weights. It is not
    known of those that were made inside of a `torch.inference_mode`.
    """
    return -1 if weights.is_inference() else weights._version


def _arrays(layer: nn.Module) -> Tuple[Singles, Singles]:
    weight, bias = cast(Tensor, layer.weight), cast(Tensor, layer.bias)
    return weight.detach().numpy(), bias.detach().numpy()
