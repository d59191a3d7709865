"""Where compiled kernels are loaded from, and where they never are."""

import gc
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from spacy_crf_tagger.crf.backends.numba import compiler, kernel_cache, private_folders
from spacy_crf_tagger.crf.backends.numba.compiled import borrowing_kernel, called
from spacy_crf_tagger.crf.backends.numba.kernel_cache import (
    COMPILING,
    REMEDY,
    KernelCache,
    folders,
)
from spacy_crf_tagger.models.kernels import lstm

needs_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
STRANGER, OTHER_GROUP = 54321, 54322
CRF = Path(kernel_cache.__file__).parent
# Its kernels are made of functions of the CRF's as well.
NETWORK = Path(lstm.__file__).parent


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """Nothing is remembered, and nothing that the tests compile is kept elsewhere."""
    remembered = (folders, kernel_cache._say_once)
    for function in remembered:
        function.cache_clear()
    monkeypatch.setattr(kernel_cache.config, "CACHE_DIR", str(tmp_path / "kernels"))
    # pytest's own folders may be open to a group.
    yield
    for function in remembered:
        function.cache_clear()


@pytest.fixture
def owners(monkeypatch):
    """A function that gives a path another owner or another group."""
    given = {}

    def found(real):
        def look(path, *args, **kwargs):
            result = real(path, *args, **kwargs)
            uid, gid = given.get(str(path), (None, None))
            return SimpleNamespace(
                st_mode=result.st_mode,
                st_uid=result.st_uid if uid is None else uid,
                st_gid=result.st_gid if gid is None else gid,
            )

        return look

    def give(path, uid=None, gid=None):
        given[str(path)] = (uid, gid)

    files = SimpleNamespace(**vars(os))
    files.stat, files.lstat = found(os.stat), found(os.lstat)
    monkeypatch.setattr(private_folders, "os", files)
    return give


@pytest.mark.parametrize("path", ["", ".", "~/.cache/numba", "kernels"])
def test_paths_that_depend_on_the_current_directory(path):
    assert "absolute" in private_folders.reason_against(path)


def test_own_folders_need_not_exist(tmp_path):
    assert private_folders.reason_against(str(tmp_path / "a" / "b")) is None
    private_folders.make(str(tmp_path / "a" / "b"))
    assert private_folders.reason_against(str(tmp_path / "a" / "b")) is None


@needs_modes
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o703])
def test_folders_that_everybody_can_write_to(tmp_path, mode):
    tmp_path.chmod(mode)
    assert "everybody" in private_folders.reason_against(str(tmp_path))


@needs_modes
def test_what_lies_in_a_folder_that_everybody_can_write_to(tmp_path):
    """In a sticky folder like /tmp nobody can replace what belongs to others."""
    (tmp_path / "open" / "own").mkdir(parents=True)
    own = str(tmp_path / "open" / "own")
    (tmp_path / "open").chmod(0o777)
    assert "everybody" in private_folders.reason_against(own)
    (tmp_path / "open").chmod(0o1777)
    assert private_folders.reason_against(own) is None


