from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_crf_tagger.data import sentences as kinds
from spacy_crf_tagger.data.read_conll import read_conll
from spacy_crf_tagger.data.reading import numbered_lines
from spacy_crf_tagger.data.tagged import INVALID_SEQUENCE

from .examples import read_all, seeded

CORPORA = [
    ("ncbi-disease/train.txt", 5424, 135701, 5134),
    ("ncbi-disease/dev.txt", 923, 23969, 787),
    ("ncbi-disease/test.txt", 940, 24497, 960),
    ("wnut17/wnut17train.conll", 3394, 62730, 1975),
    ("wnut17/emerging.dev.conll", 1009, 15733, 836),
    ("wnut17/emerging.test.annotated", 1287, 23394, 1079),
]


def read(text, **settings):
    return read_all(read_conll, text, Vocab(), **settings)


def entities(doc: Doc):
    return [(span.start, span.end, span.label_) for span in doc.ents]


def words(docs: List[Doc]):
    return [[token.text for token in doc] for doc in docs]


def iob(doc: Doc):
    return [token.ent_iob_ for token in doc]


@pytest.mark.parametrize(("name", "n_docs", "n_tokens", "n_entities"), CORPORA)
def test_published_corpora(shared_data, name, n_docs, n_tokens, n_entities):
    text = (shared_data / name).read_text(encoding="utf8")
    reading = read(text)
    assert reading.problems == []
    assert len(reading.docs) == n_docs
    assert sum(map(len, reading.docs)) == n_tokens
    assert sum(len(doc.ents) for doc in reading.docs) == n_entities
    blocks = [[]]
    for line in text.split("\n"):
        if line.strip():
            blocks[-1].append(line.split("\t"))
        elif blocks[-1]:
            blocks.append([])
    sentences = [block for block in blocks if block]
    for doc, lines in zip(reading.docs, sentences, strict=True):
        assert [token.text for token in doc] == [columns[0] for columns in lines]
        spans = get_entities([columns[-1] for columns in lines])
        assert entities(doc) == [(start, end + 1, label) for label, start, end in spans]
        assert all(token.ent_iob for token in doc)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("blank", ["", " ", "\t", " \t "])
@pytest.mark.parametrize("separator", ["\t", " ", "   "])
def test_separators_and_line_ends(end, blank, separator):
    lines = [("Anna", "NN", "B-PER"), ("left", "VB", "O"), (), (), ("Rome", "NN", "O")]
    text = end.join(separator.join(columns) or blank for columns in lines)
    reading = read(text)
    assert reading.problems == []
    assert words(reading.docs) == [["Anna", "left"], ["Rome"]]
    assert [entities(doc) for doc in reading.docs] == [[(0, 1, "PER")], []]


@pytest.mark.parametrize(
    "word",
    [
        "New York",
        "10\u00a0000",
        "\u3000",
        "a\u2028b",
        "a\x85b",
        "\u200b",
        "#",
        "a\x0cb",
    ],
)
def test_only_tabs_and_line_feeds_separate_where_there_are_tabs(word):
    reading = read(f"{word}\tB-X\nend\tO\n")
    assert reading.problems == []
    assert words(reading.docs) == [[word, "end"]]


def test_whitespace_other_than_space_is_part_of_a_token():
    reading = read("10\u00a0000 B-X\n\u3000 O\n")
    assert reading.problems == []
    assert words(reading.docs) == [["10\u00a0000", "\u3000"]]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("I-A I-A B-A I-B O", [(0, 2, "A"), (2, 3, "A"), (3, 4, "B")]),
        ("B-A I-A B-A O B-X-Y", [(0, 2, "A"), (2, 3, "A"), (4, 5, "X-Y")]),
        ("B-A L-A U-A O U-B", [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]),
        ("B-A E-A S-A O S-B", [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]),
    ],
)
def test_schemes(tags, spans):
    reading = read("\n".join(f"w\t{tag}" for tag in tags.split()))
    assert reading.problems == []
    assert [entities(doc) for doc in reading.docs] == [spans]


