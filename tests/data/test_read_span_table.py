"""Tables of spans, with the texts beside them."""

import json

import pytest

from spacy_crf_tagger.data import read_span_table as kinds
from spacy_crf_tagger.data import span_table
from spacy_crf_tagger.data import spans as span_kinds
from spacy_crf_tagger.data import texts as text_kinds
from spacy_crf_tagger.data.formats import Format
from spacy_crf_tagger.data.readers import PASSED_OVER, Options, find_files, read_file
from spacy_crf_tagger.data.reading import Log
from spacy_crf_tagger.data.source import UnreadableError

from .examples import entities_of, iobs_of

TABLE = "doc_id,start,end,label\na,0,11,PERSON\na,17,23,OBJECT\nb,0,7,PERSON\nc,,,\n"
TEXTS = {
    "a": "Ada Merrick drew Saturn.",
    "b": "Bo Lind left.",
    "c": "Nobody was there.",
    "d": "Nobody looked.",
}


@pytest.fixture
def read(tmp_path, nlp):
    def read_folder(table=TABLE, path="spans.csv", *, named=True, **files):
        (tmp_path / path).write_bytes(table.encode())
        for name, content in files.items():
            file = tmp_path / name.replace("_", ".")
            file.write_bytes(content.encode())
        log = Log()
        found = find_files([tmp_path / path if named else tmp_path], log)
        docs = [
            doc
            for each in found
            for doc in read_file(each, Format.auto, nlp, log, Options())
        ]
        return docs, log

    return read_folder


def as_files():
    return {f"{key}_txt": text for key, text in TEXTS.items()}


def as_lines():
    lines = [json.dumps({"doc_id": key, "text": text}) for key, text in TEXTS.items()]
    return {"texts_jsonl": "\n".join(lines)}


def as_table():
    rows = [f'{key},"{text}"\r\n' for key, text in TEXTS.items()]
    return {"texts_csv": "id,text\r\n" + "".join(rows)}


@pytest.mark.parametrize("form", [as_files, as_lines, as_table])
@pytest.mark.parametrize("named", [True, False])
def test_texts_beside_the_table(read, form, named):
    docs, log = read(named=named, **form())
    assert not log.problems
    assert [doc.text for doc in docs] == list(TEXTS.values())
    assert list(map(entities_of, docs)) == [
        [("Ada Merrick", "PERSON"), ("Saturn", "OBJECT")],
        [("Bo Lind", "PERSON")],
        [],
        [],
    ]
    # Of the third somebody said that there is nothing; of the last nobody said a word.
    assert [iobs_of(doc) for doc in docs[2:]] == ["OOOO", "???"]
    assert log.notes[kinds.NO_ROWS].count == 1


@pytest.mark.parametrize(
    "table",
    [
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace("doc_id,start,end,label", '"File","Begin","End","Type"'),
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("a,", "a.txt,"),
        f"\ufeff{TABLE}",
    ],
)
def test_tables_of_other_programs(read, table):
    docs, log = read(table, **as_files())
    assert not log.problems
    assert sum(len(doc.ents) for doc in docs) == 3


def test_the_covered_text_is_checked(read):
    table = "doc_id,start,end,label,text\na,0,3,PERSON,Ada\nb,0,3,PERSON,Li\n"
    docs, log = read(table, **as_files())
    assert entities_of(docs[0]) == [("Ada", "PERSON")]
    [problem] = log.problems[text_kinds.OTHER_TEXT].first
    assert (problem.line, problem.text) == (3, "b: 'Bo ' (PERSON 0:3), not 'Li'")


def test_offsets_that_count_an_emoji_twice(read):
    table = "doc_id,start,end,label,text\na,3,6,PERSON,Ada\n"
    docs, _ = read(table, a_txt="\U0001f600 Ada")
    assert entities_of(docs[0]) == [("Ada", "PERSON")]


