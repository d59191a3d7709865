"""Receipts of shards: what was written, and which rows failed."""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Tuple

from ..saving import replacing_file
from .outputs import to_json_line
from .plan import Shard, file_digest
from .rows import Failure

_CHECKSUM = "checksum"


class Receipt(NamedTuple):
    """What has become of a shard.

    number (int): Which shard it is.
    source (str): The digest of its rows.
    documents (int): How many were annotated.
    words (int): How many tokens they have.
    size (int): How many bytes its file has.
    digest (str): The checksum of its file.
    failures (Tuple[Failure, ...]): What could not be annotated.
    """

    number: int
    source: str
    documents: int
    words: int
    size: int
    digest: str
    failures: Tuple[Failure, ...]


class ChangedInputError(ValueError):
    """A shard was annotated whose rows are others now."""


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write a receipt, behind which the file of the shard must have been written.

    path (Path): Where to.
    receipt (Receipt): The receipt.
    RAISES (OSError): If it cannot be written.
    """
    failures = [failure._asdict() for failure in receipt.failures]
    values = {**receipt._asdict(), "failures": failures}
    with replacing_file(path) as temporary:
        temporary.write_bytes(to_json_line({**values, _CHECKSUM: _sum_of(values)}))


def read_receipt(path: Path) -> Optional[Receipt]:
    """Read a receipt.

    path (Path): Where it is.
    RETURNS (Optional[Receipt]): The receipt; None if there is none, or it is damaged.
    """
    try:
        values: Any = json.loads(path.read_text("utf8"))
        if values.pop(_CHECKSUM) != _sum_of(values):
            return None
        failures = tuple(Failure(**each) for each in values.pop("failures"))
        return Receipt(**values, failures=failures)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _sum_of(values: Dict[str, Any]) -> str:
    return hashlib.blake2b(to_json_line(values), digest_size=16).hexdigest()


def find_finished(shard: Shard, path: Path, output: Path) -> Optional[Receipt]:
    """Find out whether a shard has been annotated, and its file is whole.

    shard (Shard): The shard.
    path (Path): Where its receipt would be.
    output (Path): Where its file would be.
    RETURNS (Optional[Receipt]): The receipt; None if there is something to do.
    RAISES (ChangedInputError): If it was annotated with other rows.
    """
    receipt = read_receipt(path)
    if receipt is None or receipt.number != shard.number:
        return None
    if receipt.source != shard.digest:
        names = list(dict.fromkeys(piece.name for piece in shard.pieces))
        first = shard.pieces[0].first_row
        raise ChangedInputError(
            f"the rows of {', '.join(names)} from {first} on have changed since they "
            "were annotated"
        )
    is_whole = output.is_file() and output.stat().st_size == receipt.size
    return receipt if is_whole and file_digest(output) == receipt.digest else None
