"""How far a run is."""

import time
from types import TracebackType
from typing import Any, Optional, Type

from tqdm import tqdm

_FORMAT = "{percentage:3.0f}%|{bar}| {postfix[0]} [{elapsed}, {remaining} left]"


class Progress:
    """A bar with the number of documents, words per second, and the time that is left,
    which is known by the bytes of the inputs. There is none where nobody would see it.

    n_bytes (int): How many bytes there are.
    """

    def __init__(self, n_bytes: int) -> None:
        self._bar: Any = tqdm(
            total=n_bytes, bar_format=_FORMAT, postfix=[""], disable=None
        )
        self._began = time.monotonic()
        self._documents = 0
        self._words = 0

    def __enter__(self) -> "Progress":
        """RETURNS (Progress): Itself."""
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Leave the bar as it is."""
        self._bar.close()

    def report(self, documents: int, words: int) -> None:
        """Say that documents have been annotated.

        documents (int): How many.
        words (int): How many tokens they have.
        """
        self._documents += documents
        self._words += words
        if not self._bar.disable:
            rate = self._words / max(time.monotonic() - self._began, 1e-9)
            text = f"{self._documents:,} documents, {rate:,.0f} words/s"
            self._bar.postfix[0] = text
            self._bar.update(0)

    def finish(self, n_bytes: int) -> None:
        """Say that a shard is done.

        n_bytes (int): How many bytes its rows have.
        """
        self._bar.update(n_bytes)

    def skip(self, n_bytes: int) -> None:
        """Say that a shard was done before. It tells nothing about the time.

        n_bytes (int): How many bytes its rows have.
        """
        if not self._bar.disable:
            self._bar.initial += n_bytes
            self._bar.update(n_bytes)
