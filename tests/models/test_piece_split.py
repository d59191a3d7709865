"""How words are split into pieces: as WordPiece does, and what is unlike it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_crf_tagger.models.piece_split import PieceIndex

PIECES = ["king", "kings", "dom", "##dom", "##s", "##do", "k", "##i", "#", "-", "19"]
PIECES += ["Paris", "zurich", "é", "##é", "co", "##vid"]


def split(word, pieces=PIECES, **options):
    index = PieceIndex((piece, number) for number, piece in enumerate(pieces))
    return [pieces[number] for number in index.split(word, **options)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("king", ["king"]),
        ("kings", ["kings"]),
        ("kingdoms", ["king", "##dom", "##s"]),
        ("kingxs", ["king", "##s"]),  # nothing begins with x
        ("KingDom", ["king", "##dom"]),
        ("Paris", ["Paris"]),
        ("PARIS", ["Paris"]),
        ("paris", ["##i", "##s"]),  # a word that is not written so is another one
        ("kidom", ["k", "##i", "##dom"]),
        ("#kings", ["#", "kings"]),
        ("covid-19", ["co", "##vid", "-", "19"]),
        ("co19", ["co", "19"]),  # no continuation: a beginning will do
        ("s", ["##s"]),  # and the other way round
        ("Zürich", ["zurich"]),
        ("é", ["é"]),  # known as it is written
        ("coé", ["co", "##é"]),
        ("É", ["é"]),
        ("İking", ["##i", "king"]),  # two characters in lower case
        ("", []),
        ("🎵", []),
        ("#", ["#"]),
    ],
)
def test_split(word, expected):
    assert split(word) == expected


def test_a_beginning_can_be_left_out():
    assert split("kings", without="kings") == ["king", "##s"]
    assert split("Kings", without="kings") == ["king", "##s"]


def test_marks_of_a_script_are_no_signs():
    """Vowel signs do not begin a word anew."""
    assert split("कि", ["क", "ि", "##ि"]) == ["क", "##ि"]


def test_long_words_are_split_as_far_as_they_count():
    assert split("k" * 500, ["k", "##k"]) == ["k"] + ["##k"] * 63


@given(st.text(st.sampled_from("abAB-#é"), max_size=12), st.data())
def test_pieces_are_the_longest_ones(word, data):
    """Against a search of all ends, from the longest."""
    parts = st.text(st.sampled_from("abAB-é"), min_size=1, max_size=4)
    pieces = data.draw(st.lists(parts | parts.map("##{}".format), unique=True))
    forms = [word, word.lower(), word[:1] + word[1:].lower()]
    forms.append(word.lower().replace("é", "e"))
    expected, start = [], 0
    while start < len(word):
        prefixes = ["##", ""]
        if start == 0 or {*word[start - 1 : start + 1]} & {"-", "#"}:
            prefixes.reverse()
        found = [
            prefix + form[start:end]
            for prefix in prefixes
            for end in range(len(word), start, -1)
            for form in forms
            if prefix + form[start:end] in pieces
            # What is written like a continuation is one.
            and (prefix or not form[start:end].startswith("##"))
        ]
        expected += found[:1]
        start += len(found[0].removeprefix("##")) if found else 1
    assert split(word, pieces) == expected
