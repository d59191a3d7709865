"""Sixteen numbers of single precision at a time, for Numba kernels of the network.

Numba leaves it to LLVM to find loops that can be vectorised; these functions say it
outright. Where registers are narrower than sixteen numbers, LLVM splits the operations.
"""

from typing import Any, Callable, List, Tuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# How many numbers a vector has.
WIDTH = 16

_SINGLE = ir.FloatType()
_SINGLES = ir.VectorType(_SINGLE, WIDTH)
_INTS = ir.VectorType(ir.IntType(32), WIDTH)
_PLACE = ir.IntType(64)
# Arrays of numbers need not start where a whole vector could.
_ALIGNMENT = 4

Intrinsic = Tuple[Any, Callable[..., Any]]


@intrinsic
def copy_sixteen(typing: Any, source: Any, target: Any) -> Intrinsic:
    """Copy sixteen numbers."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _store(builder, _load(builder, values[0]), values[1])
        return context.get_dummy_value()

    return types.void(source, target), emit


def _product(n_rows: int, n_blocks: int) -> Any:
    """Make a function that adds the product of some rows [n_rows, size] and of blocks
    of sixteen columns [n_blocks, size, 16] to sums [n_rows, n_blocks * 16]. The sums
    stay in registers all the while, which is why their number is fixed. Each is
    computed in the order of the rows' entries, whatever is computed beside it.
    """

    @intrinsic
    def add_product(
        typing: Any,
        rows: Any,
        row_stride: Any,
        blocks: Any,
        size: Any,
        sums: Any,
        sum_stride: Any,
    ) -> Intrinsic:
        def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            rows, row_stride, blocks, size, sums, sum_stride = values
            numbers, columns, places = [], [], []
            for row in range(n_rows):
                numbers.append(_at(builder, rows, row, row_stride))
                first = _at(builder, sums, row, sum_stride)
                places += [
                    builder.gep(first, [_PLACE(block * WIDTH)])
                    for block in range(n_blocks)
                ]
            block_size = builder.mul(size, _PLACE(WIDTH))
            for block in range(n_blocks):
                columns.append(_at(builder, blocks, block, block_size))
            before = builder.block
            old = [_load(builder, place) for place in places]
            loop = builder.append_basic_block("entries")
            after = builder.append_basic_block("done")
            builder.branch(loop)
            builder.position_at_end(loop)
            entry = builder.phi(_PLACE)
            entry.add_incoming(_PLACE(0), before)
            running = [builder.phi(_SINGLES) for _ in places]
            offset = builder.mul(entry, _PLACE(WIDTH))
            weights = [_load(builder, builder.gep(c, [offset])) for c in columns]
            new: List[Any] = []
            for row in range(n_rows):
                number = builder.load(builder.gep(numbers[row], [entry]))
                factor = _splat(builder, number)
                for weight in weights:
                    operands = [factor, weight, running[len(new)]]
                    new.append(_call(builder, "llvm.fmuladd", operands))
            following = builder.add(entry, _PLACE(1))
            entry.add_incoming(following, loop)
            for total, first, last in zip(running, old, new, strict=True):
                total.add_incoming(first, before)
                total.add_incoming(last, loop)
            more = builder.icmp_signed("<", following, size)
            builder.cbranch(more, loop, after)
            builder.position_at_end(after)
            for total, place in zip(new, places, strict=True):
                _store(builder, total, place)
            return context.get_dummy_value()

        intp = types.intp
        return types.void(rows, intp, blocks, intp, sums, intp), emit

    return add_product


# Twelve registers of eight numbers hold the sums of either, four are left.
ROWS_AT_ONCE, BLOCKS_AT_ONCE = 6, 4
add_product_of_rows = _product(ROWS_AT_ONCE, 1)
add_product_of_blocks = _product(1, BLOCKS_AT_ONCE)


@intrinsic
def fill_sixteen(typing: Any, target: Any, number: Any) -> Intrinsic:
    """Write a number sixteen times."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _store(builder, _splat(builder, values[1]), values[0])
        return context.get_dummy_value()

    return types.void(target, types.float32), emit


@intrinsic
def scale_sixteen(typing: Any, source: Any, factor: Any, target: Any) -> Intrinsic:
    """Write sixteen numbers times a factor."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        factor = _splat(builder, values[1])
        scaled = builder.fmul(_load(builder, values[0]), factor)
        _store(builder, scaled, values[2])
        return context.get_dummy_value()

    return types.void(source, types.float32, target), emit


@intrinsic
def keep_larger(typing: Any, source: Any, target: Any) -> Intrinsic:
    """Replace those of sixteen numbers that are smaller than those of a source."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        new, old = (_load(builder, value) for value in values)
        is_larger = builder.fcmp_ordered(">", new, old)
        _store(builder, builder.select(is_larger, new, old), values[1])
        return context.get_dummy_value()

    return types.void(source, target), emit


