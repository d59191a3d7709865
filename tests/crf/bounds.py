"""Kernels whose reads and writes are checked, for tests that run with
`NUMBA_BOUNDSCHECK=1`. Numba then checks where arrays are indexed, but knows nothing of
`lanes`, which read and write eight numbers at a place that nobody looks at.
"""

from typing import Any

from numba.core import cgutils, config, types

from spacy_crf_tagger.crf import lanes


def check_lanes() -> None:
    """Let lanes check their places as well, in all kernels that are compiled from now
    on.
    """
    plain_place, plain_pointer = lanes._place, lanes._pointer

    def place(context: Any, builder: Any, kind: Any, array: Any, first: Any) -> Any:
        _check(context, builder, kind, array, first)
        return plain_place(context, builder, kind, array, first)

    def pointer(context: Any, builder: Any, kind: Any, array: Any, first: Any) -> Any:
        last = builder.add(first, context.get_constant(types.intp, lanes.LANES - 1))
        _check(context, builder, kind, array, last)
        return plain_pointer(context, builder, kind, array, first)

    lanes._place, lanes._pointer = place, pointer  # type: ignore[assignment]


def _check(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> None:
    """Raise an IndexError, as where an array is indexed."""
    size = context.make_array(kind)(context, builder, value=array).nitems
    zero = context.get_constant(types.intp, 0)
    is_below = builder.icmp_signed("<", place, zero)
    is_behind = builder.icmp_signed(">=", place, size)
    with cgutils.if_unlikely(builder, builder.or_(is_below, is_behind)):
        message = "lanes are out of bounds"
        context.call_conv.return_user_exc(builder, IndexError, (message,))


if config.BOUNDSCHECK:
    check_lanes()
