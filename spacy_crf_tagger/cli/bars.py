"""Bars that show how far a command is."""

from typing import Any

from tqdm import tqdm

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}, {remaining} left]"


def progress_bar(doing: str, total: int) -> Any:
    """Make a bar, on a terminal only, which vanishes at its end.

    doing (str): What is being done.
    total (int): How much there is to do.
    RETURNS (tqdm): The bar.
    """
    return tqdm(desc=doing, total=total, bar_format=_FORMAT, disable=None, leave=False)
