"""Annotation becomes tags as spaCy itself reads it, and restrictions of the lattice."""

import random

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_crf_tagger.crf import TagScheme
from spacy_crf_tagger.pipeline.annotation import UNKNOWN, known_mask
from spacy_crf_tagger.pipeline.ner.annotation import (
    preset_mask,
    preset_spans,
    read_annotation,
)
from spacy_crf_tagger.pipeline.ner.settings import Settings
from tests.helpers.component import annotated

NLP = spacy.blank("en")
LABELS = ["LARGE-ANIMAL", "PER"]
SCHEMES = {name: TagScheme(LABELS, name) for name in ("biluo", "bio")}
both_schemes = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES.keys())
WORDS = ["Ada", "lives", "in", "New-York", "don't", "ﬁ", ".", "\n", "\n\n", "\t", " "]


def read(examples, scheme):
    annotation = read_annotation(examples, scheme, NLP.vocab.strings, Settings())
    assert annotation.new_labels == []
    return [None if tag == UNKNOWN else scheme.tags[tag] for tag in annotation.tags]


def as_spacy_reads(example, scheme):
    """What `get_aligned_ner` says, which always speaks BILUO."""
    if scheme.name == "biluo":
        return example.get_aligned_ner()
    positions = {"U": "B", "L": "I"}
    return [
        tag and positions.get(tag[0], tag[0]) + tag[1:]
        for tag in example.get_aligned_ner()
    ]


def random_annotation(doc, rng):
    """Entities, blocked and missing tokens and tokens outside, in random order."""
    groups = {"entities": [], "blocked": [], "missing": [], "outside": []}
    start = 0
    while start < len(doc):
        end = min(len(doc), start + rng.randint(1, 3))
        groups[rng.choice(list(groups))].append(doc[start:end])
        start = end
    ents = [
        Span(doc, span.start, span.end, label=rng.choice(LABELS))
        for span in groups.pop("entities")
    ]
    doc.set_ents(ents, **groups)


@st.composite
def documents(draw):
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9))
    spaces = draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    return Doc(NLP.vocab, words=words, spaces=spaces)


def retokenized(doc, rng):
    """The same text, cut otherwise: neighbours merged, words split in two."""
    words, spaces = [], []
    for token in doc:
        glued = words and not spaces[-1] and not token.is_space
        if glued and not words[-1].isspace() and rng.random() < 0.5:
            words[-1] += token.text
            spaces[-1] = bool(token.whitespace_)
        elif len(token) > 1 and not token.is_space and rng.random() < 0.4:
            cut = rng.randint(1, len(token) - 1)
            words += [token.text[:cut], token.text[cut:]]
            spaces += [False, bool(token.whitespace_)]
        else:
            words.append(token.text)
            spaces.append(bool(token.whitespace_))
    return Doc(doc.vocab, words=words, spaces=spaces)


@both_schemes
@given(docs=st.lists(documents(), max_size=3), seed=st.integers(0, 2**20))
@settings(max_examples=60, deadline=None)
def test_same_tokens(scheme, docs, seed):
    rng = random.Random(seed)
    examples = []
    for doc in docs:
        predicted = doc.copy()
        random_annotation(doc, rng)
        examples.append(Example(predicted, doc))
    expected = [tag for eg in examples for tag in as_spacy_reads(eg, scheme)]
    assert read(examples, scheme) == expected


@both_schemes
@given(docs=st.lists(documents(), max_size=3), seed=st.integers(0, 2**20))
@settings(max_examples=60, deadline=None)
def test_other_tokens(scheme, docs, seed):
    rng = random.Random(seed)
    examples = []
    for doc in docs:
        random_annotation(doc, rng)
        examples.append(Example(retokenized(doc, rng), doc))
    expected = [tag for eg in examples for tag in as_spacy_reads(eg, scheme)]
    assert read(examples, scheme) == expected


@both_schemes
@pytest.mark.parametrize(
    ("words", "gold", "entity", "expected"),
    [
        (["New-", "York"], ["New-York"], (0, 1), ["B-PER", "L-PER"]),
        (["New-York"], ["New-", "York"], (0, 2), ["U-PER"]),
        (["New-York"], ["New-", "York"], (0, 1), [None]),
        (["Ada", " ", "L."], ["Ada", "L."], (0, 2), ["B-PER", "I-PER", "L-PER"]),
        (["Ada", "\n", "L."], ["Ada", "L."], (0, 2), [None, "O", None]),
        (["Ada", "\n", "L."], ["Ada", "L."], (0, 1), ["U-PER", "O", "O"]),
    ],
)
def test_alignment(scheme, words, gold, entity, expected):
    reference = Doc(NLP.vocab, words=gold, spaces=[False] * len(gold))
    span = Span(reference, *entity, label="PER")
    reference.set_ents([span], default="outside")
    example = Example(
        Doc(NLP.vocab, words=words, spaces=[False] * len(words)), reference
    )
    assert example.get_aligned_ner() == expected
    assert read([example], scheme) == as_spacy_reads(example, scheme)


