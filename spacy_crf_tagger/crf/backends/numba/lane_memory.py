"""Memory access of kernels: eight numbers at a time, one after another or from a row
for each of eight sequences, and single numbers.

Kernels are given arrays. They hand pointers to the functions that they consist of: an
array is five to nine numbers, which a function that takes ten of them has to be
compiled with. Both can be read, and neither is looked at for its bounds.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic, models, register_model

from .lanes import DOUBLES, INTS, LANES, Intrinsic, lanes, splat

# Arrays of numbers need not start where a whole vector could.
_ALIGNMENT = 8


class PlacesType(types.Type):
    """The Numba type of eight places in an array, one for each sequence."""

    def __init__(self) -> None:
        """Create the type."""
        super().__init__(name="Places")


@register_model(PlacesType)
class _PlacesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: PlacesType) -> None:
        super().__init__(manager, numba_type, INTS)  # type: ignore[no-untyped-call]


_places = PlacesType()


@intrinsic
def pointer(typing: Any, array: Any) -> Intrinsic:
    """Point to the first number of a contiguous array."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _data(context, builder, signature.args[0], values[0])

    return types.CPointer(array.dtype)(array), emit


@intrinsic
def at(typing: Any, source: Any, place: Any) -> Intrinsic:
    """Point to a number that lies so many behind another one."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.gep(values[0], [values[1]])

    return source(source, types.intp), emit


@intrinsic
def load(typing: Any, source: Any, first: Any) -> Intrinsic:
    """Read eight doubles that lie side by side, from `first` on."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], *values)
        vector = builder.bitcast(place, DOUBLES.as_pointer())
        return builder.load(vector, align=_ALIGNMENT)

    return lanes(source, types.intp), emit


@intrinsic
def store(typing: Any, target: Any, first: Any, vector: Any) -> Intrinsic:
    """Write eight doubles side by side, from `first` on."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], *values[:2])
        to = builder.bitcast(place, DOUBLES.as_pointer())
        builder.store(values[2], to, align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.void(target, types.intp, lanes), emit


@intrinsic
def fill_from(typing: Any, source: Any, place: Any) -> Intrinsic:
    """Make a vector of the double at a place."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = builder.load(_place(context, builder, signature.args[0], *values))
        return splat(builder, number)

    return lanes(source, types.intp), emit


@intrinsic
def read(typing: Any, source: Any, place: Any) -> Intrinsic:
    """Read the number at a place. Unlike indexing an array it does not look whether the
    place is counted from the end, which in the innermost loop of a recursion takes as
    long as the arithmetic.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_place(context, builder, signature.args[0], *values))

    return source.dtype(source, types.intp), emit


@intrinsic
def find_rows(
    typing: Any, first_rows: Any, lengths: Any, token: Any, width: Any
) -> Intrinsic:
    """Find where the rows of a token of eight sequences, or of their last one, begin in
    a matrix of a width, given the rows of their first tokens and their lengths.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first, length = (
            builder.load(
                builder.bitcast(each, INTS.as_pointer()),
                align=_ALIGNMENT,
            )
            for each in values[:2]
        )
        token, width = (_splat_int(builder, each) for each in values[2:])
        last = builder.sub(length, ir.Constant(INTS, [1] * LANES))
        inside = builder.icmp_signed("<", token, last)
        row = builder.add(first, builder.select(inside, token, last))
        return builder.mul(row, width)

    return _places(first_rows, lengths, types.intp, types.intp), emit


@intrinsic
def gather(typing: Any, source: Any, places: Any, further: Any) -> Intrinsic:
    """Read eight numbers as doubles, each a number of places behind its own place."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        source, places, further = values
        numbers = ir.Constant(DOUBLES, ir.Undefined)
        for lane in map(ir.IntType(32), range(LANES)):
            own = builder.add(builder.extract_element(places, lane), further)
            number = builder.load(builder.gep(source, [own]))
            if number.type != ir.DoubleType():
                number = builder.fpext(number, ir.DoubleType())
            numbers = builder.insert_element(numbers, number, lane)
        return numbers

    return lanes(source, _places, types.intp), emit


@intrinsic
def scatter(
    typing: Any, target: Any, places: Any, further: Any, vector: Any
) -> Intrinsic:
    """Write eight doubles, each a number of places behind its own place."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target, places, further, vector = values
        for lane in map(ir.IntType(32), range(LANES)):
            own = builder.add(builder.extract_element(places, lane), further)
            number = builder.extract_element(vector, lane)
            if target.type.pointee != ir.DoubleType():
                number = builder.fptrunc(number, target.type.pointee)
            builder.store(number, builder.gep(target, [own]))
        return context.get_dummy_value()

    return types.void(target, _places, types.intp, lanes), emit


def _place(context: Any, builder: Any, numba_type: Any, source: Any, place: Any) -> Any:
    return builder.gep(_data(context, builder, numba_type, source), [place])


def _data(context: Any, builder: Any, numba_type: Any, source: Any) -> Any:
    if isinstance(numba_type, types.CPointer):
        return source
    if numba_type.layout != "C":  # as what np.nonzero returns
        raise TypingError(f"Lanes are read from contiguous arrays, not {numba_type}.")
    return context.make_array(numba_type)(context, builder, value=source).data


def _splat_int(builder: Any, number: Any) -> Any:
    first = builder.insert_element(
        ir.Constant(INTS, ir.Undefined), number, ir.IntType(32)(0)
    )
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, first, zeros)
