"""Cache of compiled kernels on disk, for later processes.

Numba keeps them as pickles, and whoever can write a pickle decides what the process
that loads it does. Numba takes any folder that it can write to, and where the home of a
user is unknown, one in the current directory. Kernels are only loaded from folders that
nobody else can write to.
"""

import hashlib
import logging
import os
import tempfile
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Callable, FrozenSet, List, NamedTuple, Optional, Tuple

from numba.core import caching, config
from numba.misc.appdirs import AppDirs

from . import private_folders

# spaCy's handler and level apply to it, without spaCy being imported here.
logger = logging.getLogger("spacy.spacy_crf_tagger")

COMPILING = (
    "Compiling kernels for this machine: some seconds, once after an install. "
    "`python -m spacy crf warm-up` does it ahead."
)
REMEDY = (
    "Set the environment variable NUMBA_CACHE_DIR to the absolute path of a folder "
    "that you, and nobody else, can write to."
)
_SOURCE = Path(__file__).parent


class Folders(NamedTuple):
    """Where kernels may be kept.

    chosen (Tuple[str, ...]): The folders. Kernels are loaded from any of them, and
        saved in the first that can be written to.
    refused (Tuple[str, ...]): Why others are none.
    """

    chosen: Tuple[str, ...]
    refused: Tuple[str, ...]


@lru_cache(maxsize=1)
def folders() -> Folders:
    """RETURNS (Folders): Where kernels may be kept: where NUMBA_CACHE_DIR says or, if
    it says nothing that can be used, beside the source, in the user's cache folder or
    in one of the user's own among the temporary files.
    """
    digest = hashlib.sha256(str(_SOURCE).encode()).hexdigest()[:16]
    subfolder = f"{__name__.partition('.')[0]}-{digest}"
    refused = []
    wanted = getattr(config, "CACHE_DIR", "")
    if wanted:
        given = os.path.join(wanted, subfolder)
        reason = _reason_against(given)
        if reason is None:
            return Folders((os.path.realpath(given),), ())
        refused.append(f"NUMBA_CACHE_DIR is not used: {reason}")
        logger.warning("%s. %s", refused[0], REMEDY)
    user_wide = AppDirs(appname="numba", appauthor=False).user_cache_dir
    candidates = [str(_SOURCE / "__pycache__"), os.path.join(user_wide, subfolder)]
    temporary = _temporary_folder()
    if temporary is not None:
        candidates.append(os.path.join(temporary, subfolder))
    chosen = []
    for candidate in candidates:
        reason = _reason_against(candidate)
        if reason is None:
            chosen.append(os.path.realpath(candidate))
        else:
            refused.append(reason)
    return Folders(tuple(chosen), tuple(refused))


def _reason_against(folder: str) -> Optional[str]:
    try:
        return private_folders.reason_against(folder, _owners())
    except OSError as error:
        return str(error)


def _owners() -> FrozenSet[int]:
    """RETURNS (FrozenSet[int]): Whoever has installed this package: their code runs."""
    return frozenset({os.stat(__file__).st_uid})


def _temporary_folder() -> Optional[str]:
    """RETURNS (Optional[str]): For a user who has no home, as in many a container."""
    if not hasattr(os, "geteuid"):
        return None
    parent = os.environ.get("TMPDIR") or "/tmp"
    if not (os.path.isabs(parent) and os.path.isdir(parent)):
        return None
    return os.path.join(parent, f"spacy-crf-tagger-{os.geteuid()}")


