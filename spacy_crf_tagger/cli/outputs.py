"""Where a command writes documents: to a file, to parts, or to shards."""

from pathlib import Path
from typing import Callable, Iterable, List, Optional, Sequence

from spacy.tokens import Doc
from wasabi import msg

from ..data.parts import NAMES, Divider, parse_fractions
from ..data.writing import (
    SUFFIX,
    Zone,
    check_outputs,
    part_paths,
    write_parts,
    write_shards,
)
from .content import Content
from .errors import explained


class Output:
    """Where documents are written: to one file, or several, or to folders of them.

    path (Path): The file, or the folder that all come into.
    fractions (Sequence[float]): How large the parts are to be; none if there is one.
    seed (int): Of the random numbers for that.
    shard_size (Optional[int]): The most documents of a file.
    """

    def __init__(
        self,
        path: Path,
        fractions: Sequence[float],
        seed: int,
        shard_size: Optional[int],
    ) -> None:
        self.parts = {name: Content() for name in NAMES[: len(fractions)]}
        self._divider = Divider(fractions, seed) if fractions else None
        self._shard_size = shard_size
        self._paths = [path]
        if self.parts:
            self._paths = part_paths(path, self.parts, are_folders=bool(shard_size))

    def check(self, inputs: Sequence[Path]) -> None:
        """Check that all can be written, before it takes work to get there.

        inputs (Sequence[Path]): What is read, and must not be overwritten.
        RAISES (OSError): If something cannot.
        """
        are_folders = self._shard_size is not None
        check_outputs(self._paths, inputs, are_folders=are_folders)

    def write(self, docs: Iterable[Doc], check: Callable[[], None], zone: Zone) -> None:
        """Write all documents, or none.

        docs (Iterable[Doc]): The documents.
        check (Callable[[], None]): What to do before anything is replaced. It may
            raise.
        zone (Zone): Makes contexts in which documents come.
        RAISES (TooManyTokensError): If the format cannot hold so many tokens.
        RAISES (OSError): If something cannot be written.
        """
        if self._shard_size is None:
            write_parts(docs, self._paths, self._choose, check, zone)
        else:
            size = self._shard_size
            write_shards(docs, self._paths, self._choose, size, check, zone)

    def check_parts(self) -> None:
        """End the command if there are not enough documents to divide."""
        empty = [name for name, content in self.parts.items() if not content.n_docs]
        if empty:
            n_docs = sum(content.n_docs for content in self.parts.values())
            msg.fail(
                f"Nothing written because no document came into {', '.join(empty)} "
                "(--split)",
                f"There are {n_docs}. Of columns, all that is between two lines of "
                "-DOCSTART- counts as one here, and so do equal texts.",
                exits=1,
            )

    def _choose(self, doc: Doc) -> int:
        if self._divider is None:
            return 0
        part = self._divider.part_of(doc)
        self.parts[NAMES[part]].add(doc)
        return part


def plan_output(
    path: Path, split: Optional[str], seed: int, shard_size: Optional[int]
) -> Output:
    """Plan where documents are written, or end the command if that cannot be.

    path (Path): The file, or the folder that all come into.
    split (Optional[str]): How large the parts are to be, if there are any.
    seed (int): Of the random numbers for that.
    shard_size (Optional[int]): The most documents of a file.
    RETURNS (Output): The output.
    """
    fractions: List[float] = []
    if split is not None:
        with explained("Can't use --split", ValueError):
            fractions = parse_fractions(split)
    is_folder = bool(fractions) or shard_size is not None
    if is_folder and path.suffix == SUFFIX:
        msg.fail(
            "Output must be a folder with --split or --shard-size, and its name must "
            f"not end with {SUFFIX}",
            path,
            exits=1,
        )
    if not is_folder and path.suffix != SUFFIX:
        msg.fail(f"Output file must end with {SUFFIX}", path, exits=1)
    return Output(path, fractions, seed, shard_size)
