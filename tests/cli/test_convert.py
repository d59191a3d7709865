import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
import zlib

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_crf_tagger.data.formats import Format, detect_format
from tests.helpers.disks import small_disk

CONLL = "Anna\tB-PER\nleft\tO\n\nRome\tB-LOC\n"
JSONL = '{"text": "Anna left.", "spans": [{"start": 0, "end": 4, "label": "PER"}]}\n'
WRONG = "Anna\tB-PER\nleft\tX\n"


@pytest.fixture
def write(tmp_path):
    def write_input(content, name="in.conll"):
        path = tmp_path / name
        path.write_bytes(
            content.encode("utf8") if isinstance(content, str) else content
        )
        return path

    return write_input


@pytest.fixture
def output(tmp_path):
    return tmp_path / "new" / "folder" / "out.spacy"


def load(path):
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def entities(path):
    return [(ent.text.strip(), ent.label_) for doc in load(path) for ent in doc.ents]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.conll", CONLL, [("Anna", "PER"), ("Rome", "LOC")]),
        ("a.annotated", CONLL, [("Anna", "PER"), ("Rome", "LOC")]),
        ("a.jsonl", JSONL, [("Anna", "PER")]),
        ("a", f"\n{JSONL}", [("Anna", "PER")]),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_convert(crf, write, output, name, content, found, mark, end):
    path = write(mark + content.replace("\n", end), name)
    exit_code, text = crf("convert", path, output, "--strict")
    assert exit_code == 0, text
    assert entities(output) == found
    assert f"Entities {len(found)}" in text
    assert "Problems" not in text


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.TSV", "{}", Format.conll),
        ("a.JSONL", "", Format.jsonl),
        ("a.txt", "{\tO\n", Format.conll),
        ("a.txt", "", Format.conll),
        ("a.txt", ' {"text": 1} \n', Format.jsonl),
    ],
)
def test_detect_format(tmp_path, name, text, expected):
    assert detect_format(tmp_path / name, text) == expected


def test_the_format_given_wins(crf, write, output):
    exit_code, text = crf("convert", write(JSONL, "a.conll"), output, "-f", "jsonl")
    assert exit_code == 0, text
    assert entities(output) == [("Anna", "PER")]


def test_annotation_survives_the_file(crf, write, output):
    conll = "-DOCSTART-\n\na B-X\nb I-X\nc -\n\nd O\ne B-Y-Z\n\nf O\n"
    assert crf("convert", write(conll), output, "-n", 2).exit_code == 0
    first, second = load(output)
    assert [token.ent_iob_ for token in first] == ["B", "I", "", "O", "B"]
    assert [token.ent_type_ for token in first] == ["X", "X", "", "", "Y-Z"]
    assert [token.is_sent_start for token in first] == [True, False, False, True, False]
    assert [token.text for token in second] == ["f"]
    assert first.has_unknown_spaces


def test_label_column_counts_backwards(crf, write, output):
    path = write("Anna\tB-PER\tNN\n")
    assert crf("convert", path, output, "--label-column", "-2").exit_code == 0
    assert entities(output) == [("Anna", "PER")]


def test_lang_chooses_the_tokenizer(crf, write, output):
    spans = [{"start": 2, "end": 7, "label": "PER"}]
    path = write(json.dumps({"text": "l'avion", "spans": spans}), "a.jsonl")
    assert crf("convert", path, output, "--lang", "it", "--strict").exit_code == 0
    assert crf("convert", path, output, "--lang", "en", "--strict").exit_code == 1


def test_all_problems_are_counted_and_the_first_ones_shown(crf, write, output):
    lines = [f"w{i}\tX-{i}" for i in range(1, 31)]
    path = write("\n".join([*lines, "", "Anna\tB-PER", "", "alone"]))
    exit_code, text = crf("convert", path, output)
    assert exit_code == 0
    assert f"{path}:20: unknown tag: 'w20\\tX-20'" in text
    assert f"{path}:21:" not in text
    assert "… and 10 more" in text
    assert f"{path}:34: too few columns: 'alone'" in text
    assert "unknown tag 30 too few columns 1" in text
    assert "Tokens without annotation 31" in text
    assert entities(output) == [("Anna", "PER")]


