"""Dropout over sequences. Blocks are time-major: [T, B, width]."""

import torch
from torch import Tensor


def locked_dropout(block: Tensor, rate: float) -> Tensor:
    """Drop the same features at every time step of a sequence (variational dropout,
    Gal and Ghahramani 2016).

    block (Tensor): States, [T, B, width].
    rate (float): Probability that a feature is dropped.
    RETURNS (Tensor): The block, scaled so that its expectation stays the same.
    """
    if rate <= 0.0:
        return block
    keep = 1.0 - rate
    mask = block.new_empty((1, *block.shape[1:])).bernoulli_(keep).div_(max(keep, 1e-9))
    return block * mask


def word_dropout(vectors: Tensor, rate: float) -> Tensor:
    """Drop whole tokens, so that the model learns to rely on their context.

    vectors (Tensor): Token vectors, [N, width].
    rate (float): Probability that a token's vector is set to zero.
    RETURNS (Tensor): The vectors, not rescaled.
    """
    if rate <= 0.0:
        return vectors
    size = (len(vectors), 1)
    kept = torch.rand(size, dtype=torch.float32, device=vectors.device) >= rate
    return vectors * kept
