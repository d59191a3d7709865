"""That a run with `NUMBA_BOUNDSCHECK=1` finds what reads or writes beyond an array."""

import os
import subprocess
import sys

CODE = """
import numpy as np
from tests.crf import bounds
from spacy_crf_tagger.crf import lanes
from spacy_crf_tagger.crf.compiled import borrowing_kernel

def load(numbers, place):
    lanes.store(numbers, 0, lanes.load(numbers, place))

def store(numbers, place):
    lanes.store(numbers, place, lanes.fill(1.0))

def read(numbers, place):
    numbers[0] = lanes.read(numbers, place)

def index(numbers, place):
    numbers[place] = 1.0

for function, good, bad in (
    (load, [0, 8], [9, 16, -1, 10**12]),
    (store, [0, 8], [9, 16, -1, 10**12]),
    (read, [0, 15], [16, -1, 10**12]),
    (index, [0, 15], [16, -17, 10**12]),
):
    kernel = borrowing_kernel(function)
    for place in good:
        kernel(np.zeros(16), place)
    for place in bad:
        try:
            kernel(np.zeros(16), place)
        except IndexError:
            pass
        else:
            raise SystemExit(f"{function.__name__}: {place} of 16 is not found out")
"""


def test_bounds_are_checked() -> None:
    process = subprocess.run(
        [sys.executable, "-c", CODE],
        # What is in a string is not cached.
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
