"""Torch modules: token vectors in, scores for the CRF out. No spaCy, no Thinc."""

from .score_network import NetworkConfig, ScoreNetwork

__all__ = ["NetworkConfig", "ScoreNetwork"]