@intrinsic
def exp_of_difference(typing: Any, numbers: Any, less: Any, sums: Any) -> Intrinsic:
    """Replace sixteen numbers by the exponentials of their differences from a larger
    one, and add these to sums.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        numbers, less, sums = values
        difference = builder.fsub(_load(builder, numbers), _splat(builder, less))
        power = _exp(builder, difference)
        _store(builder, power, numbers)
        _store(builder, builder.fadd(_load(builder, sums), power), sums)
        return context.get_dummy_value()

    return types.void(numbers, types.float32, sums), emit


@intrinsic
def lstm_cell(
    typing: Any, gates: Any, stride: Any, cells: Any, states: Any
) -> Intrinsic:
    """Compute sixteen new cells and states of an LSTM. Its gates are torch's: input,
    forget, cell and output, each so many numbers behind the one before.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        gates, stride, cells, states = values
        entry, forget, fresh, output = (
            _load(builder, _at(builder, gates, gate, stride)) for gate in range(4)
        )
        one = _constant(1.0)
        # With a = exp(-entry), b = exp(-forget) and c = exp(-2 fresh), the new cell is
        # cell / (1 + b) + (1 - c) / ((1 + a) (1 + c)), and divisions take longest.
        power = _exp(builder, builder.fmul(fresh, _constant(-2.0)))
        a_and_c = builder.fmul(_one_and_exp(builder, entry), builder.fadd(one, power))
        one_and_b = _one_and_exp(builder, forget)
        kept = builder.fmul(_load(builder, cells), a_and_c)
        added = builder.fsub(one, power)
        dividend = _call(builder, "llvm.fmuladd", [added, one_and_b, kept])
        cell = builder.fdiv(dividend, builder.fmul(one_and_b, a_and_c))
        _store(builder, cell, cells)
        # The state is 1 / (1 + exp(-output)) of (1 - d) / (1 + d), d = exp(-2 cell).
        power = _exp(builder, builder.fmul(cell, _constant(-2.0)))
        divisor = builder.fmul(_one_and_exp(builder, output), builder.fadd(one, power))
        state = builder.fdiv(builder.fsub(one, power), divisor)
        _store(builder, state, states)
        return context.get_dummy_value()

    return types.void(gates, types.intp, cells, states), emit


def _one_and_exp(builder: Any, x: Any) -> Any:
    """RETURNS (Any): 1 + exp(-x)."""
    power = _exp(builder, builder.fmul(x, _constant(-1.0)))
    return builder.fadd(_constant(1.0), power)


_LOG2_E = 1.4426950408889634
# ln 2 in two parts, the first of which has few bits.
_LN_2_HIGH, _LN_2_LOW = 0.693359375, -2.12194440e-4
# Adding it leaves the whole number nearest to a small one in the lowest bits.
_ROUND_OFF = 12582912.0
# Beyond, no gate of single precision moves any more. Three such powers multiplied, and
# a cell, are still a number.
_LARGEST = 27.0
# The polynomial of Cephes' expf (Moshier 1992): its error is a unit in the last place.
_SERIES = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)


def _exp(builder: Any, x: Any) -> Any:
    """RETURNS (Any): exp(x), as if x were within ±27; NaN where x is."""
    limit = _constant(_LARGEST)
    x = builder.select(builder.fcmp_ordered(">", x, limit), limit, x)
    limit = _constant(-_LARGEST)
    x = builder.select(builder.fcmp_ordered("<", x, limit), limit, x)
    operands = [x, _constant(_LOG2_E), _constant(_ROUND_OFF)]
    shifted = _call(builder, "llvm.fmuladd", operands)
    n = builder.fsub(shifted, _constant(_ROUND_OFF))
    rest = _call(builder, "llvm.fmuladd", [n, _constant(-_LN_2_HIGH), x])
    rest = _call(builder, "llvm.fmuladd", [n, _constant(-_LN_2_LOW), rest])
    series = _constant(_SERIES[0])
    for coefficient in _SERIES[1:]:
        operands = [series, rest, _constant(coefficient)]
        series = _call(builder, "llvm.fmuladd", operands)
    linear = builder.fadd(rest, _constant(1.0))
    operands = [series, builder.fmul(rest, rest), linear]
    series = _call(builder, "llvm.fmuladd", operands)
    # The lowest bits of `shifted` are n; shifting moves n into the exponent.
    biased = builder.add(builder.bitcast(shifted, _INTS), _int_constant(127))
    power = builder.bitcast(builder.shl(biased, _int_constant(23)), _SINGLES)
    return builder.fmul(series, power)


def _at(builder: Any, source: Any, number: int, stride: Any) -> Any:
    return builder.gep(source, [builder.mul(stride, _PLACE(number))])


def _load(builder: Any, source: Any) -> Any:
    vector = builder.bitcast(source, _SINGLES.as_pointer())
    return builder.load(vector, align=_ALIGNMENT)


def _store(builder: Any, vector: Any, target: Any) -> None:
    to = builder.bitcast(target, _SINGLES.as_pointer())
    builder.store(vector, to, align=_ALIGNMENT)


def _splat(builder: Any, number: Any) -> Any:
    first = ir.IntType(32)(0)
    vector = builder.insert_element(ir.Constant(_SINGLES, ir.Undefined), number, first)
    return builder.shuffle_vector(vector, vector, _int_constant(0))


def _constant(number: float) -> Any:
    return ir.Constant(_SINGLES, [number] * WIDTH)


def _int_constant(number: int) -> Any:
    return ir.Constant(_INTS, [number] * WIDTH)


def _call(builder: Any, name: str, values: Any) -> Any:
    function_type = ir.FunctionType(_SINGLES, [_SINGLES] * len(values))
    function = cgutils.get_or_insert_function(
        builder.module, function_type, f"{name}.v{WIDTH}f32"
    )
    return builder.call(function, values)
