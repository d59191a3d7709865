"""Self-attention against torch's own module, which gets one sequence at a time."""

import pytest
import torch
from torch import Tensor, nn

from spacy_crf_tagger.models.network.attention import SelfAttention

WIDTH = 8
LENGTHS = torch.tensor([5, 1, 3])


@pytest.fixture(params=[(1, 8), (2, 8), (8, 8), (2, 4), (3, 12)], ids=str)
def attention(request: pytest.FixtureRequest) -> SelfAttention:
    torch.manual_seed(0)
    n_heads, inner_width = request.param
    layer = SelfAttention(WIDTH, n_heads, inner_width)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


@pytest.fixture
def block() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(5, 3, WIDTH, generator=generator)


@pytest.fixture
def mask() -> Tensor:
    return torch.arange(5)[:, None] < LENGTHS


def test_equal_to_each_sequence_alone(
    attention: SelfAttention, block: Tensor, mask: Tensor
) -> None:
    # Torch's module has states and heads of the same width: it gets what is projected.
    inner_width = attention.project_out.in_features
    own = nn.MultiheadAttention(inner_width, attention.n_heads, bias=False)
    unit = torch.eye(inner_width)
    own.load_state_dict({"in_proj_weight": unit.repeat(3, 1), "out_proj.weight": unit})
    with torch.no_grad():
        states = attention(block, mask)
        for n, length in enumerate(LENGTHS.tolist()):
            alone = block[:length, n]
            seen, _ = own(*attention.project_in(alone).chunk(3, dim=-1))
            expected = attention.norm(alone + attention.project_out(seen))
            torch.testing.assert_close(
                states[:length, n], expected, rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize("garbage", [-1e6, 1e6])
def test_padding_is_not_seen(
    attention: SelfAttention, block: Tensor, mask: Tensor, garbage: float
) -> None:
    other = torch.where(mask[:, :, None], block, garbage)
    with torch.no_grad():
        before, after = attention(block, mask), attention(other, mask)
    torch.testing.assert_close(after[mask], before[mask])
