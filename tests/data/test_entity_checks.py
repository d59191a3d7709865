"""What is wrong with entities is found, with the document that it is in."""

import ast
import re
from collections import Counter

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example

from spacy_crf_tagger.data.corpus_reading import read_located
from spacy_crf_tagger.data.entity_checks import check_entities
from spacy_crf_tagger.data.entity_comparison import (
    ambiguous_forms,
    count_unseen,
    expected_shift,
    label_shift,
)
from spacy_crf_tagger.data.entity_counts import EntityCounts
from spacy_crf_tagger.data.findings import MOST_PLACES
from spacy_crf_tagger.data.tag_checks import TagCounts, check_tags, compare_tags
from tests.helpers.paths import ROOT

NLP = spacy.blank("en")


def doc_of(words, ents=(), sent_starts=None, spaces=None, default="outside"):
    doc = Doc(NLP.vocab, words=words.split("|"), sent_starts=sent_starts, spaces=spaces)
    doc.set_ents([Span(doc, *ent) for ent in ents], default=default)
    return doc


def save(path, *docs):
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def count(part, path, others=None, window=None, **settings):
    counts = EntityCounts(part, window)
    for located in read_located(Corpus(path, **settings), NLP, part):
        counts.add(located, others.texts if others is not None else None)
    return counts


@pytest.fixture
def check(tmp_path):
    """Checks documents of train, and of dev, which has what train has unless it is
    given.
    """

    def run(train, dev=None, window=None, reader=None, **options):
        if dev is None:
            dev = [doc_of("Elsewhere|Ada|slept", [(1, 2, "PERSON")])]
        reader = reader or {}
        first = count("train", save(tmp_path / "train.spacy", *train), None, window)
        second = save(tmp_path / "dev.spacy", *dev)
        counts = [first, count("dev", second, first, window, **reader)]
        found = check_entities(*counts, **options)
        return {(finding.kind, finding.part): finding for finding in found}

    return run


GOOD = [doc_of("We|met|Ada", [(2, 3, "PERSON")]), doc_of("Clouds|all|night")]


def test_nothing_is_wrong_with_good_data(check):
    found = check(GOOD)
    assert not [finding for finding in found.values() if finding.harm]
    assert set(found) == {("few-documents", "train"), ("low-count", "train")}


@pytest.mark.parametrize(
    ("doc", "kind", "text"),
    [
        (
            doc_of("Ne|wYork", [(0, 1, "PLACE")], spaces=[False, False]),
            "misaligned",
            "Ne",
        ),
        (doc_of("Ada|\n|slept", [(0, 2, "PERSON")]), "whitespace", "Ada \n"),
        (doc_of(" |Ada", [(0, 2, "PERSON")]), "whitespace", "  Ada"),
        (doc_of("we|saw|!Ada", [(2, 3, "!PERSON")]), "negated", "!Ada"),
    ],
)
def test_entity_that_cannot_be_learned(check, tmp_path, doc, kind, text):
    finding = check([*GOOD, doc])[kind, "train"]
    assert finding.harm
    assert finding.count == 1
    [place] = finding.places
    assert place.file == str(tmp_path / "train.spacy")
    assert place.document == 3
    assert place.found == text == doc.text[place.start : place.end]
    assert place.label == doc.ents[0].label_
    assert place.context == doc.text.strip()


def test_reference_without_spaces_is_aligned_as_it_is(check):
    doc = doc_of("Ne|w:York", [(0, 1, "PERSON")])
    assert doc.has_unknown_spaces
    assert ("misaligned", "train") not in check([*GOOD, doc])


@pytest.mark.parametrize("knows_sentences", [True, False])
def test_entity_across_sentences_does_harm_where_these_are_known(
    check, knows_sentences
):
    starts = [True, False, True, False]
    doc = doc_of("We|met|Ada|here", [(1, 3, "PERSON")], sent_starts=starts)
    finding = check([*GOOD, doc], knows_sentences=knows_sentences)["crossing", "train"]
    assert finding.harm == knows_sentences
    assert finding.places[0].found == "met Ada"


def test_entity_that_is_longer_than_the_window(check):
    doc = doc_of("a|b|c|d", [(0, 3, "PERSON")])
    finding = check([*GOOD, doc], window=2)["long", "train"]
    assert "window of 2 tokens" in finding.message
    assert ("long", "train") not in check([*GOOD, doc], window=3)
    assert ("long", "train") not in check([*GOOD, doc])


