"""`spacy crf warm-up`: compile the kernels ahead of the first prediction."""

from typing import TYPE_CHECKING

from wasabi import msg

if TYPE_CHECKING:
    from ..crf.backends.numba.warming import Warmth


def warm_up_cli() -> None:
    """Compile the kernels of predictions, training and probabilities for this machine,
    so that no later process has to: for example when an image is built for a container.
    They are kept for processors like the one that compiles them.
    """
    warm_up()


def warm_up() -> "Warmth":
    """Compile all kernels, print how long it took and where they are kept, and exit
    with 1 if that is nowhere.

    RETURNS (Warmth): What was compiled, and where it is kept.
    """
    try:
        # No other command should wait for what comes with it.
        from ..crf.backends.numba.kernel_cache import REMEDY
        from ..crf.backends.numba.warming import Kernels
        from ..crf.backends.numba.warming import warm_up as compile_all
        from ..models.kernels import adam, attention, dense, lstm
    except ImportError as error:
        msg.fail(
            "There are no kernels without Numba, and predictions are slow",
            f"pip install numba ({error})",
            exits=1,
        )
    found = compile_all(
        [Kernels((each,), each.use_all) for each in (dense, lstm, attention, adam)]
    )
    if found.lost:
        msg.fail(
            f"Compiled {found.compiled} kernels in {found.seconds:.1f} s, of which "
            f"{len(found.lost)} cannot be kept: each process will compile them again",
            "\n".join([REMEDY, *found.refused]),
            exits=1,
        )
    msg.good(
        f"Compiled {found.compiled} kernels in {found.seconds:.1f} s"
        if found.compiled
        else f"All {found.loaded} kernels had been compiled before",
        "They are in " + " and ".join(found.kept_in),
    )
    return found
