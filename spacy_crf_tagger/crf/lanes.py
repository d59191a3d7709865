"""A vector of eight double-precision numbers for Numba kernels, one for each of eight
sequences that are computed side by side.

Numba leaves it to LLVM to find loops that can be vectorised, and in loops over a few
tags LLVM finds none. These functions say it outright. Where registers are narrower than
eight numbers, LLVM splits the operations.
"""

from functools import partial
from typing import Any, Callable, Tuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic, models, register_model

from .compiled import borrowing_kernel

# How many numbers a vector has.
LANES = 8

_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_INTS = ir.VectorType(ir.IntType(64), LANES)
_SUFFIX = f"v{LANES}f64"
# Arrays of doubles need not start where a whole vector could.
_ALIGNMENT = 8

Intrinsic = Tuple[Any, Callable[..., Any]]


class LanesType(types.Type):
    """The Numba type of such a vector."""

    def __init__(self) -> None:
        """Create the type."""
        super().__init__(name="Lanes")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: LanesType) -> None:
        super().__init__(manager, numba_type, _DOUBLES)  # type: ignore[no-untyped-call]


_lanes = LanesType()


@intrinsic
def load(typing: Any, array: Any, first: Any) -> Intrinsic:
    """Read eight numbers of a contiguous array of doubles, from `first` on."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *values)
        return builder.load(pointer, align=_ALIGNMENT)

    return _lanes(array, types.intp), emit


@intrinsic
def store(typing: Any, array: Any, first: Any, vector: Any) -> Intrinsic:
    """Write eight numbers to a contiguous array of doubles, from `first` on."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *values[:2])
        builder.store(values[2], pointer, align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), emit


@intrinsic
def fill(typing: Any, number: Any) -> Intrinsic:
    """Make a vector of one number eight times."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _splat(builder, values[0])

    return _lanes(types.float64), emit


@intrinsic
def fill_from(typing: Any, array: Any, place: Any) -> Intrinsic:
    """Make a vector of the number at a place of a contiguous array of doubles."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = _read(context, builder, signature.args[0], *values)
        return _splat(builder, number)

    return _lanes(array, types.intp), emit


@intrinsic
def read(typing: Any, array: Any, place: Any) -> Intrinsic:
    """Read the number at a place of a contiguous array. Unlike indexing it does not
    look whether the place is counted from the end, which in the innermost loop of a
    recursion takes as long as the arithmetic.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _read(context, builder, signature.args[0], *values)

    return array.dtype(array, types.intp), emit


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Intrinsic:
    """Compute a + b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values)

    return _lanes(_lanes, _lanes), emit


@intrinsic
def subtract(typing: Any, a: Any, b: Any) -> Intrinsic:
    """Compute a - b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fsub(*values)

    return _lanes(_lanes, _lanes), emit


@intrinsic
def multiply(typing: Any, a: Any, b: Any) -> Intrinsic:
    """Compute a * b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fmul(*values)

    return _lanes(_lanes, _lanes), emit


@intrinsic
def divide(typing: Any, a: Any, b: Any) -> Intrinsic:
    """Compute a / b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fdiv(*values)

    return _lanes(_lanes, _lanes), emit


@intrinsic
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Intrinsic:
    """Compute a * b + c, rounded once where the processor can do that."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, "llvm.fmuladd", values)

    return _lanes(_lanes, _lanes, _lanes), emit


@intrinsic
def smaller(typing: Any, a: Any, b: Any) -> Intrinsic:
    """The smaller of both numbers of each pair; no number may be NaN."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _choose(builder, "<", *values)

    return _lanes(_lanes, _lanes), emit


@intrinsic
def larger(typing: Any, a: Any, b: Any) -> Intrinsic:
    """The larger of both numbers of each pair; no number may be NaN."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _choose(builder, ">", *values)

    return _lanes(_lanes, _lanes), emit


@intrinsic
def replace(typing: Any, a: Any, old: Any, new: Any) -> Intrinsic:
    """a, with a new number where it is equal to an old one."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a, old, new = values
        equal = builder.fcmp_ordered("==", a, _splat(builder, old))
        return builder.select(equal, _splat(builder, new), a)

    return _lanes(_lanes, types.float64, types.float64), emit


@intrinsic
def zero_with(typing: Any, a: Any, b: Any) -> Intrinsic:
    """a, with zero where b is zero."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a, b = values
        zero = ir.Constant(_DOUBLES, [0.0] * LANES)
        return builder.select(builder.fcmp_ordered("==", b, zero), zero, a)

    return _lanes(_lanes, _lanes), emit


@intrinsic
def total(typing: Any, a: Any) -> Intrinsic:
    """The sum of the eight numbers."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _fold(builder, values[0], builder.fadd)

    return types.float64(_lanes), emit


@intrinsic
def greatest(typing: Any, a: Any) -> Intrinsic:
    """The greatest of the eight numbers, none of which may be NaN."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _fold(builder, values[0], partial(_choose, builder, ">"))

    return types.float64(_lanes), emit