def test_text_on_both_sides_of_the_split(check, tmp_path):
    dev = [
        doc_of("Clouds|all|day"),
        doc_of("We|\n|met|Ada", [(3, 4, "PERSON")]),
        doc_of("We|met|Ada", [(2, 3, "PLACE")]),
    ]
    finding = check(GOOD, dev)["shared", "dev"]
    assert finding.harm
    assert finding.count == 2
    assert "1 of them with other entities" in finding.message
    assert [place.document for place in finding.places] == [2, 3]
    assert finding.places[0].label == f"as {tmp_path / 'train.spacy'}, document 1"


def test_text_that_is_repeated_in_a_part(check):
    again = doc_of("We|met|Ada", [(0, 1, "PERSON")])
    found = check([*GOOD, GOOD[0], again])
    assert found["repeated", "train"].places[0].document == 3
    assert not found["repeated", "train"].harm
    assert found["contradicting", "train"].places[0].document == 4
    assert found["contradicting", "train"].harm


def test_labels_of_the_parts_and_of_the_pipeline(check):
    dev = [doc_of("Vega", [(0, 1, "STAR")]), doc_of("Ada", [(0, 1, "PERSON")])]
    found = check(GOOD, dev)
    assert found["unknown-label", "dev"].harm
    assert "'STAR' of dev (1)" in found["unknown-label", "dev"].message
    assert ("new-label", "train") not in found
    found = check(GOOD, dev, configured=["PLACE"], learned=["STAR"])
    assert ("unknown-label", "dev") not in found
    assert "'PERSON' of train (1)" in found["new-label", "train"].message
    assert "'STAR' of the pipeline" in found["unused-label", "train"].message


def test_how_much_there_is(check):
    missing = doc_of("We|met|Ada", default="missing")
    found = check([missing], [])
    assert found["no-entities", "train"].harm
    assert found["no-documents", "dev"].harm
    assert found["no-annotation", "train"].count == 1
    # Of distinct texts, for these are no repetitions.
    many = [doc_of(f"Ada|{n}", [(0, 1, "PERSON")]) for n in range(120)]
    found = check(many)
    assert not found
    found = check(many[:40])
    assert {kind for kind, _ in found} == {"few-documents", "low-count", "always-there"}


def test_places_are_counted_and_the_first_ones_kept(check):
    many = [doc_of(f"{n}|\n", [(0, 2, "PERSON")]) for n in range(MOST_PLACES + 5)]
    finding = check([*GOOD, *many])["whitespace", "train"]
    assert finding.count == MOST_PLACES + 5
    assert len(finding.places) == MOST_PLACES
    assert finding.to_dict()["places"][0]["document"] == 3


def test_labels_that_are_distributed_differently(check):
    def docs(n, label, word):
        return [doc_of(f"{word}|{i}", [(0, 1, label)]) for i in range(n)]

    train = [*docs(60, "A", "a"), *docs(60, "B", "b")]
    found = check(train, [*docs(60, "A", "c"), *docs(60, "B", "d")])
    assert ("label-shift", "dev") not in found
    found = check(train, [*docs(110, "A", "c"), *docs(10, "B", "d")])
    assert "42% of the entities" in found["label-shift", "dev"].message
    # As large, but of so few entities that it is no surprise.
    assert ("label-shift", "dev") not in check(train, docs(1, "A", "c"))


def test_documents_are_counted_as_the_reader_makes_them(tmp_path):
    starts = [True, False, True, False]
    sentences = doc_of("We|left|Ada|slept", [(2, 3, "PERSON")], sent_starts=starts)
    whole = doc_of("We|met|Ada|again")
    path = save(tmp_path / "train.spacy", Doc(NLP.vocab), sentences, whole, sentences)
    counts = count("train", path)
    assert (counts.n_docs, counts.n_docs_without_entities) == (3, 1)
    assert [place.document for place in counts.repeated.first] == [4]
    counts = count("train", path, max_length=3)
    assert (counts.n_docs, counts.n_entities) == (4, 2)
    assert [place.document for place in counts.left_out.first] == [3]
    assert counts.repeated.count == 1
    assert count("train", path, limit=2).n_docs == 2
    assert count("train", path, gold_preproc=True).n_docs == 5
    both = tmp_path / "both"
    both.mkdir()
    for name in ("a", "b"):
        save(both / f"{name}.spacy", sentences)
    assert count("train", both).repeated.first[0].file == str(both / "b.spacy")
    for settings in ({}, {"max_length": 3}, {"limit": 2}, {"gold_preproc": True}):
        for each in (path, both):
            expected = list(Corpus(each, **settings)(NLP))
            read = read_located(Corpus(each, **settings), NLP, "train")
            texts = [located.reference.text for located in read if located.example]
            assert texts == [example.reference.text for example in expected]


