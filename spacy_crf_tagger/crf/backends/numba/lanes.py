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
from numba.extending import intrinsic, models, register_model

# How many numbers a vector has.
LANES = 8

DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
INTS = ir.VectorType(ir.IntType(64), LANES)
_SUFFIX = f"v{LANES}f64"

Intrinsic = Tuple[Any, Callable[..., Any]]


class LanesType(types.Type):
    """The Numba type of such a vector."""

    def __init__(self) -> None:
        """Create the type."""
        super().__init__(name="Lanes")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: LanesType) -> None:
        super().__init__(manager, numba_type, DOUBLES)  # type: ignore[no-untyped-call]


lanes = LanesType()


@intrinsic
def fill(typing: Any, number: Any) -> Intrinsic:
    """Make a vector of one number eight times."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return splat(builder, values[0])

    return lanes(types.float64), emit


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Intrinsic:
    """Compute a + b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values)

    return lanes(lanes, lanes), emit


@intrinsic
def subtract(typing: Any, a: Any, b: Any) -> Intrinsic:
    """Compute a - b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fsub(*values)

    return lanes(lanes, lanes), emit


@intrinsic
def multiply(typing: Any, a: Any, b: Any) -> Intrinsic:
    """Compute a * b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fmul(*values)

    return lanes(lanes, lanes), emit


@intrinsic
def divide(typing: Any, a: Any, b: Any) -> Intrinsic:
    """Compute a / b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fdiv(*values)

    return lanes(lanes, lanes), emit


@intrinsic
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Intrinsic:
    """Compute a * b + c, rounded once where the processor can do that."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, "llvm.fmuladd", values)

    return lanes(lanes, lanes, lanes), emit


@intrinsic
def smaller(typing: Any, a: Any, b: Any) -> Intrinsic:
    """The smaller of both numbers of each pair; no number may be NaN."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _choose(builder, "<", *values)

    return lanes(lanes, lanes), emit


@intrinsic
def larger(typing: Any, a: Any, b: Any) -> Intrinsic:
    """The larger of both numbers of each pair; no number may be NaN."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _choose(builder, ">", *values)

    return lanes(lanes, lanes), emit


@intrinsic
def replace(typing: Any, a: Any, old: Any, new: Any) -> Intrinsic:
    """a, with a new number where it is equal to an old one."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a, old, new = values
        equal = builder.fcmp_ordered("==", a, splat(builder, old))
        return builder.select(equal, splat(builder, new), a)

    return lanes(lanes, types.float64, types.float64), emit


@intrinsic
def zero_with(typing: Any, a: Any, b: Any) -> Intrinsic:
    """a, with zero where b is zero."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a, b = values
        zero = ir.Constant(DOUBLES, [0.0] * LANES)
        return builder.select(builder.fcmp_ordered("==", b, zero), zero, a)

    return lanes(lanes, lanes), emit


@intrinsic
def total(typing: Any, a: Any) -> Intrinsic:
    """The sum of the eight numbers."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _fold(builder, values[0], builder.fadd)

    return types.float64(lanes), emit


@intrinsic
def greatest(typing: Any, a: Any) -> Intrinsic:
    """The greatest of the eight numbers, none of which may be NaN."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _fold(builder, values[0], partial(_choose, builder, ">"))

    return types.float64(lanes), emit


@intrinsic
def least(typing: Any, a: Any) -> Intrinsic:
    """The least of the eight numbers, none of which may be NaN."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _fold(builder, values[0], partial(_choose, builder, "<"))

    return types.float64(lanes), emit


@intrinsic
def exponent(typing: Any, a: Any) -> Intrinsic:
    """The exponents n of positive normal numbers a = mantissa · 2^n."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], INTS)
        biased = builder.lshr(bits, _int_vector(52))
        return builder.sitofp(builder.sub(biased, _int_vector(1023)), DOUBLES)

    return lanes(lanes), emit


@intrinsic
def mantissa(typing: Any, a: Any) -> Intrinsic:
    """The mantissas of positive normal numbers, in [1, 2)."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], INTS)
        fraction = builder.and_(bits, _int_vector((1 << 52) - 1))
        one = builder.or_(fraction, _int_vector(1023 << 52))
        return builder.bitcast(one, DOUBLES)

    return lanes(lanes), emit


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


@intrinsic
def exp(typing: Any, a: Any) -> Intrinsic:
    """Compute exp of numbers that are not positive; -inf becomes 0, and so does what
    lies below -708.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        def constant(number: float) -> Any:
            return ir.Constant(DOUBLES, [number] * LANES)

        def multiply_add(a: Any, b: float, c: Any) -> Any:
            return _call(builder, "llvm.fmuladd", [a, constant(b), c])

        least = constant(_SMALLEST_ARGUMENT)
        clipped = _choose(builder, ">", values[0], least)
        shifted = multiply_add(clipped, _LOG2_E, constant(_ROUND_OFF))
        n = builder.fsub(shifted, constant(_ROUND_OFF))
        rest = multiply_add(n, -_LN_2_HIGH, clipped)
        rest = multiply_add(n, -_LN_2_LOW, rest)
        series = constant(_TAYLOR[0])
        for coefficient in _TAYLOR[1:]:
            operands = [series, rest, constant(coefficient)]
            series = _call(builder, "llvm.fmuladd", operands)
        result = builder.fmul(series, _power_of_two(builder, shifted))
        is_least = builder.fcmp_ordered("==", clipped, least)
        return builder.select(is_least, constant(0.0), result)

    return lanes(lanes), emit


def _power_of_two(builder: Any, shifted: Any) -> Any:
    """RETURNS (Any): 2^n, for n + _ROUND_OFF with whole numbers n of a normal double's
    exponent.
    """
    bits = builder.bitcast(shifted, INTS)
    # The lowest bits of `shifted` are n; shifting moves n into the exponent.
    biased = builder.add(bits, _int_vector(1023))
    return builder.bitcast(builder.shl(biased, _int_vector(52)), DOUBLES)


def splat(builder: Any, number: Any) -> Any:
    """RETURNS (Any): LLVM's vector of one number eight times."""
    first = ir.IntType(32)(0)
    vector = builder.insert_element(ir.Constant(DOUBLES, ir.Undefined), number, first)
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
    return ir.Constant(INTS, [number] * LANES)


def _call(builder: Any, name: str, values: Any) -> Any:
    function_type = ir.FunctionType(DOUBLES, [DOUBLES] * len(values))
    function = cgutils.get_or_insert_function(
        builder.module, function_type, f"{name}.{_SUFFIX}"
    )
    return builder.call(function, values)
