"""Nothing that a user has is lost while a command writes."""

import os
import random
import resource
import signal
import stat
import time
from pathlib import Path

import pytest
import spacy

from spacy_crf_tagger.data import saving
from spacy_crf_tagger.data.saving import (
    check_file,
    check_pipeline,
    replacing_file,
    replacing_pipeline,
)
from tests.helpers.component import recognizer, trained_nlp

OLD, NEW = "old" * 50, "new" * 1000


def content(folder):
    """All files of a folder but hidden ones that a killed process has left."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.parts[len(folder.parts)].startswith(".")
    }


def in_child(function, *args):
    """RETURNS (int): The process number of a copy of this process that runs it."""
    pid = os.fork()
    if pid == 0:
        try:
            function(*args)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return pid


def exit_code_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_after(seconds, function):
    pid = in_child(function)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    assert exit_code_of(pid) == -signal.SIGKILL


def on_full_disk(function, *args):
    """RETURNS (int): The exit code where no file can be longer than 1,000 bytes."""

    def run():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        function(*args)

    return exit_code_of(in_child(run))


def write_file(path, text=NEW):
    with replacing_file(path) as temporary:
        temporary.write_text(text)


def write_pipeline(path, text=NEW):
    with replacing_pipeline(path) as temporary:
        (temporary / "part").mkdir()
        for name in ("config.cfg", "meta.json", "part/weights"):
            (temporary / name).write_text(text)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "table.md"
    path.write_text(OLD)
    return path


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    write_pipeline(path, OLD)
    return path


@pytest.mark.parametrize("name", ["new.md", "some/where/new.md"])
def test_new_file(tmp_path, name):
    write_file(tmp_path / name)
    assert content(tmp_path) == {name: NEW}
    usual = tmp_path / "usual"
    usual.touch()
    assert (tmp_path / name).stat().st_mode == usual.stat().st_mode


def test_file_is_replaced(file, tmp_path):
    file.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(file)
    write_file(link)
    assert link.is_symlink()
    assert file.read_text() == NEW
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link", "table.md"]


def test_device_is_written_to(capfd):
    write_file("/dev/stdout", "a table")
    assert capfd.readouterr().out == "a table"
    write_file(os.devnull)
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_error_leaves_what_was_there(file, folder, tmp_path, error):
    before = content(tmp_path)

    def write_half(replacing, path):
        with replacing(path) as temporary:
            half = temporary if temporary.is_file() else temporary / "config.cfg"
            half.write_text(NEW)
            raise error

    for replacing, path in ((replacing_file, file), (replacing_pipeline, folder)):
        with pytest.raises(error):
            write_half(replacing, path)
    assert content(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == ["model", "table.md"]


def test_full_disk_leaves_what_was_there(file, folder, tmp_path):
    before = content(tmp_path)
    assert on_full_disk(write_file, file) == 1
    assert on_full_disk(write_pipeline, folder) == 1
    assert content(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == ["model", "table.md"]


def test_read_only_is_kept(file, folder):
    for check, write, path in (
        (check_file, write_file, file),
        (check_pipeline, write_pipeline, folder),
    ):
        path.chmod(0o555)
        for refuse in (check, write):
            with pytest.raises(PermissionError, match="read-only"):
                refuse(path)
        path.chmod(0o755)
        write(path)


def test_what_is_of_another_kind_is_kept(file, folder, tmp_path):
    for refuse in (check_file, write_file):
        with pytest.raises(IsADirectoryError):
            refuse(folder)
        with pytest.raises(NotADirectoryError):
            refuse(file / "below")
    for refuse in (check_pipeline, write_pipeline):
        with pytest.raises(NotADirectoryError):
            refuse(file)
        with pytest.raises(FileExistsError, match="something else than a pipeline"):
            refuse(tmp_path)


def test_inputs_are_kept(file, folder, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(FileExistsError, match="also an input"):
        check_file(link, [folder, file])
    with pytest.raises(FileExistsError, match="also an input"):
        check_pipeline(folder, [folder])
    check_file(tmp_path / "else", [file])


@pytest.mark.parametrize("can_exchange", [True, False])
def test_pipeline_is_replaced(folder, tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(saving, "_exchange_at_once", lambda *paths: False)
    (folder / "README.md").write_text("mine")
    (folder / "part" / "notes").write_text("mine")
    folder.chmod(0o750)
    link = tmp_path / "link"
    link.symlink_to(folder)
    write_pipeline(link)
    assert link.is_symlink()
    assert content(folder) == {
        "config.cfg": NEW,
        "meta.json": NEW,
        "part/weights": NEW,
        "README.md": "mine",
        "part/notes": "mine",
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert sorted(os.listdir(tmp_path)) == ["link", "model"]


def test_old_folder_is_put_back_where_the_new_one_cannot_follow(folder, monkeypatch):
    monkeypatch.setattr(saving, "_exchange_at_once", lambda *paths: False)
    rename = os.rename
    calls = []

    def fail_once(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise OSError("no")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_once)
    before = content(folder)
    with pytest.raises(OSError, match="no"):
        write_pipeline(folder)
    assert content(folder) == before


def test_empty_folder_is_filled(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.mkdir()
    write_pipeline(path)
    assert content(path)["meta.json"] == NEW
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == mounted)
    inode = mounted.stat().st_ino
    write_pipeline(mounted)
    assert mounted.stat().st_ino == inode
    assert sorted(os.listdir(mounted)) == ["config.cfg", "meta.json", "part"]
    with pytest.raises(OSError, match="mounted"):
        write_pipeline(mounted)


def test_killed_process_leaves_a_pipeline_that_loads(tmp_path):
    path = tmp_path / "model"
    nlp = trained_nlp()
    temperatures = [1.0, 2.0, 3.0]

    def save_for_ever():
        while True:
            for temperature in temperatures:
                recognizer(nlp).cfg["temperature"] = temperature
                with replacing_pipeline(path) as temporary:
                    nlp.to_disk(temporary)

    nlp.to_disk(path)
    rng = random.Random(0)
    for _ in range(8):
        kill_after(rng.uniform(0.0, 0.3), save_for_ever)
        loaded = spacy.load(path)
        assert recognizer(loaded).settings.temperature in temperatures


def test_killed_process_leaves_a_whole_file(file):
    def write_for_ever():
        while True:
            write_file(file, OLD)
            write_file(file, NEW)

    rng = random.Random(0)
    for _ in range(30):
        kill_after(rng.uniform(0.0, 0.05), write_for_ever)
        assert file.read_text() in (OLD, NEW)
