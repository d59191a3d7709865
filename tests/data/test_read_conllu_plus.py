"""CoNLL-U Plus with a column of named entities."""

import pytest

from spacy_crf_tagger.data import read_conllu_plus as kinds
from spacy_crf_tagger.data import sentences
from spacy_crf_tagger.data.source import UnreadableError

from .examples import entities_of, iobs_of, read_all

HEADER = "# global.columns = ID FORM UPOS MISC NER\n"
ADA = (
    "1\tAda\tPROPN\t_\tB-PER\n"
    "2\tMerrick\tPROPN\tSpaceAfter=No\tI-PER\n"
    "3\t.\tPUNCT\t_\tO\n"
)


def read(text, nlp, **options):
    return read_all(kinds.read_conllu_plus, text, nlp.vocab, **options)


def test_tokens_and_their_entities(nlp):
    text = f"{HEADER}# newdoc id = a\n# sent_id = 1\n# text = Ada Merrick.\n{ADA}\n"
    reading = read(text, nlp)
    assert reading.problems == []
    [doc] = reading.docs
    assert doc.text == "Ada Merrick. "
    assert entities_of(doc) == [("Ada Merrick", "PER")]


@pytest.mark.parametrize(
    "name", ["NER", "NE", "ner_tag", "SANCL:NE", "FLAIR:NER", "BIO"]
)
def test_names_of_the_column(nlp, name):
    assert read(HEADER.replace("NER", name) + ADA, nlp).docs[0].ents


def test_the_column_may_be_named(nlp):
    text = HEADER.replace("NER", "MINE") + ADA
    with pytest.raises(
        UnreadableError, match=r"ID FORM UPOS MISC MINE.*--label-column"
    ):
        read(text, nlp)
    assert read(text, nlp, label_column=4).docs[0].ents


def test_documents_begin_with_newdoc(nlp):
    text = HEADER + f"# newdoc\n{ADA}\n{ADA}\n# newdoc id = b\n{ADA}\n"
    assert [len(doc) for doc in read(text, nlp, n_sents=0).docs] == [6, 3]
    assert [len(doc) for doc in read(text, nlp).docs] == [3, 3, 3]


def test_what_is_unspecified_is_missing(nlp):
    reading = read(f"{HEADER}1\ta\t_\t_\t_\n2\tb\t_\t_\t*\n3\tc\t_\t_\tB-X\n", nlp)
    assert iobs_of(reading.docs[0]) == "?OB"


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["_", "O", "O"], "OO"),
        (["_", "B-LOC", "I-LOC"], "BO"),
        (["_", "B-LOC", "L-LOC"], "BO"),
        (["*", "_", "_"], "?O"),
        (["B-LOC", "O", "O"], "BO"),
        (["_", "O", "B-LOC"], "?O"),
        (["_", "B-LOC", "B-LOC"], "?O"),
    ],
)
def test_multiword_tokens(nlp, tags, found):
    own, first, second = tags
    lines = (
        f"1-2\tdu\t_\tSpaceAfter=No\t{own}\n1\tde\t_\t_\t{first}\n"
        f"2\tle\t_\t_\t{second}\n2.1\tgone\t_\t_\tO\n3\tnord\t_\t_\tO\n"
    )
    reading = read(HEADER + lines, nlp)
    [doc] = reading.docs
    assert doc.text == "dunord "
    assert iobs_of(doc) == found
    is_cut = found == "?O" and own == "_"
    assert [p.kind for p in reading.problems] == [kinds.INNER_BORDER] * is_cut
    assert [p.line for p in reading.problems] == [2] * is_cut


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("3\tc\t_\t_\tX\n", sentences.UNKNOWN_TAG),
        ("3\tc\t_\tO\n", sentences.TOO_FEW_COLUMNS),
        ("3\tc\t_\t_\t_\tO\n", sentences.TOO_MANY_COLUMNS),
        ("3\t \t_\t_\tO\n", sentences.NO_TOKEN),
    ],
)
def test_damaged_lines_are_reported(nlp, line, kind):
    reading = read(HEADER + ADA.replace("3\t.\tPUNCT\t_\tO\n", line), nlp)
    assert [(p.line, p.kind) for p in reading.problems] == [(4, kind)]
    # Nobody knows whether the entity goes on.
    assert "B" not in iobs_of(reading.docs[0])


@pytest.mark.parametrize("text", ["", ADA, "# global.columns = ID LEMMA NER\n" + ADA])
def test_columns_must_be_named(nlp, text):
    with pytest.raises(UnreadableError, match="columns"):
        read(text, nlp)
