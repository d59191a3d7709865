import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from spacy_crf_tagger.data.iob import (
    MISSING,
    NO_ENTITY,
    Tag,
    closest_scheme,
    find_violations,
    parse_tag,
    read_entities,
)

from .examples import seeded

LABELS = ["PER", "GPE-LOC"]
LASTS = {"BILUO": "L", "BIOES": "E", "BMES": "E"}
UNITS = {"BILUO": "U", "BIOES": "S", "BMES": "S"}


@st.composite
def entities(draw):
    spans, end = [], 0
    for _ in range(draw(st.integers(0, 5))):
        start = end + draw(st.integers(0, 2))
        end = start + draw(st.integers(1, 3))
        spans.append((start, end, draw(st.sampled_from(LABELS))))
    return spans, end + draw(st.integers(0, 2))


def encode(spans, length, scheme):
    tags = ["O"] * length
    for start, end, label in spans:
        for i in range(start, end):
            position = "I" if i > start else "B"
            if scheme == "IOB1" and i == start:
                ends_here = any(s[1] == start and s[2] == label for s in spans)
                position = "B" if ends_here else "I"
            elif scheme in UNITS and i == end - 1:
                position = UNITS[scheme] if i == start else LASTS[scheme]
            elif scheme == "BMES" and i > start:
                position = "M"
            tags[i] = f"{position}-{label}"
    return tags


def parse(text):
    return [parse_tag(tag) for tag in text.split()]


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BILUO", "BIOES", "BMES"])
@seeded
@given(st.lists(entities(), min_size=1, max_size=4))
def test_every_scheme_gives_back_its_entities_without_violations(scheme, corpus):
    sentences = []
    for spans, length in corpus:
        tags = [parse_tag(tag) for tag in encode(spans, length, scheme)]
        assert read_entities(tags).spans == spans
        sentences.append(tags)
    closest = closest_scheme(sentences)
    assert not any(find_violations(tags, closest) for tags in sentences)


TAGS = ["O", *(f"{position}-{label}" for position in "BI" for label in LABELS)]


@seeded
@given(st.lists(st.sampled_from(TAGS), max_size=12))
def test_wrong_iob_sequences_are_read_as_seqeval_reads_them(tags):
    theirs = [(start, last + 1, label) for label, start, last in get_entities(tags)]
    assert read_entities([parse_tag(tag) for tag in tags]).spans == theirs


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("O", NO_ENTITY),
        ("", MISSING),
        ("-", MISSING),
        ("?", MISSING),
        ("E-PER", Tag("L", "PER")),
        ("S-GPE-LOC", Tag("U", "GPE-LOC")),
        ("M-PER", Tag("I", "PER")),
        ("\u200bB-\u00a0PER \r", Tag("B", "PER")),
        ("B-\u200b", None),
        ("B-", None),
        ("B", None),
        ("b-PER", None),
        ("o", None),
        ("X-PER", None),
        ("O-PER", None),
        ("PER", None),
    ],
)
def test_parse_tag(text, tag):
    assert parse_tag(text) == tag


@pytest.mark.parametrize(
    ("scheme", "text", "violations"),
    [
        ("IOB2", "B-A I-A O B-B B-B", []),
        ("IOB2", "B-A I-B", [1]),
        ("IOB2", "I-A I-A O I-A", [0, 3]),
        ("IOB2", "? I-A", [1]),
        ("IOB2", "B-A L-A", [1]),
        ("IOB1", "I-A I-A B-A I-B O", []),
        ("IOB1", "B-A I-A I-B B-A", [0, 3]),
        ("BILUO", "B-A I-A L-A U-A O", []),
        ("BILUO", "L-A", [0]),
        ("BILUO", "O I-A L-A", [1]),
        ("BILUO", "B-A O", [1]),
        ("BILUO", "B-A L-B", [1]),
        ("BILUO", "U-A B-A", [2]),
    ],
)
def test_find_violations(scheme, text, violations):
    assert find_violations(parse(text), scheme) == violations


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["B-A I-A", "B-A I-A", "I-A O"], "IOB2"),
        (["I-A I-A", "I-A B-A", "B-A O"], "IOB1"),
        (["B-A L-A", "U-A", "B-A I-A"], "BILUO"),
    ],
)
def test_one_mistake_does_not_change_the_scheme(sentences, scheme):
    assert closest_scheme(parse(sentence) for sentence in sentences) == scheme


def test_wrong_biluo_starts_a_new_entity():
    tags = parse("B-A I-B L-B L-A U-A I-A O")
    assert read_entities(tags).spans == [
        (0, 1, "A"),
        (1, 3, "B"),
        (3, 4, "A"),
        (4, 5, "A"),
        (5, 6, "A"),
    ]