def test_long_culprits_are_cut(crf, write, output):
    exit_code, text = crf("convert", write(f"{CONLL}\n{'x' * 500}"), output)
    assert exit_code == 0
    assert f"too few columns: '{'x' * 99}…" in text


def test_answers_are_counted(crf, write, output):
    rejected = '{"text": "no", "answer": "reject"}\n'
    path = write(
        rejected + JSONL + 30 * rejected.replace("reject", "ignore"), "a.jsonl"
    )
    exit_code, text = crf("convert", path, output, "--strict")
    assert exit_code == 0
    assert "Left out 1 with the answer 'reject'" in text
    assert f"{path}: line 1" in text
    assert "Left out 30 with the answer 'ignore'" in text
    assert "22 and 10 more" in text


def test_strict_writes_nothing(crf, write, output):
    exit_code, text = crf("convert", write(WRONG), output, "--strict")
    assert exit_code == 1
    assert "unknown tag" in text
    assert not output.parent.exists()


def test_md5(crf, write, output):
    path = write(CONLL)
    right = hashlib.md5(CONLL.encode("utf8")).hexdigest()
    exit_code, text = crf("convert", path, output, "--md5", "0" * 32)
    assert exit_code == 1
    assert right in text
    assert not output.exists()
    assert crf("convert", path, output, "--md5", right.upper()).exit_code == 0
    assert output.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.conll", ""),
        ("a.conll", "some text\nwithout tags\n"),
        ("a.conll", "a\t-\n"),
        ("a.jsonl", "{\n"),
        ("a.jsonl", '{"text": "no", "answer": "ignore"}'),
    ],
)
def test_nothing_to_read(crf, write, output, name, content):
    exit_code, text = crf("convert", write(content, name), output)
    assert exit_code == 1
    assert "No annotation found" in text
    assert not output.exists()


@pytest.mark.parametrize(
    ("content", "line"), [(b"a\tO\r\nb\xff\tO\n", 2), (b"\xef\xbb\xbfa\n\n\xe9", 3)]
)
def test_a_wrong_encoding_is_located(crf, write, output, content, line):
    exit_code, text = crf("convert", write(content), output)
    assert exit_code == 1
    assert f"line {line} is not UTF-8" in text


def test_missing_input(crf, tmp_path, output):
    exit_code, text = crf("convert", tmp_path / "absent.conll", output)
    assert exit_code == 1
    assert "absent.conll" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lang", "zz"], "Can't use language 'zz'"),
        (["--label-column", "0"], "it holds no tags"),
    ],
)
def test_settings_that_cannot_be(crf, write, output, arguments, message):
    exit_code, text = crf("convert", write(CONLL), output, *arguments)
    assert exit_code == 1
    assert message in text


def test_output_that_spacy_would_not_find(crf, write, tmp_path):
    exit_code, text = crf("convert", write(CONLL), tmp_path / "out.bin")
    assert exit_code == 1
    assert ".spacy" in text


def test_output_that_cannot_be_written(crf, write):
    path = write(CONLL)
    exit_code, text = crf("convert", path, path / "out.spacy")
    assert exit_code == 1
    assert "Can't write" in text


