"""Name the component of the pipeline in errors."""

from contextlib import contextmanager
from typing import Iterator, Sequence, Type

import numpy as np
from spacy.util import logger

# Labels or tags that a message shows.
_MOST_NAMES = 20


@contextmanager
def working(name: str, doing: str = "", *more: Type[Exception]) -> Iterator[None]:
    """Name the component in errors, and compute whatever NumPy has been told to raise:
    rounding to zero, for one, is no error here.

    name (str): The name of the component.
    doing (str): What an error means, in words that it is the end of.
    *more (Type[Exception]): Errors that become a `ValueError` as well.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except Exception as error:
        prefix = f"Component '{name}': "
        named = str(error).startswith(prefix)  # by a property that was used here
        if named or not isinstance(error, (ValueError, *more)):
            raise
        raise ValueError(f"{prefix}{doing}{error}") from error


def few(names: Sequence[str]) -> str:
    """RETURNS (str): The first names of a list; there may be thousands."""
    shown = ", ".join(map(repr, names[:_MOST_NAMES]))
    n_more = len(names) - _MOST_NAMES
    return f"[{shown}, and {n_more} more]" if n_more > 0 else f"[{shown}]"


def warn_of_batch(name: str, n_documents: int, error: Exception) -> None:
    """Log that documents failed together, and none of them alone.

    name (str): The name of the component.
    n_documents (int): How many they are.
    error (Exception): What happened.
    """
    logger.warning(
        "Component '%s': %d documents could not be annotated together (%s: %s), and "
        "were annotated one by one, which is slow. Take smaller batches by "
        "nlp.pipe(…, batch_size=…) if it is for want of memory.",
        name,
        n_documents,
        type(error).__name__,
        error,
    )
