"""Matrices of transitions, most of which a tag scheme forbids, cut into dense tiles."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, List, NamedTuple, Tuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
# Columns of a tile. With more, sums wait less for each other, but more columns are
# empty: those of I and L are alike for each label, and no others.
TILE_WIDTH = 3


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
    return _layout(possible.tobytes(), len(possible))


@lru_cache(maxsize=64)
def _layout(pattern: bytes, n_tags: int) -> Layout:
    possible = np.frombuffer(pattern, dtype=bool).reshape(n_tags, n_tags)
    # Columns with the same pattern, each pattern in turn.
    _, kind = np.unique(possible, axis=1, return_inverse=True)
    limits, rows, columns, places = [0], [], [], []
    for group in _groups(kind.reshape(-1)):
        own_rows = np.flatnonzero(possible[:, group[0]])
        for first in range(0, len(group), TILE_WIDTH):
            own = group[first : first + TILE_WIDTH]
            missing = TILE_WIDTH - len(own)
            place = own_rows[:, None] * n_tags + own
            places.append(
                np.pad(place, ((0, 0), (0, missing)), constant_values=n_tags**2)
            )
            columns.append(np.pad(own, (0, missing), constant_values=n_tags))
            rows.append(own_rows)
            limits.append(limits[-1] + len(own_rows))
    return Layout(
        np.array(limits),
        np.concatenate(rows),
        np.array(columns),
        np.concatenate(places).reshape(-1),
        possible,
    )


def _groups(kind: Ints) -> List[Ints]:
    return [np.flatnonzero(kind == number) for number in range(kind.max() + 1)]