def test_reader_of_another_kind_is_named_by_its_corpus():
    doc = doc_of("Ada|\n", [(0, 2, "PERSON")])

    def read(nlp):
        yield Example(nlp.make_doc(doc.text), doc)

    counts = EntityCounts("train")
    for located in read_located(read, NLP, "corpora.train"):
        counts.add(located)
    assert counts.whitespace.first[0][:2] == ("corpora.train", 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.spacy", None, "does not exist"),
        ("text.txt", b"Ada", "is no .spacy file, and holds none"),
        ("text.spacy", b"Ada", "cannot be read as a .spacy file"),
    ],
)
def test_file_that_cannot_be_read(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} {message}.*"):
        count("train", tmp_path / name)


COUNTS = st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 30))


@given(COUNTS, COUNTS)
def test_label_shift_is_a_distance(first, second):
    shift = label_shift(first, second)
    if not sum(first.values()) or not sum(second.values()):
        assert shift is expected_shift(first, second) is None
        return
    assert -1e-9 <= shift <= 1 + 1e-9
    assert shift == pytest.approx(label_shift(second, first))
    assert label_shift(first, {k: 2 * n for k, n in first.items()}) < 1e-9
    used = [{label for label, n in part.items() if n} for part in (first, second)]
    assert (shift > 1 - 1e-9) == (not used[0] & used[1])


def test_shift_by_chance_is_what_samples_of_one_distribution_have():
    rng = np.random.default_rng(0)
    shares = [0.5, 0.25, 0.15, 0.1]
    shifts, expected = [], []
    for _ in range(300):
        parts = [
            dict(enumerate(rng.multinomial(n, shares).tolist())) for n in (400, 100)
        ]
        shifts.append(label_shift(*parts))
        expected.append(expected_shift(*parts))
    assert np.mean(expected) == pytest.approx(np.mean(shifts), rel=0.05)


def test_forms_that_are_new_and_forms_with_several_labels():
    train, dev = EntityCounts("train"), EntityCounts("dev")
    train.forms = {
        "Vega": Counter(STAR=3, PERSON=1),
        "Ada": Counter(PERSON=9),
        "Lyra": Counter(STAR=1),
    }
    dev.forms = {
        "Ada": Counter(PERSON=2),
        "Ruth": Counter(PERSON=5),
        "Lyra": Counter(PLACE=1),
    }
    assert count_unseen(train, dev) == (3, 1, 8, 5)
    found = ambiguous_forms([train, dev])
    assert found == [
        ("Vega", {"STAR": 3, "PERSON": 1}),
        ("Lyra", {"STAR": 1, "PLACE": 1}),
    ]
    assert ambiguous_forms([train, dev], most=1) == found[:1]


def tagged(words, tags):
    return Doc(NLP.vocab, words=words.split(), tags=tags.split())


def test_tags(tmp_path):
    parts = []
    for part, docs in (
        ("train", [tagged("the run", "D N"), tagged("we run we", "P V P")]),
        ("dev", [tagged("we swim !", "P V X"), Doc(NLP.vocab, words=["run"])]),
    ):
        counts = TagCounts(part, "TAG")
        corpus = Corpus(save(tmp_path / f"{part}.spacy", *docs))
        for located in read_located(corpus, NLP, part):
            counts.add(located)
        parts.append(counts)
    compared = compare_tags(*parts)
    assert compared["ambiguous_tokens"] == pytest.approx(2 / 5)
    assert compared["unseen_tokens"] == pytest.approx(2 / 3)
    assert compared["ambiguous_words"] == [{"form": "run", "labels": {"N": 1, "V": 1}}]
    found = {finding.kind: finding for finding in check_tags(*parts)}
    assert found["unknown-tag"].harm
    assert "'X' of dev (1)" in found["unknown-tag"].message
    assert found["missing-tags"].count == 1
    [nothing] = check_tags(parts[0], TagCounts("dev", "TAG"))
    assert (nothing.kind, nothing.harm) == ("no-tags", True)


def test_page_has_every_kind_of_finding():
    rooms = ROOT / "spacy_crf_tagger" / "data"
    kinds = set()
    for name in ("entity_checks", "tag_checks"):
        calls = ast.walk(ast.parse((rooms / f"{name}.py").read_text("utf8")))
        kinds |= {
            call.args[0].value
            for call in calls
            if isinstance(call, ast.Call)
            and getattr(call.func, "id", "") in ("Finding", "_of_places")
            and isinstance(call.args[0], ast.Constant)
        }
    page = (ROOT / "docs" / "check.md").read_text("utf8")
    rows = re.findall(r"^\| (`.+?) \| ", page, re.M)
    assert len(kinds) > 10
    assert kinds == {kind for row in rows for kind in re.findall("`([a-z-]+)`", row)}
