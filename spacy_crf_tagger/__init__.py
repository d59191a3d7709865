"""A BiLSTM-attention-CRF entity recogniser for spaCy."""

__version__ = "0.1.0"
