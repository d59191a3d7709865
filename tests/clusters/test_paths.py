import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.clusters.paths import (
    ClusteredWord,
    read_paths,
    reason_against,
    write_paths,
)

ENTRIES = st.builds(
    ClusteredWord,
    st.text("01", min_size=1, max_size=12),
    st.text(min_size=1).filter(lambda word: reason_against(word) is None),
    st.integers(0, 10**12),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(ENTRIES, min_size=1, unique_by=lambda each: each.word))
def test_round_trip(tmp_path_factory, words):
    path = tmp_path_factory.getbasetemp() / "paths"
    write_paths(words, path)
    assert read_paths(path) == {each.word: each.path for each in words}


def test_words_of_a_class_are_together_and_frequent_ones_first(tmp_path):
    path = tmp_path / "paths"
    words = [("10", "b", 1), ("0", "Straße", 2), ("10", "a", 1), ("10", "中", 7)]
    write_paths([ClusteredWord(*each) for each in words], path)
    expected = "0\tStraße\t2\n10\t中\t7\n10\ta\t1\n10\tb\t1\n"
    assert path.read_bytes().decode("utf8") == expected


@pytest.mark.parametrize("word", ["", "a\tb", "a\nb", "\ud800"])
def test_words_that_cannot_be_written(word, tmp_path):
    path = tmp_path / "paths"
    with pytest.raises(ValueError, match=f"cannot hold {re.escape(repr(word))}: it "):
        write_paths([ClusteredWord("0", word, 1)], path)
    assert not path.exists()


def test_files_of_others_are_read(tmp_path):
    path = tmp_path / "paths"
    # A mark, line ends of Windows, an empty line, and line ends that only Unicode has.
    path.write_bytes("\ufeff01\ta\u2028b\t3\r\n\r\n01\tc\x85\t0\n01\tc\x85\t0".encode())
    assert read_paths(path) == {"a\u2028b": "01", "c\x85": "01"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no words"),
        (b"01\ta\t1\n01 b 1\n", "line 2: it has 1 columns .* '01 b 1'"),
        (b"01\ta\tb\t1\n", "line 1: it has 4 columns"),
        (b"012\ta\t1\n", "line 1: the path is not of 0 and 1: '012'"),
        (b"\ta\t1\n", "line 1: the path is not of 0 and 1: ''"),
        (b"01\t\t1\n", "line 1: the word is empty"),
        (b"01\ta\tmany\n", "line 1: the count is no number: 'many'"),
        (b"01\ta\t1\n\n1\ta\t1\n", "line 3: 'a' has another path here than before"),
        (b"01\ta\t1\n1\t\xe4\t1\n", "line 2 is not UTF-8"),
    ],
)
def test_files_that_are_wrong(content, message, tmp_path):
    path = tmp_path / "paths"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"(?s)^{re.escape(str(path))}.*{message}"):
        read_paths(path)


def test_file_that_is_missing(tmp_path):
    with pytest.raises(OSError, match="missing"):
        read_paths(tmp_path / "missing")