@pytest.mark.parametrize("n_sents", [1, 2, 3, 10])
def test_n_sents_groups_sentences_of_one_document(n_sents):
    documents = [["a", "b", "c"], ["d"], ["e", "f"]]
    text = "".join(
        "-DOCSTART- -X- O\n\n" + "".join(f"{s} B-X\n{s} O\n\n" for s in sentences)
        for sentences in documents
    )
    groups = [
        sentences[i : i + n_sents]
        for sentences in documents
        for i in range(0, len(sentences), n_sents)
    ]
    docs = read(text, n_sents=n_sents).docs
    assert words(docs) == [[w for s in group for w in (s, s)] for group in groups]
    for doc, group in zip(docs, groups, strict=True):
        assert entities(doc) == [(2 * i, 2 * i + 1, "X") for i in range(len(group))]
        assert doc.has_annotation("SENT_START") == (n_sents > 1)
        if n_sents > 1:
            assert [len(sentence) for sentence in doc.sents] == [2] * len(group)


def test_document_start_ends_a_sentence_without_a_blank_line():
    reading = read("a\tB-X\n-DOCSTART- (2 b)\tO\nb\tI-X\n", n_sents=5)
    assert words(reading.docs) == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("label_column", "labels"), [(-1, ["B", "D"]), (-2, ["A", "C"]), (1, ["A", "C"])]
)
def test_label_column(label_column, labels):
    reading = read("v\tB-A\tB-B\nw\tB-C\tB-D\n", label_column=label_column)
    assert [span.label_ for span in reading.docs[0].ents] == labels


@pytest.mark.parametrize("label_column", [-3, -4, 3])
def test_a_column_that_is_not_there(label_column):
    reading = read("v\tB-A\tB-B\n", label_column=label_column)
    assert [problem.kind for problem in reading.problems] == [kinds.TOO_FEW_COLUMNS]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("w\t-", None),
        ("w\t?", None),
        ("w\t ", None),
        ("w -", None),
        ("w", kinds.TOO_FEW_COLUMNS),
        ("w\tX-PER", kinds.UNKNOWN_TAG),
        ("w b-PER", kinds.UNKNOWN_TAG),
    ],
)
def test_tokens_without_a_usable_tag_have_missing_annotation(line, kind):
    reading = read(f"a\tO\n{line}\nb\tB-X\nc\tO\n")
    assert [iob(doc) for doc in reading.docs] == [["O", "", "B", "O"]]
    assert [(p.line, p.kind) for p in reading.problems] == ([(2, kind)] if kind else [])


def test_a_line_without_a_token_is_left_out():
    reading = read("a\tB-X\n\tO\nb\tO\n")
    assert words(reading.docs) == [["a", "b"]]
    assert [(p.line, p.kind) for p in reading.problems] == [(2, kinds.NO_TOKEN)]


@pytest.mark.parametrize(
    ("tags", "line", "text"),
    [
        ("O B-A I-B O", 3, "'w3' I-B after B-A (IOB2)"),
        ("B-A O I-A", 3, "'w3' I-A after O (IOB2)"),
        ("I-A B-B O", 1, "'w1' I-A at the start of a sentence (IOB2)"),
        ("U-A O L-A", 3, "'w3' L-A after O (BILUO)"),
        ("U-A U-A B-A", 3, "'w3' B-A at the end of a sentence (BILUO)"),
    ],
)
def test_tags_out_of_sequence_are_reported(tags, line, text):
    lines = [f"w{i} {tag}" for i, tag in enumerate(tags.split(), start=1)]
    reading = read("\n".join(lines))
    assert reading.problems == [(line, INVALID_SEQUENCE, text)]


def test_problems_come_in_the_order_of_lines():
    reading = read("a B-A\nb I-B\n\nc X\n\nd B-B\ne\n")
    assert [problem.line for problem in reading.problems] == [2, 4, 7]


@seeded
@given(st.text(alphabet="ab \t\r\nOBI-X?\u2028\u00a0\ufeff", max_size=40))
def test_any_text_can_be_read(text):
    reading = read(text, n_sents=2)
    lines = list(numbered_lines(text))
    assert all(1 <= problem.line <= len(lines) for problem in reading.problems)
    assert sum(map(len, reading.docs)) <= len(lines)