def test_a_pipe_gives_the_same_bytes_in_another_process(crf, write, tmp_path):
    path = write(CONLL + "\n" + "\n".join(f"w{i}\tB-L{i}" for i in range(50)))
    here, there = tmp_path / "here.spacy", tmp_path / "there.spacy"
    assert crf("convert", path, here).exit_code == 0
    # It reads a pipe, which cannot be read twice.
    outcome = subprocess.run(
        [sys.executable, "-m", "spacy", "crf", "convert", "/dev/stdin", str(there)],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONIOENCODING": "utf8"},
        input=path.read_text("utf8"),
        capture_output=True,
        encoding="utf8",
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert here.read_bytes() == there.read_bytes()
    assert entities(there)[:3] == [("Anna", "PER"), ("Rome", "LOC"), ("w0", "L0")]


OTHER_FORMATS = [
    ('[{"text": "a", "spans": []}]', "jq -c"),
    ('{\n  "rasa_nlu_data": {\n    "common_examples": []\n  }\n}', "Rasa"),
    (f'[{{"spans": [], "text": "{"a" * 100_000}"}}]', "array"),
    ('[{"intent": "greet", "predictions": []}]', "Label Studio"),
]


@pytest.mark.parametrize(("content", "name"), OTHER_FORMATS)
@pytest.mark.parametrize("suffix", ["json", "jsonl", "txt", "conll"])
def test_json_that_is_not_json_lines_is_named(
    crf, write, output, content, name, suffix
):
    exit_code, text = crf("convert", write(content, f"a.{suffix}"), output)
    assert exit_code == 1
    assert "JSON" in text
    assert name in text
    assert "unknown tag" not in text


def test_json_lines_may_be_called_json(crf, write, output):
    exit_code, text = crf("convert", write(JSONL * 2, "a.json"), output, "--strict")
    assert exit_code == 0, text


@pytest.mark.parametrize("content", ["[\tO\nAnna\tB-PER\n", "{ O\nAnna B-PER\n"])
@pytest.mark.parametrize("suffix", ["conll", "txt"])
def test_brackets_may_be_tokens(crf, write, output, content, suffix):
    exit_code, text = crf("convert", write(content, f"a.{suffix}"), output, "--strict")
    assert exit_code == 0, text
    assert entities(output) == [("Anna", "PER")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONLL.encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        (CONLL.encode("utf-16-le"), "line 1 holds a zero byte"),
        (CONLL.encode("utf-32"), "UTF-32"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"PK\x03\x04", "zip"),
    ],
)
def test_what_is_no_utf8_is_named(crf, write, output, content, message):
    exit_code, text = crf("convert", write(content), output)
    assert exit_code == 1
    assert message in text
    assert not output.exists()


def test_a_converted_file_is_read(crf, write, output, tmp_path):
    assert crf("convert", write(CONLL), output).exit_code == 0
    other = tmp_path / "other.spacy"
    assert crf("convert", output, other).exit_code == 0
    assert other.read_bytes() == output.read_bytes()
    other.rename(tmp_path / "compressed")
    outcome = crf("convert", tmp_path / "compressed", other, "--retokenize")
    assert outcome.exit_code == 0
    assert entities(other) == [("Anna", "PER"), ("Rome", "LOC")]


def test_what_is_compressed_is_named(crf, write, output):
    path = write(zlib.compress(b"some text"), "a.spacy")
    exit_code, text = crf("convert", path, output)
    assert exit_code == 1
    assert "no file of spaCy's documents" in text


def test_an_encoding_that_breaks_late_is_located(crf, write, output):
    content = (CONLL * 20_000).encode() + b"Caf\xe9\tO\r"
    exit_code, text = crf("convert", write(content), output)
    assert exit_code == 1
    assert f"line {4 * 20_000 + 1} is not UTF-8: b'\\xe9'" in text


def test_no_entity_is_no_success(crf, write, output):
    path = write("Anna\tO\nleft\tO\n")
    exit_code, text = crf("convert", path, output)
    assert exit_code == 0
    assert "it has no entity" in text
    assert "✔" not in text
    output.unlink()
    exit_code, text = crf("convert", path, output, "--strict")
    assert exit_code == 1
    assert "no entity" in text
    assert not output.exists()