@needs_modes
def test_links_are_followed(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    assert "everybody" in private_folders.reason_against(str(tmp_path / "link"))


@needs_modes
def test_groups(tmp_path, owners):
    """Where each user has a group of his own, folders are open to it."""
    tmp_path.chmod(0o775)
    assert private_folders.reason_against(str(tmp_path)) is None
    owners(tmp_path, gid=OTHER_GROUP)
    assert "group" in private_folders.reason_against(str(tmp_path))
    tmp_path.chmod(0o755)
    assert private_folders.reason_against(str(tmp_path)) is None


@needs_modes
def test_folders_of_others(tmp_path, owners):
    folder = tmp_path / "a"
    owners(tmp_path, uid=STRANGER)
    assert "another user" in private_folders.reason_against(str(folder))
    assert private_folders.reason_against(str(folder), frozenset({STRANGER})) is None


@needs_modes
def test_files(tmp_path, owners):
    path = tmp_path / "file"
    path.write_text("")
    assert private_folders.reason_against_file(path) is None
    path.chmod(0o666)
    assert "everybody" in private_folders.reason_against_file(path)
    path.chmod(0o644)
    owners(path, uid=STRANGER)
    assert "another user" in private_folders.reason_against_file(path)
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert "not a file" in private_folders.reason_against_file(tmp_path / "link")


def test_a_folder_that_was_given_is_the_only_one(tmp_path):
    [chosen] = folders().chosen
    assert Path(chosen).parent == (tmp_path / "kernels").resolve()


@needs_modes
@pytest.mark.parametrize("kind", ["relative", "open"])
def test_a_given_folder_that_cannot_be_used(kind, tmp_path, monkeypatch, caplog):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels").chmod(0o777)
    if kind == "relative":
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(kernel_cache.config, "CACHE_DIR", "kernels")
    with caplog.at_level(logging.WARNING, "spacy"):
        chosen = folders().chosen
    [record] = caplog.records
    assert "NUMBA_CACHE_DIR is not used" in record.message
    assert REMEDY in record.message
    assert not any(str(tmp_path) in each for each in chosen)
    assert all(os.path.isabs(each) for each in chosen)


@needs_modes
def test_without_a_home_nothing_is_kept_in_the_current_directory(tmp_path, monkeypatch):
    """A user without an entry in the system's list, as in many a container."""
    import pwd

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(kernel_cache.config, "CACHE_DIR", "")
    monkeypatch.chdir(tmp_path)
    found = folders()
    assert any("~" in reason for reason in found.refused)
    assert not any(each.startswith(str(tmp_path)) for each in found.chosen)
    assert not list(tmp_path.iterdir())


@called
def add_one(number):
    return number + 1


def make_kernel():
    @borrowing_kernel
    def add_two(number):
        return add_one(add_one(number))

    return add_two


def kept(tmp_path):
    return sorted((tmp_path / "kernels").rglob("*.nb?"))


def test_a_kernel_is_compiled_once(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "spacy"):
        first = make_kernel()
        assert first(3) == 5
        assert [record.message for record in caplog.records] == [COMPILING]
        assert first._cache.kept_in() == str(kept(tmp_path)[0].parent)
        assert len(kept(tmp_path)) == 2
        second = make_kernel()
        assert second(3) == 5
        assert sum(second.stats.cache_hits.values()) == 1
        # Another type is another kernel, but it has been said that it takes time.
        assert second(3.0) == 5.0
    assert len(caplog.records) == 1


def test_damaged_files_are_replaced(tmp_path):
    assert make_kernel()(3) == 5
    for path in kept(tmp_path):
        path.write_bytes(b"nonsense")
    assert make_kernel()(3) == 5
    last = make_kernel()
    assert last(3) == 5
    assert sum(last.stats.cache_hits.values()) == 1


@needs_modes
@pytest.mark.parametrize("open_to_all", ["folder", "file"])
def test_what_others_can_have_written_is_not_loaded(
    open_to_all, tmp_path, monkeypatch, caplog
):
    """Neither for a kernel that is looked up, nor when one is added to the index."""
    assert make_kernel()(3) == 5
    index = next(path for path in kept(tmp_path) if path.suffix == ".nbi")
    kernel = make_kernel()
    if open_to_all == "folder":
        index.parent.chmod(0o777)
    else:
        index.chmod(0o666)

    def load(*args, **kwargs):
        raise AssertionError("a stranger's pickle is loaded")

    monkeypatch.setattr(kernel_cache.caching.pickle, "load", load)
    with caplog.at_level(logging.WARNING, "spacy"):
        assert kernel(3) == 5
    assert not kernel.stats.cache_hits
    [record] = caplog.records
    assert "cannot be kept" in record.message
    assert REMEDY in record.message


def test_kernels_work_without_a_place(monkeypatch, caplog):
    monkeypatch.setattr(
        kernel_cache, "folders", lambda: SimpleNamespace(chosen=(), refused=("none",))
    )
    kernel = make_kernel()
    assert kernel._cache.cache_path is None
    with caplog.at_level(logging.WARNING, "spacy"):
        assert kernel(3) == 5
    assert kernel._cache.kept_in() is None
    assert "cannot be kept" in caplog.records[-1].message


def test_a_full_disk_stops_no_prediction(monkeypatch, caplog):
    def fail(self):
        raise OSError("No space left on device")

    kernel = make_kernel()
    monkeypatch.setattr(kernel_cache._Locator, "ensure_cache_path", fail)
    with caplog.at_level(logging.WARNING, "spacy"):
        assert kernel(3) == 5
    assert "No space left" in caplog.records[-1].message


def test_numbas_own_choice_of_folders_is_not_followed(monkeypatch, tmp_path):
    monkeypatch.setattr(
        kernel_cache.config,
        "CACHE_LOCATOR_CLASSES",
        "UserWideCacheLocator",
        raising=False,
    )
    cache = KernelCache(make_kernel().py_func)
    assert cache.cache_path in (None, *folders().chosen)


LOADING = """
import sys
from spacy_crf_tagger.models.kernels import dense
dense.use_all()
print("scipy.linalg" in sys.modules)
"""


def test_compiled_kernels_are_loaded_without_numbas_compiler(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    has_compiled, has_loaded = (
        subprocess.run(
            [sys.executable, "-c", LOADING],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    )
    # Numba's compiler imports SciPy, to find out whether it is there.
    assert (has_compiled, has_loaded) == ("True\n", "False\n")


RUNTIME = """
import numpy as np
from spacy_crf_tagger import crf
scores = np.array([[0.0, 1.0], [2.0, 0.0]])
transitions, ends = np.zeros((2, 2)), np.zeros(2)
potentials = crf.Potentials(scores, transitions, ends, ends, np.array([2]))
lattice = crf.Lattice.build(potentials)
assert crf.k_best(lattice, 2).scores[0, 0] == 3.0
crf.sample(lattice, 3, 0)
"""


def test_kernels_that_create_arrays_find_numbas_runtime_when_they_are_loaded(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", RUNTIME], env=environment, check=True)


def calculate(a, b):
    large = 0
    for n in range(5):
        large += 1 if n * a > b else 0
    return a + b, a * 2, a * b / 3, -a // 2, (a + 0.5) * b, a < b, large


@pytest.mark.parametrize("numbers", [(3, 4), (3, 4.5), (2.5, -7), (1.5, 0.25)])
def test_kernels_calculate_like_functions_that_numba_compiles_itself(numbers):
    found, expected = borrowing_kernel(calculate)(*numbers), njit(calculate)(*numbers)
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


def test_what_kernels_cannot_do_is_numbas_error():
    @borrowing_kernel
    def add(numbers):
        return numbers + "1"

    with pytest.raises(TypingError, match="No implementation of function"):
        add(1)


def test_versions_of_numba_that_are_unknown_compile_all_functions(monkeypatch):
    assert "pipeline_class" in compiler.options_of_part()
    version = SimpleNamespace(short=(99, 0))
    monkeypatch.setattr(compiler.numba, "version_info", version)
    assert compiler.options_of_kernel() == compiler.options_of_part() == {}
    part = called(lambda numbers, place: numbers[place] + 1)

    @borrowing_kernel
    def use(numbers):
        return part(numbers, 0)

    assert use(np.ones(2)) == 2.0


@pytest.mark.parametrize(
    ("folder", "file"),
    [(CRF, "lanes.py"), (NETWORK, "lanes.py"), (NETWORK, "singles.py")],
)
def test_a_change_to_any_file_makes_all_kernels_new(monkeypatch, folder, file):
    stamp = kernel_cache._source_stamp
    stamp.cache_clear()
    first = stamp(folder)
    real = Path.read_bytes

    def changed(path):
        return real(path) + (b"#" if path.name == file else b"")

    monkeypatch.setattr(Path, "read_bytes", changed)
    stamp.cache_clear()
    assert stamp(folder) != first
    monkeypatch.undo()
    stamp.cache_clear()
    assert stamp(folder) == first


@pytest.mark.parametrize("was_enabled", [True, False])
def test_no_garbage_is_collected_while_a_kernel_is_compiled(was_enabled, monkeypatch):
    seen = []
    monkeypatch.setattr(kernel_cache, "_say_once", lambda *_: seen.append(enabled()))

    @borrowing_kernel
    def kernel(x):
        return x + 1

    enabled = gc.isenabled
    (gc.enable if was_enabled else gc.disable)()
    try:
        assert kernel(1) == 2
        assert enabled() is was_enabled
    finally:
        gc.enable()
    assert seen == [False]
