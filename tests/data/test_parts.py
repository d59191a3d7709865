"""Documents divided into parts, and written into shards."""

import os
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.vocab import Vocab

from spacy_crf_tagger.data.parts import Divider, parse_fractions
from spacy_crf_tagger.data.read_conll import read_conll
from spacy_crf_tagger.data.reading import Log, numbered_lines
from spacy_crf_tagger.data.writing import write_parts, write_shards

from .examples import seeded

VOCAB = Vocab()


def docs_of(texts):
    return [Doc(VOCAB, words=text.split()) for text in texts]


def divide(texts, fractions, seed=0):
    divider = Divider(fractions, seed)
    return [divider.part_of(doc) for doc in docs_of(texts)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.8,0.1,0.1", [0.8, 0.1, 0.1]),
        ("80, 20", [0.8, 0.2]),
        ("0.9,.1", [0.9, 0.1]),
    ],
)
def test_fractions(text, expected):
    assert parse_fractions(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "1", "0.8", "0.8,0.1", "0.5,0.5,0", "a,b", "nan,1", "inf,1", "1,1,1,1"]
)
def test_fractions_that_make_no_whole(text):
    with pytest.raises(ValueError, match=r"must|no list"):
        parse_fractions(text)


@seeded
@given(st.lists(st.integers(0, 30), min_size=1), st.integers(0, 3))
def test_equal_texts_come_into_the_same_part(numbers, seed):
    parts = divide([f"text {n}" for n in numbers], [0.5, 0.5], seed)
    assert len(set(zip(numbers, parts, strict=True))) == len(set(numbers))


@seeded
@given(st.integers(1, 200), st.integers(0, 5))
def test_parts_are_as_large_as_wanted(n, seed):
    fractions = [0.8, 0.1, 0.1]
    counts = Counter(divide([f"text {i}" for i in range(n)], fractions, seed))
    for part, fraction in enumerate(fractions):
        assert abs(counts[part] - n * fraction) < 2


def test_seeds_differ_and_repeat():
    texts = [f"text {i}" for i in range(50)]
    several = [divide(texts, [0.8, 0.2], seed) for seed in (0, 0, 1)]
    assert several[0] == several[1] != several[2]


def test_whitespace_makes_no_other_text():
    divider = Divider([0.5, 0.5])
    words = ["Ada", "left"]
    docs = [Doc(VOCAB, words=words), Doc(VOCAB, words=words, spaces=[True, False])]
    assert len({divider.part_of(doc) for doc in docs * 20}) == 1


def test_sentences_of_a_document_stay_together():
    lines = "".join(
        f"-DOCSTART- O\n\n{''.join(f'w{i}-{j} O{chr(10) * 2}' for j in range(4))}"
        for i in range(30)
    )
    docs = list(read_conll(lambda: numbered_lines(lines), VOCAB, Log()))
    divider = Divider([0.5, 0.5])
    parts = {}
    for doc in docs:
        document = doc.text.split("-")[0]
        parts.setdefault(document, set()).add(divider.part_of(doc))
    assert len(docs) == 120
    assert all(len(found) == 1 for found in parts.values())
    assert set.union(*parts.values()) == {0, 1}


def test_shards_are_read_by_a_corpus(nlp, tmp_path):
    docs = docs_of([f"text {i}" for i in range(25)])
    write_shards(docs, [tmp_path / "shards"], lambda _: 0, 10)
    assert sorted(os.listdir(tmp_path / "shards")) == [
        "00001.spacy",
        "00002.spacy",
        "00003.spacy",
    ]
    read = [example.reference.text for example in Corpus(tmp_path / "shards")(nlp)]
    assert sorted(read) == sorted(doc.text for doc in docs)
    write_shards(docs[:3], [tmp_path / "shards"], lambda _: 0, 10)
    assert os.listdir(tmp_path / "shards") == ["00001.spacy"]


def test_shards_are_written_all_or_not_at_all(tmp_path):
    folder = tmp_path / "shards"
    write_shards(docs_of(["old"]), [folder], lambda _: 0, 10)

    def fail():
        yield from docs_of([f"text {i}" for i in range(25)])
        raise KeyError

    with pytest.raises(KeyError):
        write_shards(fail(), [folder], lambda _: 0, 10)
    assert os.listdir(tmp_path) == ["shards"]
    assert len(DocBin().from_disk(folder / "00001.spacy")) == 1


def test_parts_are_written_all_or_none(tmp_path):
    paths = [tmp_path / "train.spacy", tmp_path / "dev.spacy"]
    paths[1].mkdir()
    with pytest.raises(OSError, match="folder"):
        write_parts(docs_of(["a", "b"]), paths, lambda doc: int(doc.text == "b "))
    assert os.listdir(tmp_path) == ["dev.spacy"]
