"""Token classification as datasets of Hugging Face have it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.vocab import Vocab

from spacy_crf_tagger.data import read_hf as kinds
from spacy_crf_tagger.data import sentences, tagged, texts
from spacy_crf_tagger.data.source import UnreadableError

from .examples import entities_of, iobs_of, read_source, seeded

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TOKENS = ["Ada", "Merrick", "left", "Lisbon"]
FOUND = [("Ada Merrick", "PER"), ("Lisbon", "LOC")]


def read(text, **options):
    return read_source(kinds.read_hf, text, Vocab(), **options)


def row(tags=(1, 2, 0, 3), key="ner_tags", tokens=TOKENS):
    return json.dumps({"id": "0", "tokens": tokens, key: tags})


@pytest.mark.parametrize("key", ["ner_tags", "tags", "labels"])
@pytest.mark.parametrize("is_array", [False, True])
def test_numbers_and_names(key, is_array):
    rows = [row(key=key), row(["B-PER", "I-PER", "O", "B-LOC"], key)]
    text = f"[{','.join(rows)}]" if is_array else "\n".join(rows)
    reading = read(text, labels=LABELS)
    assert reading.problems == []
    assert [entities_of(doc) for doc in reading.docs] == [FOUND] * 2


def test_what_losses_pass_over_is_missing():
    reading = read(row([-100, None, 0, 3]), labels=LABELS)
    assert reading.problems == []
    assert [iobs_of(doc) for doc in reading.docs] == ["??OB"]


@pytest.mark.parametrize("key", ["pos_tags", "ner_tags"])
def test_tokens_without_tags_are_not_annotated(key):
    reading = read(f"{row()}\n{row(None, key)}", labels=LABELS)
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOB", "????"]
    assert reading.log.notes[kinds.NO_TAGS].first == [2]


def test_numbers_need_labels():
    with pytest.raises(
        UnreadableError, match=r"line 2: its tags are numbers.*--labels"
    ):
        read(f"{row(['O'] * 4)}\n{row()}")


@pytest.mark.parametrize(
    ("tags", "kind", "iobs"),
    [
        ([0, 0, 0, 5], kinds.BAD_NUMBER, "OOO?"),
        ([1, -1, 0, 3], kinds.BAD_NUMBER, "??OB"),
        ([0, 0, 0, 3.0], sentences.UNKNOWN_TAG, "OOO?"),
        ([0, 0, 0, True], sentences.UNKNOWN_TAG, "OOO?"),
        ([0, 0, 0, "LOC"], sentences.UNKNOWN_TAG, "OOO?"),
        ([2, 2, 0, 3], tagged.INVALID_SEQUENCE, "BIOB"),
        ([0, 0, 3], kinds.BAD_LENGTH, "????"),
        ([], kinds.BAD_LENGTH, "????"),
        ({}, kinds.BAD_TAGS, "????"),
        ("OOOO", kinds.BAD_TAGS, "????"),
    ],
)
def test_tags_that_cannot_be_used_are_reported_and_missing(tags, kind, iobs):
    reading = read(f"{row()}\n{row()}\n\n{row(tags)}", labels=LABELS)
    assert [(p.line, p.kind) for p in reading.problems] == [(4, kind)]
    assert [iobs_of(doc) for doc in reading.docs] == ["BIOB", "BIOB", iobs]


@pytest.mark.parametrize("token", ["", None, 3, "\ud83d"])
def test_what_is_no_token_is_reported(token):
    text = row([1, 2, 0, 0], tokens=["Ada", token, "left", "."])
    reading = read(text, labels=LABELS)
    assert [p.kind for p in reading.problems] == [sentences.NO_TOKEN]
    assert [iobs_of(doc) for doc in reading.docs] == ["?OO"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("{", texts.NOT_AN_OBJECT),
        ("3", texts.BAD_TEXT),
        ('{"tokens": [], "ner_tags": []}', texts.BAD_TEXT),
        ('{"tokens": "Ada", "ner_tags": []}', texts.BAD_TEXT),
        ('{"text": "Ada", "ner_tags": [0]}', texts.BAD_TEXT),
    ],
)
def test_lines_without_tokens_are_lost(line, kind):
    reading = read(f"{row()}\n{line}", labels=LABELS)
    assert [(p.line, p.kind) for p in reading.problems] == [(2, kind)]
    assert reading.log.lost.first == [2]
    assert len(reading.docs) == 1


def test_odd_characters():
    tokens = ["\u00a0", "É\u200b", "\U0001f600", "a b"]
    reading = read(row(["O", "B-PÉR\u00a0", "O", "O"], tokens=tokens))
    (doc,) = reading.docs
    assert [token.text for token in doc] == tokens
    assert entities_of(doc) == [("É\u200b", "PÉR")]


def test_records_are_grouped():
    text = "\n".join([row()] * 5)
    for n_sents, lengths in ((1, [4] * 5), (2, [8, 8, 4]), (0, [20])):
        docs = read(text, labels=LABELS, n_sents=n_sents).docs
        assert [len(doc) for doc in docs] == lengths


@pytest.mark.parametrize(
    "text",
    ["O,B-PER,I-PER", "O, B-PER, I-PER\n", "O\nB-PER\nI-PER\n", "O\r\nB-PER\r\nI-PER"],
)
def test_names_of_labels(text):
    assert kinds.parse_labels(text) == ["O", "B-PER", "I-PER"]


@pytest.mark.parametrize("text", ["", "O,,B-PER", "O,PER", "O\n\nB-PER"])
def test_labels_that_are_no_tags(text):
    with pytest.raises(ValueError, match=r"--labels: .* is no tag"):
        kinds.parse_labels(text)


VALUES = [None, True, 0, 9, "O", "", [], {}, ["a"], ["O"], [0], [{}], [None]]


@seeded
@given(
    st.dictionaries(
        st.sampled_from(["tokens", "ner_tags", "tags"]), st.sampled_from(VALUES)
    )
)
def test_any_json_is_read_or_reported(value):
    reading = read(json.dumps(value), labels=LABELS)
    assert reading.docs or reading.problems
