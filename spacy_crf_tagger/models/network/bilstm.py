"""A bidirectional LSTM whose results do not depend on padding."""

from typing import List, Tuple, cast

import torch
from torch import Tensor, nn

from .dropout import locked_dropout
from .precision import CREATION, lstm_precision


class BiLSTM(nn.Module):
    """Layers of two one-directional LSTMs, the second of which reads each sequence
    reversed within its own length (Graves and Schmidhuber 2005). Padding comes last
    for both, so results are exact without `pack_padded_sequence`, which would leave
    oneDNN's fused LSTM.
    """

    def __init__(self, width_in: int, hidden_width: int, depth: int) -> None:
        """Create the layers.

        width_in (int): Width of the input.
        hidden_width (int): Width of the output, half of it for each direction.
        depth (int): Number of layers.
        """
        super().__init__()
        widths = [width_in] + [hidden_width] * (depth - 1)
        half = hidden_width // 2
        self.ahead = nn.ModuleList(nn.LSTM(w, half, **CREATION) for w in widths)
        self.back = nn.ModuleList(nn.LSTM(w, half, **CREATION) for w in widths)
        for lstm in (*self.ahead, *self.back):
            _reset(cast(nn.LSTM, lstm))

    def forward(
        self, block: Tensor, reverse: Tensor, dropout: float, is_train: bool
    ) -> Tensor:
        """Encode a padded block.

        block (Tensor): Input, [T, B, width_in].
        reverse (Tensor): See `Bucket.reverse`, [T * B].
        dropout (float): Rate of locked dropout between layers.
        is_train (bool): Whether gradients will be wanted.
        RETURNS (Tensor): States of both directions, [T, B, hidden_width].
        """
        with lstm_precision(block.device):
            for number, (ahead, back) in enumerate(self._layers()):
                if number > 0:
                    block = locked_dropout(block, dropout)
                states = _run(ahead, block, is_train)
                states_back = _run(back, _permute(block, reverse), is_train)
                block = torch.cat([states, _permute(states_back, reverse)], dim=-1)
        return block

    def _layers(self) -> List[Tuple[nn.LSTM, nn.LSTM]]:
        pairs = zip(self.ahead, self.back, strict=True)
        return cast(List[Tuple[nn.LSTM, nn.LSTM]], list(pairs))


def _run(lstm: nn.LSTM, block: Tensor, is_train: bool) -> Tensor:
    """Run an LSTM as its own `forward` does, but for the mode: that is a flag of the
    module there, which another thread may change.
    """
    zeros = block.new_zeros((1, block.shape[1], lstm.hidden_size))
    weights = cast(List[Tensor], lstm._flat_weights)
    result = torch.lstm(
        block, (zeros, zeros), weights, True, 1, 0.0, is_train, False, False
    )
    return result[0]


def _permute(block: Tensor, index: Tensor) -> Tensor:
    return block.flatten(0, 1).index_select(0, index).view_as(block)


def _reset(lstm: nn.LSTM) -> None:
    """Start with orthogonal recurrences and open forget gates (Jozefowicz et al.
    2015).
    """
    size = lstm.hidden_size
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_hh"):
            for gate in torch.split(parameter.data, size):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            for gate in torch.split(parameter.data, size):
                nn.init.xavier_uniform_(gate)
        else:
            nn.init.zeros_(parameter)
    # Torch orders the gates input, forget, cell, output.
    cast(Tensor, lstm.bias_ih_l0).data[size : 2 * size] = 1.0
