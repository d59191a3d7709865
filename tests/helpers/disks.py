"""Disks without room."""

import resource
import signal
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def small_disk(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow longer than a number of bytes."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
