"""Self-attention over the states of a sequence."""

from typing import Optional

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from .precision import CREATION


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention with a residual connection and layer
    normalisation (Vaswani et al. 2017).
    """

    def __init__(self, width: int, n_heads: int, inner_width: int) -> None:
        """Create the layer.

        width (int): Width of the states.
        n_heads (int): Number of heads.
        inner_width (int): Width of the queries of all heads together, and of the keys
            and the values; a multiple of the number of heads.
        """
        super().__init__()
        self.n_heads = n_heads
        self.project_in = nn.Linear(width, 3 * inner_width, **CREATION)
        self.project_out = nn.Linear(inner_width, width, **CREATION)
        self.norm = nn.LayerNorm(width, **CREATION)

    def forward(self, block: Tensor, mask: Optional[Tensor]) -> Tensor:
        """Let each state see all states of its sequence.

        block (Tensor): States, [T, B, width].
        mask (Optional[Tensor]): Whether a position belongs to its sequence, [T, B];
            None if all do.
        RETURNS (Tensor): The new states, [T, B, width].
        """
        longest, size, _ = block.shape
        query, key, value = (
            part.reshape(longest, size, self.n_heads, -1).permute(1, 2, 0, 3)
            for part in self.project_in(block).chunk(3, dim=-1)
        )  # [B, heads, T, inner_width / heads]
        allowed = None if mask is None else mask.T[:, None, None, :]
        seen = scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        seen = seen.permute(2, 0, 1, 3).reshape(longest, size, -1)
        normed: Tensor = self.norm(block + self.project_out(seen))
        return normed
