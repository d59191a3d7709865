"""Files of any size: with little memory, and whole or not at all."""

import json
import os
import random
import signal
import time
import tracemalloc
import zlib

import pytest
from spacy.tokens import Doc, DocBin, Span

from spacy_crf_tagger.data import docbin
from spacy_crf_tagger.data.docbin import SpooledDocs, TooManyTokensError
from spacy_crf_tagger.data.read_conll import read_conll
from spacy_crf_tagger.data.read_doccano import read_doccano
from spacy_crf_tagger.data.read_hf import read_hf
from spacy_crf_tagger.data.read_jsonl import read_jsonl
from spacy_crf_tagger.data.reading import Log
from spacy_crf_tagger.data.source import UnreadableError, open_source
from spacy_crf_tagger.data.writing import write_docs
from tests.helpers.disks import small_disk


def lines_of(kind, n_docs):
    words = [f"word{i}" for i in range(1000)]
    random.seed(0)
    for _ in range(n_docs):
        some = random.choices(words, k=20)
        if kind == "conll":
            yield from (f"{word}\tB-PER" for word in some)
            yield ""
        elif kind == "hf":
            yield json.dumps({"tokens": some, "ner_tags": ["B-PER"] * len(some)})
        elif kind == "doccano":
            yield json.dumps({"text": " ".join(some), "label": [[0, 5, "PER"]]})
        else:
            spans = [{"start": 0, "end": len(some[0]), "label": "PER"}]
            yield json.dumps({"text": " ".join(some), "spans": spans})


def write_lines(path, kind, n_docs):
    path.write_text("\n".join(lines_of(kind, n_docs)))
    return path


def docs_of(source, nlp):
    if source.path.suffix == ".doccano":
        return read_doccano(source, nlp, Log())
    if source.path.suffix == ".hf":
        return read_hf(source, nlp.vocab, Log())
    if source.path.suffix == ".jsonl":
        return read_jsonl(source.lines, nlp, Log())
    return read_conll(source.lines, nlp.vocab, Log())


def convert(path, output, nlp):
    with open_source(path) as source:
        write_docs(docs_of(source, nlp), output)


def peak_memory(path, output, nlp):
    tracemalloc.start()
    try:
        convert(path, output, nlp)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["conll", "jsonl", "doccano", "hf"])
def test_memory_does_not_grow_with_the_file(tmp_path, nlp, kind):
    small = write_lines(tmp_path / f"small.{kind}", kind, 500)
    large = write_lines(tmp_path / f"large.{kind}", kind, 2000)
    output = tmp_path / "out.spacy"
    # The first time, words are new to the vocabulary and the tokenizer.
    convert(small, output, nlp)
    before, after = (peak_memory(path, output, nlp) for path in (small, large))
    assert len(DocBin().from_disk(output)) == 2000
    # Kept whole, 1,500 documents are many times as much.
    assert after - before < 250_000


def same_bytes(docs, folder):
    with SpooledDocs(folder) as spooled:
        for doc in docs:
            spooled.add(doc)
        spooled.write(folder / "x.spacy")
    message = zlib.decompress((folder / "x.spacy").read_bytes())
    return message == zlib.decompress(DocBin(docs=docs).to_bytes())


def fully_annotated(vocab):
    doc = Doc(
        vocab,
        words=["Ada", "left"],
        tags=["NNP", "VBD"],
        pos=["PROPN", "VERB"],
        lemmas=["Ada", "leave"],
        morphs=["Number=Sing", "Tense=Past"],
        heads=[1, 1],
        deps=["nsubj", "ROOT"],
    )
    doc.ents = [Span(doc, 0, 1, "PER", kb_id="Q7259")]
    doc.spans["sc"] = [Span(doc, 0, 2, "OTHER", kb_id="Q1")]
    doc.cats = {"NEWS": 1.0}
    return doc


def test_the_bytes_are_those_of_a_docbin(tmp_path, nlp):
    docs = [nlp(f"I can't see\n  {'it ' * (i % 7)}{i}") for i in range(70)]
    for doc in docs[::3]:
        doc.set_ents([Span(doc, 0, 1, "X")], missing=[doc[2:3]], default="outside")
    docs += [fully_annotated(nlp.vocab)]
    docs += [Doc(nlp.vocab, words=["a", "b"], sent_starts=[True, False])]
    # More than 2¹⁶ documents, of which MessagePack writes the number in another way.
    many = docs + docs[-1:] * 2**16
    for some in (docs, docs[:1], docs[-1:], docs[:16], [], many):
        assert same_bytes(some, tmp_path)


@pytest.mark.parametrize(
    "name", ["wnut17/wnut17train.conll", "wnut17/emerging.test.annotated"]
)
def test_corpora_are_written_as_by_a_docbin(shared_data, tmp_path, nlp, name):
    with open_source(shared_data / name) as source:
        assert same_bytes(list(docs_of(source, nlp)), tmp_path)


