"""Token classification of Hugging Face as Parquet."""

import json
import sys

import pytest
from spacy.vocab import Vocab

from spacy_crf_tagger.data import read_hf as kinds
from spacy_crf_tagger.data.formats import Format
from spacy_crf_tagger.data.readers import Options, read_file
from spacy_crf_tagger.data.reading import Log
from spacy_crf_tagger.data.source import UnreadableError, open_source

from .examples import entities_of, iobs_of

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
CLASSES = {"names": LABELS, "_type": "ClassLabel"}
ROWS = {
    "id": ["0", "1", "2"],
    "tokens": [["Ada", "Merrick", "left"], ["Saturn", "is"], ["far"]],
    "ner_tags": [[1, 2, 0], [-100, 0], None],
}


@pytest.fixture
def write(tmp_path):
    def write_table(columns=ROWS, features=None):
        table = pa.table(columns)
        if features is not None:
            metadata = json.dumps({"info": {"features": features}})
            table = table.replace_schema_metadata({"huggingface": metadata})
        path = tmp_path / "rows.parquet"
        pq.write_table(table, path)
        return path

    return write_table


def read(path, **options):
    log = Log()
    with open_source(path) as source:
        return list(kinds.read_hf(source, Vocab(), log, **options)), log


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": CLASSES, "_type": "Sequence"},
        {"feature": CLASSES, "_type": "List"},
        [CLASSES],
    ],
)
def test_the_file_says_what_its_numbers_stand_for(write, nlp, feature):
    path = write(features={"id": {"dtype": "string"}, "ner_tags": feature})
    docs = list(read_file(path, Format.auto, nlp, Log(), Options()))
    assert [iobs_of(doc) for doc in docs] == ["BIO", "?O", "?"]
    assert entities_of(docs[0]) == [("Ada Merrick", "PER")]


def test_labels_may_be_given(write):
    docs, log = read(write(), labels=["O", "B-X", "I-X"])
    assert not log.problems
    assert [iobs_of(doc) for doc in docs][1:] == ["?O", "?"]
    assert entities_of(docs[0]) == [("Ada Merrick", "X")]


def test_names_of_tags(write):
    tags = [["B-PER", "I-PER", "O"], ["O", "O"], ["O"]]
    docs, log = read(write({**ROWS, "ner_tags": tags}))
    assert not log.problems
    assert entities_of(docs[0]) == [("Ada Merrick", "PER")]


def test_numbers_need_labels(write):
    with pytest.raises(UnreadableError, match="--labels"):
        read(write(features={"ner_tags": {"dtype": "int64"}}))


def test_problems_name_the_row(write):
    tags = [[1, 2], [0, 0], [0]]
    _, log = read(write({**ROWS, "ner_tags": tags}), labels=LABELS)
    [problem] = log.problems[kinds.BAD_LENGTH].first
    assert (problem.line, problem.text) == (1, "row 1: 2 tags, 3 tokens")


def test_other_columns_are_named(write):
    with pytest.raises(UnreadableError, match="its columns are text, spans"):
        read(write({"text": ["a"], "spans": [[0]]}))


def test_damaged_files_are_named(write):
    path = write()
    content = path.read_bytes()
    for end in range(4, len(content), 50):
        path.write_bytes(content[:end])
        with pytest.raises(UnreadableError, match="damaged Parquet"):
            read(path, labels=LABELS)


def test_without_pyarrow_the_message_says_what_to_install(write, monkeypatch):
    path = write()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(
        UnreadableError, match=r"pip install 'spacy-crf-tagger\[parquet\]'"
    ):
        read(path)
