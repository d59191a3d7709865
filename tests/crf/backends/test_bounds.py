"""That a run with `NUMBA_BOUNDSCHECK=1` finds what reads or writes beyond an array."""

import json
import os
import subprocess
import sys

import pytest

CODE = """
import json, os, sys
import numpy as np
from tests.crf.bounds import numba_backend, watched
from spacy_crf_tagger.crf.backends.numba.compiled import borrowing_kernel
from spacy_crf_tagger.crf.backends.numba.lane_memory import load, pointer, read, store
from spacy_crf_tagger.crf.backends.numba.lanes import fill

def load_lanes(numbers, place):
    store(pointer(numbers), 0, load(pointer(numbers), place))

def store_lanes(numbers, place):
    store(pointer(numbers), place, fill(1.0))

def read_one(numbers, place):
    pointer(numbers)[0] = read(pointer(numbers), place)

def write_one(numbers, place):
    pointer(numbers)[place] = 1.0

def index(numbers, place):
    numbers[place] = 1.0

assert hasattr(numba_backend.numba_marginals, "module")  # it is watched
statuses = {}
for function, (good, *bad) in json.loads(sys.argv[1]).items():
    kernel = watched(borrowing_kernel(globals()[function]))
    kernel(np.zeros(16), good)
    statuses[function] = []
    for place in bad:  # each in a process of its own, which it ends
        child = os.fork()
        if not child:
            kernel(np.zeros(16), place)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        statuses[function].append(status)
print(json.dumps(statuses))
"""
# The first place is good, the others are bad.
PLACES = {
    "load_lanes": [8, 9, -1],
    "store_lanes": [8, 9, -1],
    "read_one": [15, 16, -1],
    "write_one": [15, 16, -1],
    "index": [15, 16, -17],
}


@pytest.fixture(scope="module")
def statuses() -> "dict[str, list[int]]":
    """The exit statuses at all places but the first ones."""
    process = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(PLACES)],
        # What is in a string is not cached.
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    found: dict[str, list[int]] = json.loads(process.stdout)
    return found


@pytest.mark.parametrize("function", PLACES)
def test_what_is_beyond_an_array_is_found_out(
    function: str, statuses: "dict[str, list[int]]"
) -> None:
    assert len(statuses[function]) == len(PLACES[function]) - 1
    assert 0 not in statuses[function]