def test_the_demo_corpus_is_written_as_by_a_docbin(pytestconfig, tmp_path, nlp):
    path = pytestconfig.rootpath / "assets" / "astronomy" / "train.jsonl"
    with open_source(path) as source:
        docs = list(docs_of(source, nlp))
    assert len(docs) == 75
    assert same_bytes(docs, tmp_path)


def test_more_tokens_than_fit_with_all_attributes(tmp_path, nlp, monkeypatch):
    docs = [nlp("I can't see")] * 3
    monkeypatch.setattr(docbin, "_MOST_BYTES", 1000)
    write_docs(docs, tmp_path / "x.spacy")
    written = DocBin().from_disk(tmp_path / "x.spacy")
    assert len(written.attrs) < len(DocBin().attrs)
    for doc, original in zip(written.get_docs(nlp.vocab), docs, strict=True):
        assert doc.to_json() == original.to_json()
        assert [t.norm_ for t in doc] == [t.norm_ for t in original]


def test_what_tokens_have_needs_room(tmp_path, nlp, monkeypatch):
    docs = [fully_annotated(nlp.vocab)] * 3
    monkeypatch.setattr(docbin, "_MOST_BYTES", 6 * 8 * 12)
    write_docs(docs, tmp_path / "x.spacy")
    written = DocBin().from_disk(tmp_path / "x.spacy")
    assert len(written.attrs) == 12
    for doc, original in zip(written.get_docs(nlp.vocab), docs, strict=True):
        assert doc.to_json() == original.to_json()
    monkeypatch.setattr(docbin, "_MOST_TOKENS", 10)
    with pytest.raises(TooManyTokensError):
        write_docs(docs, tmp_path / "x.spacy")


def test_more_tokens_than_a_file_can_hold(tmp_path, nlp, monkeypatch):
    path = write_lines(tmp_path / "a.conll", "conll", 3)
    monkeypatch.setattr(docbin, "_MOST_TOKENS", 59)
    with open_source(path) as source, pytest.raises(TooManyTokensError, match="shard"):
        write_docs(docs_of(source, nlp), tmp_path / "x.spacy")
    assert os.listdir(tmp_path) == ["a.conll"]


@pytest.fixture
def old(tmp_path, nlp):
    path = tmp_path / "out.spacy"
    DocBin(docs=[nlp("old")]).to_disk(path)
    return path


def is_old(path):
    return len(DocBin().from_disk(path)) == 1


def test_a_full_disk_leaves_the_old_file(old, nlp):
    docs = [nlp(f"Anna {i} left") for i in range(200)]
    with small_disk(2000), pytest.raises(OSError, match="File too large"):
        write_docs(docs, old)
    assert is_old(old)
    assert os.listdir(old.parent) == [old.name]


def test_an_error_while_reading_leaves_the_old_file(old, nlp, tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes(b"Anna\tB-PER\n\n" * 9000 + b"\xff\tO\n")
    with open_source(path) as source, pytest.raises(UnreadableError):
        write_docs(docs_of(source, nlp), old)
    assert is_old(old)
    assert sorted(os.listdir(tmp_path)) == ["a.conll", "out.spacy"]


def test_what_is_checked_last_may_forbid_it(old, nlp):
    def forbid():
        raise KeyError

    with pytest.raises(KeyError):
        write_docs([nlp("new")] * 2, old, forbid)
    assert is_old(old)


N_DOCS = 2000


def start(docs, path):
    """Write in a process of its own."""
    process = os.fork()
    if process == 0:
        # What a shell starts in the background ignores Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            write_docs(docs, path)
        finally:
            os._exit(0)
    return process


def start_long(nlp, path):
    """Write what takes a while."""
    docs = (nlp.make_doc(f"word{i} and others") for i in range(N_DOCS))
    return start(docs, path)


@pytest.fixture
def duration(nlp, tmp_path_factory):
    began = time.monotonic()
    os.waitpid(start_long(nlp, tmp_path_factory.mktemp("whole") / "out.spacy"), 0)
    return time.monotonic() - began


def test_ctrl_c_leaves_the_old_file(old, nlp):
    begun, begin = os.pipe()

    def docs():
        yield nlp.make_doc("the first of many")
        os.write(begin, b".")
        signal.pause()

    process = start(docs(), old)
    os.read(begun, 1)
    os.kill(process, signal.SIGINT)
    os.waitpid(process, 0)
    assert is_old(old)
    assert os.listdir(old.parent) == [old.name]


def test_a_killed_process_leaves_the_old_file_or_the_new_one(old, nlp, duration):
    moments = random.Random(0)
    for _ in range(int(os.environ.get("N_KILLS", "6"))):
        process = start_long(nlp, old)
        time.sleep(moments.uniform(0, 1.2 * duration))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        assert len(DocBin().from_disk(old)) in (1, N_DOCS)
    # Nothing but what has the name of something temporary.
    others = [name for name in os.listdir(old.parent) if name != old.name]
    assert all(name.startswith(".") and ".tmp" in name for name in others)
