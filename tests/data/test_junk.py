"""Files as other tools leave them: each is read rightly, or reported and missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_crf_tagger.data import sentences as kinds
from spacy_crf_tagger.data import tagged as notes
from spacy_crf_tagger.data.invisible import strip_edges
from spacy_crf_tagger.data.read_conll import read_conll
from spacy_crf_tagger.data.reading import LOOK_ALIKE, numbered_lines

from .examples import read_all, seeded
from .test_iob import encode, entities

INVISIBLE = [
    "\u00a0",
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\x0b",
    "\u3164",
]


def read(text, **settings):
    return read_all(read_conll, text, Vocab(), **settings)


def tokens(reading):
    return [(token.text, token.ent_iob_) for doc in reading.docs for token in doc]


def spans(doc: Doc):
    return [(span.start, span.end, span.label_) for span in doc.ents]


def problems(reading):
    return [(problem.line, problem.kind) for problem in reading.problems]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", "\r"])
@pytest.mark.parametrize(
    "trailing", ["", "\t", " ", "\t\t", " \t", "\t\u00a0", "\u200b"]
)
def test_ends_of_lines(end, trailing):
    lines = ["Anna\tB-PER", "Berg\tI-PER", "left\tO", "", "Rome\tB-LOC"]
    text = end.join(f"{line}{trailing}" if line else "" for line in lines)
    reading = read(text)
    assert reading.problems == []
    assert [spans(doc) for doc in reading.docs] == [[(0, 2, "PER")], [(0, 1, "LOC")]]


@pytest.mark.parametrize("separator", ["\t", " "])
def test_some_lines_end_in_a_separator(separator):
    text = "Anna\tB-PER\t\nleft\tO\nTom\tB-PER\n".replace("\t", separator)
    reading = read(text)
    assert reading.problems == []
    assert tokens(reading) == [("Anna", "B"), ("left", "O"), ("Tom", "B")]


def test_an_empty_last_column_is_missing_annotation():
    reading = read("Anna\tNN\tB-PER\nleft\tVB\t\nRome\tNN\t\n")
    assert reading.problems == []
    assert tokens(reading) == [("Anna", "B"), ("left", ""), ("Rome", "")]


@pytest.mark.parametrize("line", ["left\tO\t", "left\tB-X\t", "left O\t\t"])
def test_an_empty_tag_after_what_may_be_one_is_reported(line):
    reading = read(f"Anna\tNN\tB-PER\n{line}\nRome\tNN\tO\nRome\tNN\tO\n")
    assert reading.problems
    assert [iob for _, iob in tokens(reading)][1] == ""


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("New York B-LOC", kinds.TOO_MANY_COLUMNS),
        ("York\tNNP\tB-LOC", kinds.TOO_MANY_COLUMNS),
        ("York", kinds.TOO_FEW_COLUMNS),
        ("\tB-LOC", kinds.NO_TOKEN),
    ],
)
def test_lines_with_an_unusual_number_of_columns(line, kind):
    reading = read(f"Anna\tB-PER\nin\tO\n{line}\nand\tO\n")
    assert problems(reading) == [(3, kind)]
    assert [iob for _, iob in tokens(reading) if iob != "O"] == (
        ["B", ""] if kind != kinds.NO_TOKEN else ["B"]
    )


def test_a_line_without_a_token_does_not_join_what_is_around_it():
    reading = read("Anna\tB-PER\n\tO\nBerg\tI-PER\nleft\tO\n")
    assert problems(reading) == [(2, kinds.NO_TOKEN)]
    assert tokens(reading) == [("Anna", ""), ("Berg", ""), ("left", "O")]


@pytest.mark.parametrize("mark", INVISIBLE)
def test_lines_on_which_nothing_can_be_seen_are_blank(mark):
    reading = read(f"a\tB-X\n{mark}\nb\tI-X\n{mark}\t\nc\tO")
    assert [len(doc) for doc in reading.docs] == [1, 1, 1]


@pytest.mark.parametrize("mark", INVISIBLE)
def test_invisible_edges_of_tags(mark):
    reading = read(f"a\tB-X{mark}\nb\t{mark}I-X\nc\tO{mark}\nd\tB-{mark}X\n")
    assert reading.problems == []
    assert [spans(doc) for doc in reading.docs] == [[(0, 2, "X"), (3, 4, "X")]]
    # Of the label in the last line only the parser knows.
    assert reading.log.notes[notes.TRIMMED].first == [1, 2, 3]


def test_labels_in_one_composition():
    reading = read("a\tB-PÉR\nb\tB-PE\u0301R\n")
    assert reading.problems == []
    assert {span.label_ for doc in reading.docs for span in doc.ents} == {"PÉR"}


@pytest.mark.parametrize("label", ["per", "P\u200bER"])
def test_labels_that_look_alike(label):
    reading = read(f"a\tB-PER\nb\tB-{label}\nc\tB-{label}\n")
    assert problems(reading) == [(2, LOOK_ALIKE)]


MULTICONER = "\n# id 5239d808-f300-46ea-aa3b-5093040213a3\tdomain=en\n\n"


@pytest.mark.parametrize(
    ("comment", "token"),
    [
        ("# text = Blood group O", "Anna\tB-PER\n"),
        ("# text = Blood group O", "Anna B-PER\n"),
        ("# text = O", "Anna _ _ B-PER\n"),
        ("# sent_id = 3", "Anna\tNN\tB-PER\n"),
        ("#sent_id=3", "Anna\tB-PER\n"),
        ("# newdoc", "Anna\tB-PER\n"),
        (MULTICONER, "Anna _ _ B-PER\n"),
        (MULTICONER, "Anna\tB-PER\n"),
        ("# id B-12", "Anna _ B-PER\n"),
        ("#begin document (nw/1); part 000", "Anna NN B-PER\n"),
        ("# translated by hand O", "Anna\tB-PER\n"),
        ("#", "Anna\tB-PER\n"),
    ],
)
def test_comments(comment, token):
    reading = read(f"{comment}\n{token}{token}")
    assert reading.problems == []
    assert tokens(reading) == [("Anna", "B")] * 2
    assert reading.log.notes[notes.COMMENTS].count == 1


@pytest.mark.parametrize("separator", ["\t", " "])
@pytest.mark.parametrize("word", ["#", "#hashtag", "#1", "##", "#text", "#id"])
def test_tokens_with_number_signs(word, separator):
    text = f"{word}\tO\nwe\tO\n{word}\tB-X\n{word}\t-\n".replace("\t", separator)
    reading = read(text)
    assert reading.problems == []
    assert tokens(reading) == [(word, "O"), ("we", "O"), (word, "B"), (word, "")]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("#\tX-PER", kinds.UNKNOWN_TAG),
        ("#tag\tX-PER", kinds.UNKNOWN_TAG),
        ("#tag X-PER", kinds.UNKNOWN_TAG),
        ("#New York B-LOC", kinds.TOO_MANY_COLUMNS),
        ("# text = group\tO", kinds.COMMENT_OR_TOKEN),
    ],
)
def test_what_may_be_a_token_is_no_comment(line, kind):
    reading = read(f"Anna\tB-PER\nin\tO\n{line}\nand\tO\n")
    assert problems(reading) == [(3, kind)]
    assert [iob for _, iob in tokens(reading)] == ["B", "O", "", "O"]


@pytest.mark.parametrize(
    ("tags", "found", "missing"),
    [
        ("B-LOC I_LOC O", [], [0, 1]),
        ("B_LOC I-LOC O", [], [0, 1]),
        ("B-LOC I-LOC i-LOC I-LOC O", [], [0, 1, 2, 3]),
        ("B-LOC x B-LOC O", [(2, 3)], [0, 1]),
        ("B-LOC L-LOC x U-LOC", [(0, 2), (3, 4)], [2]),
        ("B-LOC x L-LOC U-LOC", [(3, 4)], [0, 1, 2]),
        ("O x O B-LOC", [(3, 4)], [1]),
        # Missing on purpose: whole in IOB2, not in BILUO where the end is lacking.
        ("B-LOC - O", [(0, 1)], [1]),
        ("B-LOC - U-LOC", [(2, 3)], [0, 1]),
        ("B-LOC L-LOC ? U-LOC", [(0, 2), (3, 4)], [2]),
        ("B-LOC I-LOC B-LOC ? I-LOC", [(0, 2)], [2, 3, 4]),
        ("B-LOC I-LOC B-LOC ? I-PER", [(0, 2), (2, 3)], [3, 4]),
        ("B-LOC - - I-LOC O B-LOC I-LOC O", [(5, 7)], [0, 1, 2, 3]),
        ("I-LOC ? I-LOC O I-LOC", [(4, 5)], [0, 1, 2]),
        ("I-LOC ? I-PER O I-LOC", [(0, 1), (2, 3), (4, 5)], [1]),
    ],
)
def test_entities_that_may_go_on_in_an_unreadable_tag(tags, found, missing):
    reading = read("\n".join(f"w{i}\t{tag}" for i, tag in enumerate(tags.split())))
    (doc,) = reading.docs
    assert [span[:2] for span in spans(doc)] == found
    assert [token.i for token in doc if not token.ent_iob] == missing


def test_bmes():
    tags = ["B-PER", "M-PER", "E-PER", "O", "S-PER"]
    reading = read("\n".join(f"w {tag}" for tag in tags))
    assert reading.problems == []
    assert spans(reading.docs[0]) == [(0, 3, "PER"), (4, 5, "PER")]


def test_unreadable_tags_do_not_decide_the_scheme():
    reading = read("a B-X\nb L-X\nc U-X\nd x\n\n" + "e B-X\nf x\n\n" * 9)
    assert {kind for _, kind in problems(reading)} == {kinds.UNKNOWN_TAG}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I|O like|O London|B-GPE .|O\n", [[(2, 3, "GPE")]]),
        ("I|PRP|O like|VBP|O London|NNP|I-GPE\n\nYes|UH|O\n", [[(2, 3, "GPE")], []]),
        ("a|b|B-X c|I-X ||O\nd|O\n", [[(0, 2, "X")], []]),
        ("# text = x\r\nAnna|B-PER\u00a0 left|O \t\r\n", [[(0, 1, "PER")]]),
    ],
)
def test_pipes(text, found):
    reading = read(text)
    assert reading.problems == []
    assert [spans(doc) for doc in reading.docs] == found


def test_words_with_pipes():
    reading = read("a|b|O ||O c|O\n|||O d|O\n")
    assert [token for token, _ in tokens(reading)] == ["a|b", "|", "c", "||", "d"]


def test_broken_items():
    reading = read("a|NN|O b|NN|O c|NN|B-X d\n" + "e|NN|O |NN|O f|NN|X-Y\n" * 2)
    assert sorted({kind for _, kind in problems(reading)}) == [
        kinds.NO_TOKEN,
        kinds.TOO_FEW_COLUMNS,
        kinds.UNKNOWN_TAG,
    ]
    first, *_ = reading.docs
    assert [token.ent_iob_ for token in first] == ["O", "O", "", ""]


def test_sentences_of_pipes_are_grouped():
    docs = read("a|O\nb|B-X\n-DOCSTART-|O\nc|O\n", n_sents=5).docs
    assert [[token.text for token in doc] for doc in docs] == [["a", "b"], ["c"]]
    assert [len(sentence) for sentence in docs[0].sents] == [1, 1]


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BILUO", "BIOES", "BMES"])
@seeded
@given(data=st.data())
def test_junk_around_columns_changes_nothing(scheme, data):
    corpus = data.draw(st.lists(entities(), min_size=1, max_size=3))
    corpus = [(found, length) for found, length in corpus if length]
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r\r\n", "\r"]))
    separator = data.draw(st.sampled_from(["\t", " "]))
    edge = st.text(st.sampled_from(INVISIBLE), max_size=2)
    trailing = st.sampled_from(["", "\t", " ", " \t", "\t\t"])
    lines = []
    for found, length in corpus:
        for tag in encode(found, length, scheme):
            junk = data.draw(edge) + tag + data.draw(edge)
            lines.append(f"w{separator}{junk}{data.draw(trailing)}{end}")
        lines.append(data.draw(st.sampled_from(["", " ", "\t", "\u00a0"])) + end)
    reading = read("".join(lines))
    assert reading.problems == []
    assert [spans(doc) for doc in reading.docs] == [found for found, _ in corpus]


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BILUO", "BIOES", "BMES"])
@seeded
@given(data=st.data())
def test_nothing_false_is_learnt_from_a_damaged_line(scheme, data):
    found, length = data.draw(entities().filter(lambda each: each[1]))
    lines = [f"w{i}\t{tag}" for i, tag in enumerate(encode(found, length, scheme))]
    i = data.draw(st.integers(0, length - 1))
    damaged = ["X-PER", "I_PER", "b-PER", "PER", "B", "B-", "O.", "о", "B\u2013PER"]
    lines[i] = data.draw(
        st.sampled_from([*(f"w{i}\t{tag}" for tag in damaged), f"w{i}", "\tO"])
    )
    reading = read("\n".join(lines))
    assert reading.problems
    (doc,) = reading.docs or [Doc(Vocab())]
    for span in doc.ents:
        first, last = int(span[0].text[1:]), int(span[-1].text[1:])
        assert (first, last + 1, span.label_) in found
    for token in doc:
        j = int(token.text[1:])
        is_in_entity = any(start <= j < end for start, end, _ in found)
        assert token.ent_iob_ != "O" or not is_in_entity


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BILUO", "BIOES", "BMES"])
@seeded
@given(data=st.data())
def test_nothing_false_is_learnt_where_a_tag_in_an_entity_is_missing(scheme, data):
    found, length = data.draw(entities().filter(lambda each: each[0]))
    tags = encode(found, length, scheme)
    start, end, _ = data.draw(st.sampled_from(found))
    inner = list(range(start, end - 1)) or [start]
    tags[data.draw(st.sampled_from(inner))] = data.draw(st.sampled_from("?-"))
    (doc,) = read("\n".join(f"w\t{tag}" for tag in tags)).docs
    unknown = {i for i, tag in enumerate(tags) if len(tag) == 1 and tag in "?-"}
    for span in doc.ents:
        # What is beside a missing tag may be all that somebody knows.
        is_cut = span.end in unknown and scheme in ("IOB1", "IOB2")
        is_cut |= span.start - 1 in unknown and scheme == "IOB1"
        assert is_cut or (span.start, span.end, span.label_) in found


LINES = st.lists(
    st.one_of(
        st.text(max_size=15),
        st.text('ab \t\r|#=OBI-X?[]{}"\u00a0\u200b\ufeff\0', max_size=15),
        st.sampled_from(["a\tB-X", "a B-X", "a|B-X b|O", "# id 1", "-DOCSTART-", ""]),
    ),
    max_size=8,
).map("\n".join)


@seeded
@given(LINES, st.integers(1, 3), st.sampled_from([-3, -2, -1, 1, 2]))
def test_any_lines_are_read_or_reported(text, n_sents, label_column):
    if "\ud800" <= max(text, default="") <= "\udfff":
        return
    reading = read(text, n_sents=n_sents, label_column=label_column)
    n_lines = sum(1 for _ in numbered_lines(text))
    assert all(1 <= problem.line <= n_lines for problem in reading.problems)
    for doc in reading.docs:
        assert all(span.label_ == strip_edges(span.label_) for span in doc.ents)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\n\nb\n", ["a", "", "b"]),
        ("a\r\nb\r\r\nc\rd\r\re", ["a", "b", "c", "d", "", "e"]),
        ("\ufeffa\n\ufeff\ufeffb\u2028\x0b", ["a", "b\u2028\x0b"]),
        ("\r\n\r\r", ["", "", ""]),
    ],
)
def test_lines(text, lines):
    assert list(numbered_lines(text)) == list(enumerate(lines, start=1))