@intrinsic
def least(typing: Any, a: Any) -> Intrinsic:
    """The least of the eight numbers, none of which may be NaN."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _fold(builder, values[0], partial(_choose, builder, "<"))

    return types.float64(_lanes), emit


@intrinsic
def _power_of_two(typing: Any, shifted: Any) -> Intrinsic:
    """2^n, for n + _ROUND_OFF with whole numbers n of a normal double's exponent."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], _INTS)
        # The lowest bits of `shifted` are n; shifting moves n into the exponent.
        biased = builder.add(bits, _int_vector(1023))
        return builder.bitcast(builder.shl(biased, _int_vector(52)), _DOUBLES)

    return _lanes(_lanes), emit


@intrinsic
def exponent(typing: Any, a: Any) -> Intrinsic:
    """The exponents n of positive normal numbers a = mantissa · 2^n."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], _INTS)
        biased = builder.lshr(bits, _int_vector(52))
        return builder.sitofp(builder.sub(biased, _int_vector(1023)), _DOUBLES)

    return _lanes(_lanes), emit


@intrinsic
def mantissa(typing: Any, a: Any) -> Intrinsic:
    """The mantissas of positive normal numbers, in [1, 2)."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], _INTS)
        fraction = builder.and_(bits, _int_vector((1 << 52) - 1))
        one = builder.or_(fraction, _int_vector(1023 << 52))
        return builder.bitcast(one, _DOUBLES)

    return _lanes(_lanes), emit


_LOG2_E = 1.4426950408889634
_LN_2_HIGH = 6.93147180369123816490e-01  # its last bits are zero
_LN_2_LOW = 1.90821492927058770002e-10
# Adding it leaves the whole number nearest to a small one in the lowest bits.
_ROUND_OFF = 6755399441055744.0
# Nothing below is needed, and 2^n would leave the exponents of normal numbers.
_SMALLEST_ARGUMENT = -708.0
# 1 / k!, for the Taylor series of exp over half of ln 2 to either side of 0, whose next
# term is as small as the rounding of a double.
_TAYLOR = (
    1 / 479001600,
    1 / 39916800,
    1 / 3628800,
    1 / 362880,
    1 / 40320,
    1 / 5040,
    1 / 720,
    1 / 120,
    1 / 24,
    1 / 6,
    1 / 2,
    1.0,
    1.0,
)


@borrowing_kernel
def exp(a):  # type: ignore[no-untyped-def]
    """Compute exp of numbers that are not positive; -inf becomes 0, and so does what
    lies below -708.
    """
    clipped = larger(a, fill(_SMALLEST_ARGUMENT))
    shifted = multiply_add(clipped, fill(_LOG2_E), fill(_ROUND_OFF))
    n = subtract(shifted, fill(_ROUND_OFF))
    rest = multiply_add(n, fill(-_LN_2_HIGH), clipped)
    rest = multiply_add(n, fill(-_LN_2_LOW), rest)
    series = fill(_TAYLOR[0])
    for coefficient in _TAYLOR[1:]:
        series = multiply_add(series, rest, fill(coefficient))
    result = multiply(series, _power_of_two(shifted))
    return zero_with(result, subtract(clipped, fill(_SMALLEST_ARGUMENT)))


def _read(context: Any, builder: Any, array_type: Any, array: Any, place: Any) -> Any:
    return builder.load(_place(context, builder, array_type, array, place))


def _pointer(
    context: Any, builder: Any, array_type: Any, array: Any, first: Any
) -> Any:
    place = _place(context, builder, array_type, array, first)
    return builder.bitcast(place, _DOUBLES.as_pointer())


def _place(context: Any, builder: Any, array_type: Any, array: Any, place: Any) -> Any:
    if array_type.layout != "C":  # as what np.nonzero returns
        raise TypingError(f"Lanes are read from contiguous arrays, not {array_type}.")
    data = context.make_array(array_type)(context, builder, value=array).data
    return builder.gep(data, [place])


def _splat(builder: Any, number: Any) -> Any:
    first = ir.IntType(32)(0)
    vector = builder.insert_element(ir.Constant(_DOUBLES, ir.Undefined), number, first)
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(vector, vector, zeros)


def _choose(builder: Any, sign: str, a: Any, b: Any) -> Any:
    """Take a, number by number, where it compares to b as the sign says, and else b."""
    return builder.select(builder.fcmp_ordered(sign, a, b), a, b)


def _fold(builder: Any, vector: Any, join: Callable[[Any, Any], Any]) -> Any:
    """Join the eight numbers of a vector in pairs, those in pairs, and those."""
    numbers = [
        builder.extract_element(vector, ir.IntType(32)(lane)) for lane in range(LANES)
    ]
    while len(numbers) > 1:
        half = len(numbers) // 2
        pairs = zip(numbers[:half], numbers[half:], strict=True)
        numbers = [join(a, b) for a, b in pairs]
    return numbers[0]


def _int_vector(number: int) -> Any:
    return ir.Constant(_INTS, [number] * LANES)


def _call(builder: Any, name: str, values: Any) -> Any:
    function_type = ir.FunctionType(_DOUBLES, [_DOUBLES] * len(values))
    function = cgutils.get_or_insert_function(
        builder.module, function_type, f"{name}.{_SUFFIX}"
    )
    return builder.call(function, values)
