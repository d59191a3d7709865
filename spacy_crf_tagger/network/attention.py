"""Self-attention over the states of a sequence."""

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention with a residual connection and layer
    normalisation (Vaswani et al. 2017).
    """

    def __init__(self, width: int, n_heads: int) -> None:
        """Create the layer.

        width (int): Width of the states; a multiple of the number of heads.
        n_heads (int): Number of heads.
        """
        super().__init__()
        self.n_heads = n_heads
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, block: Tensor, mask: Tensor) -> Tensor:
        """Let each state see all states of its sequence.

        block (Tensor): States, [T, B, width].
        mask (Tensor): Whether a position belongs to its sequence, [T, B].
        RETURNS (Tensor): The new states, [T, B, width].
        """
        longest, size, width = block.shape
        query, key, value = (
            part.reshape(longest, size, self.n_heads, -1).permute(1, 2, 0, 3)
            for part in self.project_in(block).chunk(3, dim=-1)
        )  # [B, heads, T, width / heads]
        seen = scaled_dot_product_attention(
            query, key, value, attn_mask=mask.T[:, None, None, :]
        )
        seen = seen.permute(2, 0, 1, 3).reshape(longest, size, width)
        normed: Tensor = self.norm(block + self.project_out(seen))
        return normed