class KernelCache(caching._Cache):
    """Where a kernel is kept."""

    def __init__(
        self, function: Callable[..., Any], *, has_runtime: bool = True
    ) -> None:
        """Look for places.

        function (Callable): The kernel, before it is compiled.
        has_runtime (bool): Whether it calls Numba's runtime, as all do that create
            arrays.
        """
        self._has_runtime = has_runtime
        found = (_cache_in(folder, function) for folder in folders().chosen)
        self._caches: List[Any] = [place for place in found if place is not None]

    @property
    def cache_path(self) -> Optional[str]:
        """RETURNS (Optional[str]): The folder that it is looked for in first."""
        return self._caches[0].cache_path if self._caches else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """RETURNS (Any): The compiled kernel for arguments of some types, or None."""
        for place in self._caches:
            try:
                if os.path.isdir(place.cache_path) and _is_private(place):
                    found = self._load(place, sig, target_context)
                    if found is not None:
                        return found
            except Exception:  # a damaged file can raise anything, and is replaced
                logger.debug("Cannot load a kernel", exc_info=True)
        _say_once(logging.INFO, COMPILING)
        return None

    def _load(self, place: Any, sig: Any, target_context: Any) -> Any:
        """RETURNS (Any): The compiled kernel for arguments of some types, or None.

        Numba would start its runtime first, look for all functions that it knows, and
        import SciPy for that, which takes longer than all else. A kernel without the
        runtime needs them only to be compiled, which looks for them itself.
        """
        if self._has_runtime:
            return place.load_overload(sig, target_context)
        with place._guard_against_spurious_io_errors():
            return place._load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, in the first folder in which that is possible."""
        reasons = list(folders().refused)
        for place in self._caches:
            try:
                _save(place, sig, data)
                return
            except Exception as error:
                reasons.append(str(error))
        _say_once(
            logging.WARNING,
            "Compiled kernels cannot be kept: each process compiles them again, which "
            f"takes some seconds. {REMEDY} ({'; '.join(reasons)})",
        )

    def kept_in(self) -> Optional[str]:
        """RETURNS (Optional[str]): The folder that has the kernel; None if none has."""
        for place in self._caches:
            if _is_private(place) and _files(place):
                return str(place.cache_path)
        return None

    def enable(self) -> None:
        """Load and save from now on."""
        for place in self._caches:
            place.enable()

    def disable(self) -> None:
        """Neither load nor save from now on."""
        for place in self._caches:
            place.disable()

    def flush(self) -> None:
        """Forget what was saved."""
        for place in self._caches:
            place.flush()


class _Locator:
    """What Numba wants to know about a folder."""

    folder = ""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        self._py_file = source
        self._lineno = function.__code__.co_firstlineno
        self._stamp = _source_stamp(Path(source).parent)

    @classmethod
    def from_function(cls, function: Callable[..., Any], source: str) -> "_Locator":
        return cls(function, source)

    def get_cache_path(self) -> str:
        return self.folder

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._lineno)

    def ensure_cache_path(self) -> None:
        private_folders.make(self.folder)
        reason = _reason_against(self.folder)
        if reason is not None:
            raise OSError(reason)
        tempfile.TemporaryFile(dir=self.folder).close()


@cache
def _source_stamp(folder: Path) -> str:
    """RETURNS (str): A digest of all files that the kernels of a folder are made of,
    since they are compiled into each other.
    """
    digest = hashlib.sha256()
    for source in sorted({_SOURCE, folder}):
        for path in sorted(source.glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _cache_in(folder: str, function: Callable[..., Any]) -> Any:
    """RETURNS (Any): Numba's cache of a function, in a folder of our choice; None if it
    cannot be there.
    """
    try:
        place = _cache_class(folder)(function)
    except (OSError, RuntimeError):
        return None
    # NUMBA_CACHE_LOCATOR_CLASSES chooses another one.
    return place if place.cache_path == folder else None


@cache
def _cache_class(folder: str) -> Any:
    locator = type("Locator", (_Locator,), {"folder": folder})
    classes = {"_locator_classes": [locator]}
    implementation = type("Implementation", (caching.CompileResultCacheImpl,), classes)
    return type("Cache", (caching.FunctionCache,), {"_impl_class": implementation})


def _files(place: Any) -> List[Path]:
    """RETURNS (List[Path]): The files of a kernel in a folder."""
    return list(Path(place.cache_path).glob(f"{place._impl.filename_base}.*nb?"))


def _is_private(place: Any) -> bool:
    """RETURNS (bool): Whether nobody else can have put the files there. What a folder
    was when the process began, or is now, does not say what it was before.
    """
    if _reason_against(place.cache_path) is not None:
        return False
    return all(
        private_folders.reason_against_file(path, _owners()) is None
        for path in _files(place)
    )


def _save(place: Any, sig: Any, data: Any) -> None:
    if not _is_private(place):
        raise OSError(f"others have written to {place.cache_path}")
    try:
        place.save_overload(sig, data)
    except OSError:
        raise
    except Exception:  # what is there already is damaged
        place.flush()
        place.save_overload(sig, data)


@cache
def _say_once(level: int, message: str) -> None:
    logger.log(level, message)
