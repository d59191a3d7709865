"""The demo corpus is what its datasheet says."""

import json
import re
from collections import Counter

import pytest
import spacy

from tests.helpers.paths import ROOT

FOLDER = ROOT / "assets" / "astronomy"
LABELS = {"PERSON", "OBJECT", "INSTRUMENT", "PLACE", "TIME"}
PARTS = ("train", "dev", "test")


def read(part):
    lines = (FOLDER / f"{part}.jsonl").read_text("utf8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def corpus():
    return {part: read(part) for part in PARTS}


def surface_forms(docs):
    return {
        doc["text"][span["start"] : span["end"]].lower()
        for doc in docs
        for span in doc["spans"]
    }


def test_numbers_of_the_datasheet(corpus):
    sheet = (FOLDER / "DATASHEET.md").read_text("utf8")
    for part, docs in corpus.items():
        row = re.search(rf"^\| {part} \|(.*)\|$", sheet, re.MULTILINE)
        numbers = [int(cell.replace(",", "")) for cell in row[1].split("|")]
        labels = Counter(span["label"] for doc in docs for span in doc["spans"])
        assert numbers == [
            len(docs),
            sum(doc["meta"]["sentences"] for doc in docs),
            sum(len(doc["text"].split()) for doc in docs),
            *(labels[label] for label in ("PERSON", "OBJECT", "INSTRUMENT")),
            *(labels[label] for label in ("PLACE", "TIME")),
        ]
        assert set(labels) == LABELS


def test_is_large_enough(corpus):
    docs = [doc for part in PARTS for doc in corpus[part]]
    assert sum(doc["meta"]["sentences"] for doc in docs) >= 800
    assert sum(len(doc["text"].split()) for doc in docs) >= 12_000


def test_most_test_entities_are_new(corpus):
    test, train = surface_forms(corpus["test"]), surface_forms(corpus["train"])
    assert len(test - train) / len(test) >= 0.5


def test_parts_share_no_document(corpus):
    ids = [doc["meta"]["id"] for part in PARTS for doc in corpus[part]]
    texts = [doc["text"] for part in PARTS for doc in corpus[part]]
    assert len(set(ids)) == len(ids) == len(set(texts))


def test_no_sentence_stands_twice(corpus):
    sentences = Counter(
        sentence
        for part in PARTS
        for doc in corpus[part]
        for sentence in re.split(r"(?<=[.!?]) ", doc["text"])
        if len(sentence.split()) > 4
    )
    assert [sentence for sentence, count in sentences.items() if count > 1] == []


def test_spans_are_whole_tokens_and_apart(corpus):
    nlp = spacy.blank("en")
    for part in PARTS:
        for doc in corpus[part]:
            tokens = nlp.make_doc(doc["text"])
            end = 0
            for span in doc["spans"]:
                assert span["start"] >= end, (doc["meta"]["id"], span)
                end = span["end"]
                found = tokens.char_span(span["start"], span["end"])
                assert found is not None, (doc["meta"]["id"], span)