def test_texts_without_spans(crf, write, output):
    path = write('{"text": "Anna left."}\n' + JSONL, "a.jsonl")
    exit_code, text = crf("convert", path, output, "--strict")
    assert exit_code == 0
    assert 'without "spans" as not annotated (see --no-spans): 1' in text
    assert [doc.has_annotation("ENT_IOB") for doc in load(output)] == [False, True]
    assert crf("convert", path, output, "--no-spans", "outside").exit_code == 0
    assert [doc.has_annotation("ENT_IOB") for doc in load(output)] == [True, True]


def test_lost_lines_are_counted(crf, write, output):
    exit_code, text = crf("convert", write(f"{{\n{JSONL}[]\n", "a.jsonl"), output)
    assert exit_code == 0
    assert "Lost 2 without a text" in text
    assert "line 1, 3" in text


def test_the_output_may_not_be_the_input(crf, tmp_path):
    path = tmp_path / "a.spacy"
    path.write_text(CONLL)
    exit_code, text = crf("convert", path, path, "--format", "conll")
    assert exit_code == 1
    assert "also an input" in text
    assert path.read_text() == CONLL


def test_a_full_disk_is_named(crf, write, tmp_path):
    path, output = write(CONLL * 200), tmp_path / "out.spacy"
    with small_disk(500):
        exit_code, text = crf("convert", path, output)
    assert exit_code == 1
    assert "Can't write the output file" in text
    assert os.listdir(tmp_path) == [path.name]


DOCCANO = '{"text": "Anna left.", "label": [[0, 4, "PER"]]}\n'
TASKS = json.dumps(
    [
        {
            "data": {"text": "Anna left."},
            "annotations": [
                {
                    "completed_by": who,
                    "result": [
                        {
                            "type": "labels",
                            "value": {"start": 0, "end": end, "labels": ["PER"]},
                        }
                    ],
                }
                for who, end in ((1, 4), (2, 9))
            ],
        }
    ]
)
ROWS = '{"tokens": ["Anna", "left"], "ner_tags": [1, 0]}\n'
PAIRS = '[["Anna left.", {"entities": [[0, 4, "PER"]]}]]'


@pytest.mark.parametrize(
    ("content", "options", "name"),
    [
        (DOCCANO, [], "doccano"),
        (TASKS, ["--annotator", "1"], "label-studio"),
        (ROWS, ["--labels", "O,B-PER"], "hf"),
        (PAIRS, [], "spacy-json"),
    ],
)
@pytest.mark.parametrize("is_forced", [False, True])
def test_formats_of_tools(crf, write, output, content, options, name, is_forced):
    more = ["--format", name] if is_forced else []
    path = write(content, "a.json")
    exit_code, text = crf("convert", path, output, "--strict", *options, *more)
    assert exit_code == 0, text
    assert entities(output) == [("Anna", "PER")]


def test_a_format_of_a_tool_that_is_forced_wins(crf, write, output):
    exit_code, text = crf("convert", write(DOCCANO), output, "--format", "jsonl")
    assert exit_code == 1
    assert "(--format doccano)" in text
    assert "No annotation found, read as jsonl" in text


def test_disagreement_of_annotators_is_told(crf, write, output):
    exit_code, text = crf("convert", write(TASKS, "a.json"), output)
    assert exit_code == 0
    assert "annotators disagree" in text
    assert "it has no entity" in text
    assert "✔" not in text


@pytest.mark.parametrize("separator", [",", "\n"])
def test_labels_may_be_in_a_file(crf, write, output, separator):
    labels = write(f"O{separator}B-PER\n", "labels.txt")
    path = write(ROWS, "a.jsonl")
    exit_code, text = crf("convert", path, output, "--labels", labels)
    assert exit_code == 0, text
    assert entities(output) == [("Anna", "PER")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--labels O,B-PER"),
        (["--labels", "O,PER"], "'PER', which would be number 1, is no tag"),
        (["--labels", "absent.txt"], "'absent.txt'"),
    ],
)
def test_labels_that_are_missing_or_wrong(crf, write, output, options, message):
    exit_code, text = crf("convert", write(ROWS, "a.jsonl"), output, *options)
    assert exit_code == 1
    assert message in text


