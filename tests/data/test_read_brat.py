"""Folders of brat."""

import pytest

from spacy_crf_tagger.data import read_brat as kinds
from spacy_crf_tagger.data import spans as span_kinds
from spacy_crf_tagger.data import texts
from spacy_crf_tagger.data.reading import Log

from .examples import entities_of, iobs_of

TEXT = "Ada Merrick drew Saturn.\n"
GOOD = "T1\tPERSON 0 11\tAda Merrick\nT2\tOBJECT 17 23\tSaturn\n"
OTHERS = (
    "R1\tSees Arg1:T1 Arg2:T2\nE1\tDraws:T1 What:T2\nA1\tSure T1\nM2\tNegated E1\n"
    "N1\tReference T1 Wikipedia:534366\tAda\n#1\tAnnotatorNotes T1\tsure?\n"
    "*\tEquiv T1 T2\n"
)


@pytest.fixture
def read(nlp, tmp_path):
    def read_files(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        log = Log()
        return list(kinds.read_brat(tmp_path, nlp, log)), log

    return read_files


def problems(log):
    return [
        (path.name, problem.line, problem.kind)
        for tally in log.problems.values()
        for path, problem in zip(tally.paths, tally.first, strict=True)
    ]


def test_spans_are_read_and_all_else_is_left_alone(read):
    docs, log = read(a_txt=TEXT, a_ann=GOOD + OTHERS)
    assert problems(log) == []
    assert [entities_of(doc) for doc in docs] == [
        [("Ada Merrick", "PERSON"), ("Saturn", "OBJECT")]
    ]


def test_texts_come_in_the_order_of_their_names(read):
    docs, _ = read(b_txt="b", b_ann="", a__x_txt="x", a__x_ann="", c_txt="c")
    assert [doc.text for doc in docs] == ["x", "b", "c"]


def test_no_annotation_file_means_no_annotation(read):
    docs, log = read(a_txt="Anna left", a_ann="", b_txt="Anna left")
    assert [iobs_of(doc) for doc in docs] == ["OO", "??"]
    assert [path.name for path in log.notes[kinds.NO_ANN_FILE].paths] == ["b.txt"]


@pytest.mark.parametrize(
    ("line", "kind", "iobs"),
    [
        ("T1\tPERSON 0 3;17 23\tAda Saturn", kinds.DISCONTINUOUS, "?OO?OO"),
        ("T1\tPERSON 0 6\tAda Me", span_kinds.MISALIGNED, "??OOOO"),
        ("T1\tPERSON 0 99\tAda", texts.OTHER_TEXT, "??????"),
        ("T1\tPERSON 0 99", span_kinds.OUT_OF_BOUNDS, "??????"),
        ("T1\tPERSON 1 4\tAda", texts.OTHER_TEXT, "??????"),
        ("T1\tPERSON 3 3\t", span_kinds.EMPTY, "OOOOOO"),
        ("T1\tPERSON 0\tAda", kinds.BAD_LINE, "??????"),
        ("T1 PERSON 0 3 Ada", kinds.BAD_LINE, "??????"),
        ("Ada", kinds.BAD_LINE, "??????"),
        ("T1\tA 0 3\tAda\nT2\tB 0 11\tAda Merrick", span_kinds.OVERLAP, "BIOOOO"),
    ],
)
def test_what_cannot_be_used_is_reported_and_missing(read, line, kind, iobs):
    docs, log = read(a_txt=TEXT, a_ann=GOOD, b_txt=TEXT, b_ann=f"\n{line}\n")
    assert problems(log) == [("b.ann", 2, kind)]
    assert [iobs_of(doc) for doc in docs] == ["BIOBOO", iobs]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_span_may_go_on_in_the_next_line(read, end):
    text = f"\U0001f600 New{end}York{end}"
    start = text.index("York")
    line = f"T1\tPLACE 2 5;{start} {start + 4}\tNew York{end}"
    docs, log = read(a_txt=text, a_ann=line)
    assert problems(log) == []
    assert [entities_of(doc) for doc in docs] == [[(f"New{end}York", "PLACE")]]


def test_files_that_cannot_be_read(read):
    docs, log = read(
        a_txt=b"Caf\xe9", a_ann="", b_txt="", b_ann="", c_ann=GOOD,
        d_txt="Anna", d_ann=b"T1\tCaf\xe9 0 4\tAnna\n",
    )  # fmt: skip
    assert sorted(problems(log)) == [
        ("a.txt", 1, kinds.BAD_FILE),
        ("b.txt", 1, texts.BAD_TEXT),
        ("c.ann", 1, kinds.NO_TEXT_FILE),
        ("d.ann", 1, kinds.BAD_FILE),
    ]
    assert log.lost.count == 3
    assert [iobs_of(doc) for doc in docs] == ["?"]
