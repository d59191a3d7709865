"""Check that no other user can write to a folder or file."""

import os
import stat
from pathlib import Path
from typing import FrozenSet, Optional

# On Windows there are none of these, and a profile is its user's.
_HAS_MODES = hasattr(os, "geteuid")


def reason_against(folder: str, trusted: FrozenSet[int] = frozenset()) -> Optional[str]:
    """Say why somebody else could have put files into a folder, which need not exist
    yet, or could put another one in its place.

    folder (str): The path.
    trusted (FrozenSet[int]): Numbers of users who may, besides this one and root.
    RETURNS (Optional[str]): The reason; None if nobody else could.
    """
    if not os.path.isabs(folder):
        return f"{folder} is not an absolute path: it depends on the current directory"
    if not _HAS_MODES:
        return None
    trusted |= {0, os.geteuid(), os.stat("/").st_uid}
    target = Path(os.path.realpath(folder))
    for path in (target, *target.parents):
        if path.exists():
            found = os.stat(path)
            # In a sticky folder only the owner of what lies there can replace it.
            is_sticky = path != target and bool(found.st_mode & stat.S_ISVTX)
            reason = _reason(path, found, trusted, is_sticky)
            if reason is not None:
                return reason
    return None


def reason_against_file(
    path: Path, trusted: FrozenSet[int] = frozenset()
) -> Optional[str]:
    """Say why somebody else could have written a file.

    path (Path): The file.
    trusted (FrozenSet[int]): See `reason_against`.
    RETURNS (Optional[str]): The reason; None if nobody else could.
    """
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        return f"{path} is not a file"
    if not _HAS_MODES:
        return None
    return _reason(path, found, trusted | {0, os.geteuid()}, is_sticky=False)


def make(folder: str) -> None:
    """Make a folder, and those that it lies in, for nobody else to write to.

    folder (str): The path.
    RAISES (OSError): If that cannot be done.
    """
    missing = []
    path = Path(folder)
    while not path.exists():
        missing.append(path)
        path = path.parent
    for path in reversed(missing):
        path.mkdir(mode=0o755, exist_ok=True)


def _reason(
    path: Path, found: os.stat_result, trusted: FrozenSet[int], is_sticky: bool
) -> Optional[str]:
    if found.st_uid not in trusted:
        return f"{path} belongs to another user"
    if is_sticky:
        return None
    if found.st_mode & stat.S_IWOTH:
        return f"everybody can write to {path}"
    # Where each user has a group of his own, folders are often open to the group.
    if found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid():
        return f"a group of users can write to {path}"
    return None