def test_a_table_of_label_studio_is_named(crf, write, output):
    head = "annotation_id,annotator,created_at,id,label,lead_time,text\n"
    for content in (head, head.replace(",", "\t")):
        exit_code, text = crf("convert", write(content, "a.csv"), output)
        assert exit_code == 1
        assert "Export JSON" in text


def test_several_files_of_several_formats(crf, write, output):
    one, two = write("Anna\tB-PER\nleft\tX\n", "a.conll"), write(DOCCANO, "b.jsonl")
    three = write('{"text": "Rome", "spans": [{"start": 1}]}', "c.jsonl")
    exit_code, text = crf("convert", one, two, three, output)
    assert exit_code == 0, text
    assert [len(doc) for doc in load(output)] == [2, 3, 1]
    assert f"{one}:2: unknown tag" in text
    assert f"{three}:1: malformed span" in text
    assert f"No entity in {one}, {three}" in text
    assert entities(output) == [("Anna", "PER")]


def test_a_folder_is_read_by_the_names_in_it(crf, write, tmp_path, output):
    (tmp_path / "in").mkdir()
    write(DOCCANO.replace("Anna", "Bill"), "in/b.jsonl")
    write(CONLL, "in/a.conll")
    write("What this is", "in/README.md")
    exit_code, text = crf("convert", tmp_path / "in", output)
    assert exit_code == 0, text
    assert [doc[0].text for doc in load(output)] == ["Anna", "Rome", "Bill"]
    assert "README.md:1: file in a folder that is passed over" in text


def test_a_folder_with_nothing_to_read(crf, tmp_path, output):
    exit_code, text = crf("convert", tmp_path, output)
    assert exit_code == 1
    assert ".jsonl" in text


def test_a_folder_of_brat(crf, write, tmp_path, output):
    (tmp_path / "in").mkdir()
    write("Anna left.", "in/a.txt")
    write("T1\tPER 0 4\tAnna\nT2\tPER 5 7\tle\n", "in/a.ann")
    write("[entities]\nPER", "in/annotation.conf")
    write(DOCCANO, "in/b.jsonl")
    (tmp_path / "in" / ".old").mkdir()
    write("Anna", "in/.old/a.txt")
    exit_code, text = crf("convert", tmp_path / "in", output)
    assert exit_code == 0, text
    assert entities(output) == [("Anna", "PER")]
    assert len(load(output)) == 1
    assert f"{tmp_path / 'in' / 'a.ann'}:2: span misaligned" in text
    assert "b.jsonl:1: file in a folder that is passed over" in text
    assert "annotation.conf" not in text
    for path, name in ((tmp_path / "in", "hf"), (tmp_path / "in" / "a.txt", "brat")):
        assert crf("convert", path, output, "--format", name).exit_code == 1


def test_a_checksum_is_of_one_file(crf, write, output):
    path = write(CONLL)
    exit_code, text = crf("convert", path, path, output, "--md5", "0" * 32)
    assert exit_code == 1
    assert "there are several" in text


def test_a_broken_file_among_several_is_named(crf, write, output):
    good, bad = write(CONLL), write(f"[{DOCCANO}", "bad.json")
    exit_code, text = crf("convert", good, bad, output)
    assert exit_code == 1
    assert f"Can't convert {bad}: it is no valid JSON at line" in text
    assert not output.exists()


def test_whole_documents_of_columns(crf, write, output):
    conll = "-DOCSTART- O\n\na B-X\n\nb O\n\nc O\n\n-DOCSTART- O\n\nd O\n"
    assert crf("convert", write(conll), output, "--n-sents", 0).exit_code == 0
    assert [len(list(doc.sents)) for doc in load(output)] == [3, 1]


