"""What decides what is written of a row."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Settings:
    """What decides what is written of a row.

    text_field (str): The column that has the text.
    top_k (int): How many analyses of each document to add.
    min_probability (Optional[float]): Also add all spans that are more probable.
    prefix (str): What the names of new columns start with.
    """

    text_field: str = "text"
    top_k: int = 0
    min_probability: Optional[float] = None
    prefix: str = ""
