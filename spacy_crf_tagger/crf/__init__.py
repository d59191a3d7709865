"""A linear-chain conditional random field over ragged batches, usable on its own.

The package needs neither spaCy nor Thinc. Importing it loads neither Numba nor torch:
a backend is loaded when the first lattice is computed.
"""

from .inference import edge_marginals, forward_backward, log_partition, viterbi
from .lattice import Lattice, Marginals, Potentials, ViterbiPaths
from .loss import divergence, negative_log_likelihood, path_loss
from .negative import NegativeSpan, negative_span_loss
from .paths import KBestPaths, k_best, sample
from .posterior import expected_weight, tag_posterior
from .scheme import TagScheme
from .spans import ScoredSpans, SpanPosterior
from .tag_set import Constraints, PlainTags, TagSet

__all__ = [
    "Constraints",
    "KBestPaths",
    "Lattice",
    "Marginals",
    "NegativeSpan",
    "PlainTags",
    "Potentials",
    "ScoredSpans",
    "SpanPosterior",
    "TagScheme",
    "TagSet",
    "ViterbiPaths",
    "divergence",
    "edge_marginals",
    "expected_weight",
    "forward_backward",
    "k_best",
    "log_partition",
    "negative_log_likelihood",
    "negative_span_loss",
    "path_loss",
    "sample",
    "tag_posterior",
    "viterbi",
]