@pytest.fixture
def many(write):
    lines = (f"w{i} B-X\nleft O\n\n" for i in range(100))
    return write("".join(lines), "many.conll")


def test_parts(crf, many, tmp_path):
    folder = tmp_path / "parts"
    exit_code, text = crf("convert", many, folder, "--split", "0.8,0.1,0.1")
    assert exit_code == 0, text
    parts = {path.stem: entities(path) for path in folder.iterdir()}
    assert {name: len(found) for name, found in parts.items()} == {
        "train": 80,
        "dev": 10,
        "test": 10,
    }
    assert len({each for found in parts.values() for each in found}) == 100
    assert "train 80 80 dev 10 10 test 10 10" in text
    other = tmp_path / "other"
    crf("convert", many, other, "--split", "0.8,0.1,0.1", "--seed", 1)
    assert entities(other / "dev.spacy") != parts["dev"]


def test_shards(crf, many, tmp_path):
    folder = tmp_path / "shards"
    exit_code, text = crf("convert", many, folder, "--shard-size", 40)
    assert exit_code == 0, text
    shards = sorted(folder.iterdir())
    assert [len(load(path)) for path in shards] == [40, 40, 20]
    found = [name for path in shards for name, _ in entities(path)]
    assert found == [f"w{i}" for i in range(100)]


def test_parts_in_shards(crf, many, tmp_path):
    options = ["--split", "75,25", "--shard-size", "50"]
    exit_code, text = crf("convert", many, tmp_path / "all", *options)
    assert exit_code == 0, text
    written = sorted((tmp_path / "all").rglob("*.spacy"))
    names = [str(path.relative_to(tmp_path / "all")) for path in written]
    assert names == ["dev/00001.spacy", "train/00001.spacy", "train/00002.spacy"]


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        (["--split", "0.8,0.1"], "parts", "add up to 1"),
        (["--split", "0.9,0.1"], "parts.spacy", "Output must be a folder"),
        (["--shard-size", "5"], "parts.spacy", "Output must be a folder"),
        (["--split", "0.9,0.1", "-n", "0"], "parts", "no document came into dev"),
    ],
)
def test_outputs_that_cannot_be(crf, many, tmp_path, options, name, message):
    exit_code, text = crf("convert", many, tmp_path / name, *options)
    assert exit_code == 1
    assert message in text
    assert os.listdir(tmp_path) == [many.name]


def test_overlapping_spans(crf, write, output):
    spans = [
        {"start": 0, "end": end, "label": label} for end, label in ((4, "A"), (9, "B"))
    ]
    path = write(json.dumps({"text": "Anna left.", "spans": spans}), "a.jsonl")
    exit_code, text = crf("convert", path, output, "--strict")
    assert exit_code == 1
    assert "span overlaps a longer or earlier one: 'Anna' (A 0:4)" in text
    options = ["--overlaps", "spans", "-k", "all", "--strict"]
    exit_code, text = crf("convert", path, output, *options)
    assert exit_code == 0, text
    [doc] = load(output)
    assert [(span.text, span.label_) for span in doc.spans["all"]] == [
        ("Anna", "A"),
        ("Anna left", "B"),
    ]
    assert entities(output) == [("Anna left", "B")]


def test_entities_of_tags_come_into_the_group(crf, write, output):
    assert crf("convert", write(CONLL), output, "--overlaps", "spans").exit_code == 0
    found = [
        (s.text.strip(), s.label_) for doc in load(output) for s in doc.spans["sc"]
    ]
    assert found == entities(output)


CONLLU_PLUS = "# global.columns = ID FORM NER\n1\tAnna\tB-PER\n2\tleft\tO\n"
WEBANNO = (
    "#FORMAT=WebAnno TSV 3.2\n"
    "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value\n\n"
    "\n#Text=Anna left\n1-1\t0-4\tAnna\t_\tPER\t\n1-2\t5-9\tleft\t_\t_\t\n"
)


