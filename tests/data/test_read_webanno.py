"""WebAnno TSV 3, as INCEpTION writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_crf_tagger.data import read_webanno as kinds
from spacy_crf_tagger.data import spans as span_kinds
from spacy_crf_tagger.data import texts
from spacy_crf_tagger.data.source import UnreadableError
from spacy_crf_tagger.data.webanno import Value, parse_values, unescape

from .examples import entities_of, iobs_of, read_source, seeded

POS = (
    "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|coarseValue|PosValue"
)
NER = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value"
RELATION = "#T_RL=webanno.custom.Rel|label|BT_webanno.custom.Span"
EMPTY = "#T_SP=webanno.custom.Quote|"


def file_of(*sentences, layers=(NER,)):
    head = "\n".join(["#FORMAT=WebAnno TSV 3.3", *layers])
    return f"{head}\n\n\n" + "\n".join(sentences)


def sentence(number, text, start, tokens):
    """Write a sentence of tokens that blanks separate."""
    lines = [f"#Text={text}"]
    for i, (word, *columns) in enumerate(tokens, start=1):
        end = start + len(word)
        cells = [f"{number}-{i}", f"{start}-{end}", word, *columns]
        lines.append("\t".join(cells) + "\t")
        start = end + 1
    return "\n".join(lines) + "\n"


def read(text, nlp, **options):
    return read_source(kinds.read_webanno, text, nlp, **options)


ADA = [("Ada", "_", "PER[1]"), ("Merrick", "_", "PER[1]"), ("left", "_", "_")]
SATURN = [("Saturn", "http://q.org/Q193", "LOC"), ("shone", "_", "_")]


def test_sentences_and_entities(nlp):
    text = file_of(
        sentence(1, "Ada Merrick left", 0, ADA),
        sentence(2, "Saturn shone ", 17, SATURN),
    )
    reading = read(text, nlp)
    assert reading.problems == []
    [doc] = reading.docs
    assert doc.text == "Ada Merrick left Saturn shone "
    assert entities_of(doc) == [("Ada Merrick", "PER"), ("Saturn", "LOC")]
    assert iobs_of(doc) == "BIOBO"


def test_columns_of_other_layers(nlp):
    tokens = [
        ("Ada", "_", "_", "PROPN", "NNP", "*", "Q1[3]", "PER[3]", "_"),
        ("left", "*", "1-1", "VERB", "VBD", "_", "_", "_", "_"),
    ]
    text = file_of(
        sentence(1, "Ada left", 0, tokens), layers=(RELATION, POS, EMPTY, NER)
    )
    assert entities_of(read(text, nlp).docs[0]) == [("Ada", "PER")]


def test_the_only_custom_layer(nlp):
    custom = "#T_SP=webanno.custom.Thing|kind"
    tokens = [("Ada", "PROPN", "NNP", "PERSON"), ("left", "VERB", "VBD", "_")]
    one = sentence(1, "Ada left", 0, tokens)
    reading = read(file_of(one, layers=(POS, custom)), nlp)
    assert entities_of(reading.docs[0]) == [("Ada", "PERSON")]
    several = read(file_of(one, layers=(POS, custom, custom.replace("ing", "ey"))), nlp)
    assert iobs_of(several.docs[0]) == "??"
    assert [p.kind for p in several.problems] == [kinds.SEVERAL_LAYERS]
    none = read(file_of(one, layers=(POS,)), nlp)
    assert iobs_of(none.docs[0]) == "??"
    assert none.log.notes[kinds.NO_LAYER].first == [1]


def test_neighbours_are_told_apart_by_their_numbers(nlp):
    tokens = [("Ada", "_", "PER[1]"), ("Bo", "_", "PER[2]"), ("Lind", "_", "PER[2]")]
    reading = read(file_of(sentence(1, "Ada Bo Lind", 0, tokens)), nlp)
    assert entities_of(reading.docs[0]) == [("Ada", "PER"), ("Bo Lind", "PER")]


def test_stacked_annotations(nlp):
    tokens = [
        ("Ada", "*[1]|*[2]", "PER[1]|LOC[2]"),
        ("Street", "*[2]", "LOC[2]"),
        ("was", "*[3]|*[4]", "A[3]|B[4]"),
        ("cold", "*", "*"),
    ]
    text = file_of(sentence(1, "Ada Street was cold", 0, tokens))
    reading = read(text, nlp, spans_key="sc")
    [doc] = reading.docs
    assert entities_of(doc) == [("Ada Street", "LOC")]
    assert iobs_of(doc) == "BI??"
    assert [(s.text, s.label_) for s in doc.spans["sc"]] == [
        ("Ada", "PER"),
        ("Ada Street", "LOC"),
        ("was", "A"),
        ("was", "B"),
    ]
    reading = read(text, nlp)
    assert sorted(p.kind for p in reading.problems) == sorted(
        [kinds.NO_LABEL, span_kinds.OVERLAP, span_kinds.CONFLICT]
    )
    assert {p.line for p in reading.problems} == {6, 8, 9}


def test_parts_of_tokens(nlp):
    text = file_of("#Text=Ada's\n1-1\t0-5\tAda's\t_\t_\t\n1-1.1\t0-3\tAda\t_\tPER\t\n")
    assert entities_of(read(text, nlp).docs[0]) == [("Ada", "PER")]


def test_offsets_are_those_of_java(nlp):
    tokens = "1-1\t0-2\t\U0001f600\t_\t_\t\n1-2\t3-6\tAda\t_\tPER\t\n"
    second = (
        "#Text=\U0001f600 Bo\n2-1\t7-9\t\U0001f600\t_\t_\t\n2-2\t10-12\tBo\t_\tPER\t\n"
    )
    reading = read(file_of(f"#Text=\U0001f600 Ada\n{tokens}\n{second}"), nlp)
    assert reading.problems == []
    assert entities_of(reading.docs[0]) == [("Ada", "PER"), ("Bo", "PER")]


def test_escapes(nlp):
    text = file_of(
        "#Text=a\\tb\\\\c\n1-1\t0-1\ta\t_\tX\\|Y\t\n1-2\t2-5\tb\\\\c\t_\t\\_[7]\t\n"
    )
    [doc] = read(text, nlp).docs
    assert doc.text == "a\tb\\c"
    assert [span.label_ for span in doc.ents] == ["X|Y", "_"]


def test_a_sentence_may_have_several_lines(nlp):
    text = file_of(
        "#Text=Ada\n#Text=left\n1-1\t0-3\tAda\t_\tPER\t\n1-2\t4-8\tleft\t_\t_\n"
    )
    [doc] = read(text, nlp).docs
    assert doc.text == "Ada\nleft"
    assert entities_of(doc) == [("Ada", "PER")]


def test_damaged_lines_are_reported(nlp):
    good = sentence(1, "Ada Merrick left", 0, ADA)
    reading = read(file_of(good + "2-1\tx\n1-9\t4-a\tx\t_\t_\n1-8\t1-2\n"), nlp)
    assert [(p.line, p.kind) for p in reading.problems] == [
        (n, kinds.BAD_LINE) for n in (9, 10, 11)
    ]
    assert iobs_of(reading.docs[0]) == "BI?"


def test_offsets_that_go_back(nlp):
    text = file_of(sentence(1, "Ada Merrick left", 0, ADA), sentence(2, "x", 3, SATURN))
    with pytest.raises(UnreadableError, match="line 11: the offset 3"):
        read(text, nlp)


def test_no_text(nlp):
    reading = read(file_of(), nlp)
    assert reading.docs == []
    assert [p.kind for p in reading.problems] == [texts.BAD_TEXT]


SPECIAL = st.text("ab[]|_->;*\\\t\n", min_size=1, max_size=6)


def escape(text):
    text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    for special in ("[", "]", "|", "_", "->", ";", "*"):
        text = text.replace(special, f"\\{special}")
    return text


@seeded
@given(st.lists(st.tuples(SPECIAL, st.sampled_from([None, "1", "23"])), max_size=3))
def test_values_of_any_characters(pairs):
    cells = [escape(text) + (f"[{n}]" if n else "") for text, n in pairs]
    assert parse_values("|".join(cells)) == [Value(*pair) for pair in pairs]
    for text, _ in pairs:
        assert unescape(escape(text)) == text