def test_schemes_by_hand():
    doc = annotated(NLP, list("abcdefg"), [(0, 1, "PER"), (1, 3, "PER"), (4, 7, "PER")])
    example = Example(Doc(NLP.vocab, words=list("abcdefg")), doc)
    per = "{}-PER".format
    biluo = [per("U"), per("B"), per("L"), None, per("B"), per("I"), per("L")]
    assert read([example], SCHEMES["biluo"]) == biluo
    bio = [per("B"), per("B"), per("I"), None, per("B"), per("I"), per("I")]
    assert read([example], SCHEMES["bio"]) == bio


@both_schemes
def test_entities_of_neighbouring_documents_stay_apart(scheme):
    first = annotated(NLP, ["a", "b"], [(0, 2, "PER")])
    second = annotated(NLP, ["a", "b"], [(0, 1, "PER")])
    examples = [
        Example(Doc(NLP.vocab, words=["a", "b"]), doc) for doc in (first, second)
    ]
    end = "L-PER" if scheme.name == "biluo" else "I-PER"
    unit = "U-PER" if scheme.name == "biluo" else "B-PER"
    assert read(examples, scheme) == ["B-PER", end, unit, None]


@both_schemes
@pytest.mark.parametrize("same_tokens", [True, False])
def test_new_labels_are_reported_sorted(scheme, same_tokens):
    spans = [(0, 1, "ZEBRA"), (1, 2, "PER"), (2, 3, "ANT"), (3, 4, "ZEBRA")]
    words = ["a", "b", "c", "d"]
    reference = annotated(NLP, words, spans)
    predicted = Doc(NLP.vocab, words=words if same_tokens else [*words, "\n"])
    example = Example(predicted, reference)
    annotation = read_annotation(
        [example, example], scheme, NLP.vocab.strings, Settings()
    )
    assert annotation.new_labels == ["ANT", "ZEBRA"]


@pytest.mark.parametrize("same_tokens", [True, False])
def test_negative_notation_is_refused_as_such(same_tokens):
    reference = annotated(NLP, ["a", "b"], [(0, 1, "!PER")])
    words = ["a", "b"] if same_tokens else ["a", "b", "\n"]
    example = Example(Doc(NLP.vocab, words=words), reference)
    with pytest.raises(ValueError, match="!PER"):
        read_annotation([example], SCHEMES["biluo"], NLP.vocab.strings, Settings())


def test_no_examples_and_empty_ones():
    empty = Example(Doc(NLP.vocab), Doc(NLP.vocab))
    for examples in ([], [empty], [empty, empty]):
        assert read(examples, SCHEMES["biluo"]) == []


def test_known_mask_allows_one_tag_or_all():
    mask = known_mask(np.array([2, UNKNOWN, 0]), 3)
    assert mask.tolist() == [[False, False, True], [True] * 3, [True, False, False]]


# What is decided before the prediction


def allowed(docs, scheme):
    mask = preset_mask(docs, scheme, Settings())
    return [[scheme.tags[k] for k in np.flatnonzero(row)] for row in mask]


@both_schemes
def test_nothing_is_decided_about_plain_documents(scheme):
    plain = NLP.make_doc("a b")
    outside = NLP.make_doc("a b")
    outside.set_ents([], default="outside")
    assert preset_mask([plain, outside], scheme, Settings()) is None
    assert preset_mask([Doc(NLP.vocab)], scheme, Settings()) is None
    assert preset_mask([], scheme, Settings()) is None


def test_whitespace_and_sentence_starts_decide_by_scheme():
    doc = Doc(NLP.vocab, words=["a", "\n", "b"], sent_starts=[True, False, True])
    scheme = TagScheme(["PER"], "biluo")
    # What may start a document is for the scheme to say, not for the mask.
    assert allowed([doc], scheme)[1:] == [["O", "I-PER"], ["O", "B-PER", "U-PER"]]
    scheme = TagScheme(["PER"], "bio")
    # BIO does not mark the end of an entity, which may not be whitespace.
    assert allowed([doc], scheme)[1:] == [["O"], ["O", "B-PER"]]


def test_presets_decide_about_themselves_and_what_follows():
    doc = annotated(
        NLP, list("abcdef"), [(0, 2, "PER"), (4, 5, "UNHEARD")], blocked=[3]
    )
    scheme = TagScheme(["PER"], "biluo")
    rows = allowed([doc], scheme)
    assert rows[:2] == [["B-PER"], ["L-PER"]]
    assert rows[2] == ["O", "B-PER", "U-PER"]
    assert rows[3] == rows[4] == ["O"]
    assert rows[5] == ["O", "B-PER", "U-PER"]


def test_preset_spans_are_entities_and_single_blocked_tokens():
    doc = Doc(NLP.vocab, words=list("abcdef"))
    ada = Span(doc, 0, 2, label="PER", kb_id="Q7259")
    doc.set_ents([ada], blocked=[doc[3:5]], default="missing")
    ents, blocked = preset_spans(doc)
    assert [(ent.start, ent.end, ent.kb_id_) for ent in ents] == [(0, 2, "Q7259")]
    assert [(span.start, span.end) for span in blocked] == [(3, 4), (4, 5)]