@pytest.mark.parametrize(
    ("content", "name", "file_format"),
    [
        (CONLLU_PLUS, "a.conllup", "conllu-plus"),
        (CONLLU_PLUS, "a.txt", "conllu-plus"),
        (WEBANNO, "a.tsv", "webanno"),
        ("doc_id,start,end,label\na,0,4,PER\n", "spans.csv", "csv"),
        ("doc_id\tstart\tend\tlabel\na\t0\t4\tPER\n", "spans.tsv", "csv"),
    ],
)
@pytest.mark.parametrize("is_forced", [False, True])
def test_formats_of_text(crf, write, output, content, name, file_format, is_forced):
    path = write(content, name)
    if file_format == "csv":
        write("Anna left", "a.txt")
    more = ["--format", file_format] if is_forced else []
    exit_code, text = crf("convert", path, output, "--strict", *more)
    assert exit_code == 0, text
    assert entities(output) == [("Anna", "PER")]


def archive_of(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            # Without a date it has the present time, and tests are named by its bytes.
            archive.writestr(zipfile.ZipInfo(name), "")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.xlsx",
            archive_of("[Content_Types].xml", "xl/workbook.xml"),
            "an Excel file",
        ),
        ("a.docx", archive_of("word/document.xml"), "a Word file"),
        (
            "a.zip",
            archive_of("a/1.tsv", "a/2.tsv"),
            "archive of a/1.tsv, a/2.tsv; unpack",
        ),
        ("a.zip", archive_of(*"abcd"), "archive of a, b, c, …; unpack"),
        ("a.zip", archive_of("a")[:40], "a zip archive that is broken off"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel"),
        ("a.pdf", b"%PDF-1.7\n", "a PDF"),
        ("prodigy.db", b"SQLite format 3\0\x10", "prodigy db-out"),
        ("a.arrow", b"ARROW1\0\0", "to_parquet"),
        (
            "a.csv",
            "annotation_id,annotator,id,label,lead_time,text\n",
            "of Label Studio",
        ),
        (
            "a.csv",
            'id,text,label\n1,"Ada left",SPORTS\n',
            "a table of texts with categ",
        ),
        (
            "a.csv",
            "Sentence #,Word,POS,Tag\n1,Ada,NNP,B-per\n",
            "table of tokens with comm",
        ),
        ("a.csv", "who,what\n1,2\n", "columns called doc_id, start, end and label"),
        (
            "a.xmi",
            '<?xml version="1.0"?><xmi:XMI xmlns:xmi="http://x">',
            "WebAnno TSV v3.3",
        ),
        ("a.xml", '<?xml version="1.0"?>\n<TEI xmlns="http://x">', "TEI in XML"),
        ("a.xml", '<?xml version="1.0"?>\n<GateDocument>', "XML, which is not read"),
        ("a.html", "<!DOCTYPE html>\n<html>", "HTML"),
        ("a.rtf", "{\\rtf1\\ansi Ada", "RTF"),
    ],
)
def test_what_is_not_read_is_named(crf, write, output, name, content, message):
    exit_code, text = crf("convert", write(content, name), output)
    assert exit_code == 1
    assert message in text
    assert not output.exists()


@pytest.mark.parametrize(
    "row",
    [
        '{"text": "Ada left", "label": "SPORTS", "answer": "accept"}',
        '{"text": "Ada", "options": [{"id": 1}], "accept": [1], "answer": "accept"}',
        '{"text": "Ada left", "cats": {"SPORTS": 1.0}, "answer": "accept"}',
    ],
)
def test_categories_are_no_entities(crf, write, output, row):
    exit_code, text = crf("convert", write(row, "a.jsonl"), output)
    assert exit_code == 1
    assert "of the text" in text


def test_columns_may_be_called_csv(crf, write, output):
    assert crf("convert", write(CONLL, "a.csv"), output, "--strict").exit_code == 0
    assert entities(output) == [("Anna", "PER"), ("Rome", "LOC")]
