"""The folder of a run: its manifest, the files of its shards, and their receipts.

    manifest.json            what is annotated, with what, and how
    part-000000.jsonl        the first shard
    receipts/part-000000.json    how many documents it has, and which rows failed
    failed.jsonl             all rows that failed, at the end

A shard is done when its receipt is there, which is written behind its file.
"""

import errno
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping

from ..saving import replacing_file
from .inputs import Kind
from .outputs import to_json_line
from .plan import Shard
from .receipts import Receipt, find_finished, read_receipt, write_receipt

MANIFEST = "manifest.json"
FAILED = "failed.jsonl"
_RECEIPTS = "receipts"
_LOCK = ".lock"
_TEMPORARY = ".tmp"
_START_ANEW = "Pass --no-resume to annotate all of it anew, or name another folder"


class OtherRunError(ValueError):
    """A folder holds what cannot be gone on with; the message says why."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run.

    path (Path): Where it is.
    kind (Kind): What its shards are.
    """

    path: Path
    kind: Kind

    def part(self, number: int) -> Path:
        """RETURNS (Path): The file of a shard."""
        return self.path / f"part-{number:06}.{self.kind.value}"

    def receipt(self, number: int) -> Path:
        """RETURNS (Path): The receipt of a shard."""
        return self.path / _RECEIPTS / f"part-{number:06}.json"

    def attempts(self, number: int) -> Path:
        """RETURNS (Path): A file with a byte for each time that a shard was begun by
        processes that do not know of each other. The next run forgets it.
        """
        return self.path / f".part-{number:06}{_TEMPORARY}-attempts"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of the folder, which is made if there is none.

        RAISES (OtherRunError): If another run is in it, or something else.
        RAISES (OSError): If it cannot be written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise OtherRunError("this is a file, but OUTPUT is a folder")
        self.path.mkdir(parents=True, exist_ok=True)
        self._refuse_others()
        with (self.path / _LOCK).open("ab") as lock:
            _lock(lock.fileno())
            for left in [
                *self.path.glob(f".*{_TEMPORARY}*"),
                *(self.path / _RECEIPTS).glob(f".*{_TEMPORARY}*"),
            ]:
                left.unlink(missing_ok=True)
            yield

    def begin(self, plan: Mapping[str, Any], *, resume: bool) -> None:
        """Begin a run, or go on with one.

        plan (Mapping[str, Any]): What is annotated, with what, and how.
        resume (bool): Whether to go on, if there is something to go on with.
        RAISES (OtherRunError): If what is there was planned otherwise.
        RAISES (OSError): If the folder cannot be written.
        """
        if resume:
            earlier = self._read_manifest()
            if earlier is not None:
                self._require_same(earlier, plan)
                return
        self._clear()
        self._write_manifest(plan)

    def find_finished(self, shard: Shard) -> "Receipt | None":
        """Find out whether a shard is done.

        shard (Shard): The shard.
        RETURNS (Optional[Receipt]): Its receipt if it is.
        RAISES (ChangedInputError): If it was done with other rows.
        """
        number = shard.number
        return find_finished(shard, self.receipt(number), self.part(number))

    def write_receipt(self, receipt: Receipt) -> None:
        """Say that a shard is done, whose file has been written.

        receipt (Receipt): The receipt.
        """
        write_receipt(self.receipt(receipt.number), receipt)

    def end(self, plan: Mapping[str, Any], n_shards: int) -> Dict[str, int]:
        """End a run: gather the rows that failed, and write down that all is done.

        plan (Mapping[str, Any]): What was annotated, with what, and how.
        n_shards (int): How many shards there are.
        RETURNS (Dict[str, int]): How many shards, documents, words and failures there
            are.
        RAISES (OSError): If the folder cannot be written.
        """
        totals = {"shards": n_shards, "documents": 0, "words": 0, "failed": 0}
        with (
            replacing_file(self.path / FAILED) as temporary,
            # Closed before it takes the place of an older one.
            temporary.open("wb") as file,
        ):
            for number in range(n_shards):
                receipt = read_receipt(self.receipt(number))
                if receipt is None:
                    raise OtherRunError(f"the receipt of shard {number} has gone")
                totals["documents"] += receipt.documents
                totals["words"] += receipt.words
                totals["failed"] += len(receipt.failures)
                for failure in receipt.failures:
                    file.write(to_json_line(failure._asdict()))
        if not totals["failed"]:
            (self.path / FAILED).unlink()
        self._write_manifest({**plan, "done": totals})
        return totals

    def _refuse_others(self) -> None:
        names = {name for name in os.listdir(self.path) if name[0] != "."}
        if names - {"lost+found"} and MANIFEST not in names:
            raise OtherRunError(
                "this folder holds something else than annotated shards; name a new one"
            )

    def _clear(self) -> None:
        # The manifest stays: a folder of shards without one is nobody's.
        (self.path / FAILED).unlink(missing_ok=True)
        shutil.rmtree(self.path / _RECEIPTS, ignore_errors=True)
        for part in self.path.glob("part-*"):
            part.unlink()

    def _read_manifest(self) -> "Dict[str, Any] | None":
        try:
            found = json.loads((self.path / MANIFEST).read_text("utf8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise OtherRunError(f"{MANIFEST} is damaged. {_START_ANEW}") from error
        return found if isinstance(found, dict) else {}

    def _write_manifest(self, content: Mapping[str, Any]) -> None:
        with replacing_file(self.path / MANIFEST) as temporary:
            text = json.dumps(content, ensure_ascii=False, indent=2)
            temporary.write_text(f"{text}\n", "utf8")

    def _require_same(self, earlier: Dict[str, Any], plan: Mapping[str, Any]) -> None:
        changes = [change for key in plan for change in _changes(key, earlier, plan)]
        if changes:
            raise OtherRunError(
                f"{'; '.join(changes[:5])}. What is there was annotated otherwise. "
                f"{_START_ANEW}"
            )


def _changes(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> List[str]:
    """RETURNS (List[str]): How a value of the manifest has changed, in words."""
    before, now = old.get(name), new.get(name)
    if before == now:
        return []
    if isinstance(before, dict) and isinstance(now, dict):
        keys = list(dict.fromkeys([*before, *now]))
        inner = [_changes(key, before, now) for key in keys]
        return [f"{name}: {change}" for changes in inner for change in changes]
    if isinstance(before, (list, dict)) or isinstance(now, (list, dict)):
        return [f"{name} have changed"]
    return [f"{name} was {before} and is {now}"]


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OtherRunError("another run is writing to this folder") from error
    except OSError as error:
        # Some file systems have no locks.
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