@pytest.mark.parametrize(
    ("row", "kind", "iobs"),
    [
        ("b,0,x,PERSON", text_kinds.BAD_SPAN, "????"),
        ("b,0,,PERSON", text_kinds.BAD_SPAN, "????"),
        ("b,0,7", text_kinds.BAD_SPAN, "??OO"),
        ("b,0,1,PERSON", span_kinds.MISALIGNED, "?OOO"),
        ("b,8,99,PERSON", span_kinds.OUT_OF_BOUNDS, "OO??"),
    ],
)
def test_rows_that_cannot_be_used(read, row, kind, iobs):
    docs, log = read(f"doc_id,start,end,label\n\n{row}\n", b_txt=TEXTS["b"])
    [tally] = log.problems.values()
    assert [(p.line, p.kind) for p in tally.first] == [(3, kind)]
    assert iobs_of(docs[0]) == iobs


def test_spans_without_a_text_are_lost(read):
    _, log = read(a_txt=TEXTS["a"])
    assert [p.line for p in log.problems[kinds.NO_TEXT].first] == [4, 5]


def test_an_id_that_comes_twice(read):
    lines = as_lines()["texts_jsonl"] + '\n{"doc_id": "a", "text": "Ada again"}'
    docs, log = read(texts_jsonl=lines)
    [problem] = log.problems[kinds.REPEATED].first
    assert problem.line == 5
    assert iobs_of(docs[-1]) == "??"


def test_records_without_an_id_are_lost(read):
    lines = '{"doc_id": "a", "text": "Ada"}\n{"doc_id": 1}\n[]\n{"text": "a"}'
    docs, log = read("id,start,end,label\na,0,3,PERSON\n", texts_jsonl=lines)
    assert [p.line for p in log.problems[span_table.BAD_RECORD].first] == [2, 3, 4]
    assert len(docs) == 1


def test_other_files_with_texts_are_left_alone(read):
    other = '{"id": "a", "text": "Another text."}'
    docs, _ = read(other_jsonl=other, export_jsonl='{"text": "a"}', **as_lines())
    assert [doc.text for doc in docs] == list(TEXTS.values())


def test_several_tables_share_their_texts(read):
    header = "doc_id,start,end,label,text\n"
    more = f"{header}b,0,7,PERSON,Bo Lind\n"
    docs, log = read(
        f"{header}a,0,3,PERSON,Ada\n", named=False, more_csv=more, **as_files()
    )
    assert not log.problems
    found = [entities_of(doc) for doc in docs if doc.ents]
    assert found == [[("Bo Lind", "PERSON")], [("Ada", "PERSON")]]


def test_other_names_of_files_with_texts(read):
    other = '{"id": "a", "text": "Another text."}'
    docs, _ = read(other_jsonl=other, export_jsonl='{"text": "a"}')
    assert [doc.text for doc in docs] == ["Another text."]


def test_no_text_at_all(read):
    with pytest.raises(UnreadableError, match=r"texts\.csv or texts\.jsonl"):
        read()


def test_a_column_is_lacking(tmp_path, nlp):
    path = tmp_path / "spans.csv"
    path.write_text("doc_id,start,label\na,0,X\n")
    with pytest.raises(UnreadableError, match="its columns are doc_id, start, label"):
        list(read_file(path, Format.csv, nlp, Log(), Options()))


def test_other_files_of_the_folder_are_passed_over(read):
    _, log = read(named=False, notes_pdf="", **as_lines(), d_txt="Nobody looked.")
    [tally] = [log.problems[PASSED_OVER]]
    assert [path.name for path in tally.paths] == ["d.txt", "notes.pdf"]


def test_a_text_in_another_encoding(tmp_path, nlp):
    (tmp_path / "spans.csv").write_text(TABLE)
    (tmp_path / "a.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(UnreadableError, match="line 1 is not UTF-8"):
        list(read_file(tmp_path / "spans.csv", Format.auto, nlp, Log(), Options()))
