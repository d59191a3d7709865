"""Cut sparse transition matrices into dense tiles of allowed transitions."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
# Columns of a tile. With more, sums wait less for each other, but more columns are
# empty: those of I and L are alike for each label, and no others.
TILE_WIDTH = 3
# A pattern of so many entries (128 tags) is looked up as it is, and a longer one by its
# digest, which takes longer to make and less room.
_SHORT_PATTERN = 2**14
# How many numbers the layouts of long patterns may have together: 200 MB.
_LARGEST_SIZE = 2**24


class Tiles(NamedTuple):
    """The entries of a matrix that can differ from zero, in tiles of a few columns that
    have the same rows. Where columns are missing, there is one more (number K), with
    zeros.

    limits (NDArray[int]): The first entry of each tile, and the number of entries E,
        [tiles + 1].
    rows (NDArray[int]): The row of each entry, [E].
    columns (NDArray[int]): The columns of each tile, [tiles, TILE_WIDTH].
    values (NDArray[float]): The numbers of each entry, [E, TILE_WIDTH].
    """

    limits: Ints
    rows: Ints
    columns: Ints
    values: Any


@dataclass(frozen=True)
class Layout:
    """Where the entries of a matrix are in its tiles.

    limits, rows, columns (NDArray[int]): See `Tiles`.
    places (NDArray[int]): For each number of `Tiles.values`, its place in the flattened
        matrix, or K² in a missing column, [E * TILE_WIDTH].
    possible (NDArray[bool]): Which entries can differ from zero, [K, K].
    """

    limits: Ints
    rows: Ints
    columns: Ints
    places: Ints
    possible: NDArray[np.bool_]

    def fill(self, entries: NDArray[np.float64]) -> Tiles:
        """RETURNS (Tiles): The tiles of a matrix, given its flattened entries and one
        more for the places of missing columns, [K² + 1].
        """
        values = entries[self.places].reshape(-1, TILE_WIDTH)
        return Tiles(self.limits, self.rows, self.columns, values)

    def fill_scores(self, matrix: NDArray[np.float64]) -> Tiles:
        """RETURNS (Tiles): The tiles of a matrix whose missing columns may have any
        numbers, as where best paths are looked for: none leads through them.
        """
        values = matrix.reshape(-1).take(self.places, mode="clip")
        return Tiles(
            self.limits, self.rows, self.columns, values.reshape(-1, TILE_WIDTH)
        )

    def fill_transposed(self, entries: NDArray[np.float64]) -> Tiles:
        """RETURNS (Tiles): The tiles of the transposed matrix, given the entries of the
        matrix itself as for `fill`.
        """
        layout, places = self._transposed
        values = entries[places].reshape(-1, TILE_WIDTH)
        return Tiles(layout.limits, layout.rows, layout.columns, values)

    @cached_property
    def _transposed(self) -> "Tuple[Layout, Ints]":
        n_tags = len(self.possible)
        layout = layout_of(np.ascontiguousarray(self.possible.T))
        row, column = np.divmod(layout.places, n_tags)
        missing = layout.places == n_tags**2
        return layout, np.where(missing, n_tags**2, column * n_tags + row)

    def predecessors(self, matrix: NDArray[np.float64]) -> Tuple[Ints, Ints, Any]:
        """RETURNS (Tuple): The rows of each column's entries, column by column and in
        their order; where each column's rows begin and end, [K + 1]; and the entries.
        """
        rows, limits, places = self._by_column
        return rows, limits, matrix.reshape(-1)[places]

    @cached_property
    def _by_column(self) -> Tuple[Ints, Ints, Ints]:
        columns, rows = np.nonzero(self.possible.T)
        limits = np.searchsorted(columns, np.arange(len(self.possible) + 1))
        places = rows * len(self.possible) + columns
        return np.ascontiguousarray(rows), limits, places

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """RETURNS (NDArray[float]): The matrix with these values, [K, K]."""
        n_tags = len(self.possible)
        matrix = np.zeros(n_tags * n_tags + 1)
        matrix[self.places] = values.reshape(-1)
        return matrix[:-1].reshape(n_tags, n_tags)


def layout_of(possible: NDArray[np.bool_]) -> Layout:
    """Find the layout of a matrix.

    possible (NDArray[bool]): Which entries can differ from zero, [K, K].
    RETURNS (Layout): The layout; that of a pattern is found once.
    """
    if possible.size <= _SHORT_PATTERN:
        return _short_layout(possible.tobytes(), len(possible))
    digest = hashlib.sha256(np.packbits(possible).tobytes()).digest()
    return _long_layouts.find(digest + bytes(str(len(possible)), "ascii"), possible)


@lru_cache(maxsize=64)
def _short_layout(pattern: bytes, n_tags: int) -> Layout:
    return _find_layout(np.frombuffer(pattern, dtype=bool).reshape(n_tags, n_tags))


class _Recent:
    """The layouts of long patterns that were used last, as far as there is room: those
    of a thousand labels are of several million numbers.
    """

    def __init__(self) -> None:
        self._layouts: OrderedDict[bytes, Layout] = OrderedDict()
        self._lock = Lock()

    def find(self, key: bytes, possible: NDArray[np.bool_]) -> Layout:
        """RETURNS (Layout): The layout of the pattern that has a key."""
        with self._lock:
            if key in self._layouts:
                self._layouts.move_to_end(key)
                return self._layouts[key]
        layout = _find_layout(possible.copy())
        with self._lock:
            self._layouts[key] = layout
            while len(self._layouts) > 1 and self.size > _LARGEST_SIZE:
                self._layouts.popitem(last=False)
        return layout

    @property
    def size(self) -> int:
        """RETURNS (int): How many numbers are kept."""
        return sum(len(layout.places) for layout in self._layouts.values())


_long_layouts = _Recent()


def _find_layout(possible: NDArray[np.bool_]) -> Layout:
    n_tags = len(possible)
    limits, rows, columns, places = [0], [], [], []
    for group in _groups(possible):
        own_rows = np.flatnonzero(possible[:, group[0]])
        for first in range(0, len(group), TILE_WIDTH):
            own = group[first : first + TILE_WIDTH]
            place = np.full((len(own_rows), TILE_WIDTH), n_tags**2)
            np.add(own_rows[:, None] * n_tags, own, out=place[:, : len(own)])
            places.append(place)
            column = np.full(TILE_WIDTH, n_tags)
            column[: len(own)] = own
            columns.append(column)
            rows.append(own_rows)
            limits.append(limits[-1] + len(own_rows))
    return Layout(
        np.array(limits),
        np.concatenate(rows),
        np.array(columns),
        np.concatenate(places).reshape(-1),
        possible,
    )


def _groups(possible: NDArray[np.bool_]) -> List[Ints]:
    """RETURNS (List[NDArray[int]]): The columns of each pattern that a column has, in
    the order of the patterns.
    """
    patterns: Dict[bytes, List[int]] = {}
    # Eight rows a byte, so that patterns are short to compare. The first is its highest
    # bit, which keeps their order.
    for column, packed in enumerate(np.packbits(possible.T, axis=1)):
        patterns.setdefault(packed.tobytes(), []).append(column)
    return [np.array(patterns[pattern]) for pattern in sorted(patterns)]
