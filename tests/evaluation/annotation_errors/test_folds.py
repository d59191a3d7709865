import pytest
import spacy
from spacy.tokens import DocBin
from thinc.api import Config

from spacy_crf_tagger.cli.recipes import recipe_config
from spacy_crf_tagger.evaluation.annotation_errors.folds import (
    FoldFiles,
    assign_parts,
    write_fold,
)
from spacy_crf_tagger.evaluation.annotation_errors.training import fold_config

TEXTS = [f"text {n % 20}" for n in range(50)]


def test_parts_are_even_and_the_same_text_is_in_one():
    parts = assign_parts(TEXTS, 4, seed=1)
    sizes = [parts.count(part) for part in range(4)]
    assert max(sizes) - min(sizes) <= 3
    assert len({*zip(TEXTS, parts, strict=True)}) == 20
    assert parts == assign_parts([f" {text}\n" for text in TEXTS], 4, seed=1)
    assert parts != assign_parts(TEXTS, 4, seed=2)


def test_too_few_texts_are_refused():
    with pytest.raises(ValueError, match="1 different texts"):
        assign_parts(["a b", "a  b"], 2)


def texts_in(path):
    vocab = spacy.blank("en").vocab
    return [doc.text for doc in DocBin().from_disk(path).get_docs(vocab)]


def test_what_is_held_out_is_not_learned(tmp_path):
    nlp = spacy.blank("en")
    folds, dev = assign_parts(TEXTS, 3), assign_parts(TEXTS, 5, seed=1)
    files = write_fold(map(nlp, TEXTS), folds, 1, tmp_path, dev_parts=dev)
    held_out = {t for t, fold in zip(TEXTS, folds, strict=True) if fold == 1}
    train, chosen = (texts_in(path) for path in files)
    assert len(train) + len(chosen) + folds.count(1) == len(TEXTS)
    assert {*train}.isdisjoint(chosen)
    assert {*train, *chosen}.isdisjoint(held_out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dev.spacy",
        "train.spacy",
    ]


def test_a_fold_needs_documents_to_train_on(tmp_path):
    docs = map(spacy.blank("en"), ["a", "b"])
    with pytest.raises(ValueError, match="choose the best step by"):
        write_fold(docs, [0, 1], 0, tmp_path, dev_parts=[0, 1])


def test_config_of_a_fold(tmp_path):
    files = FoldFiles(tmp_path / "train.spacy", tmp_path / "dev.spacy")
    config = recipe_config(["crf_ner"])
    before = config.to_str()
    own = fold_config(config, files, 7, {"crf_ner": ["A", "B"]}).interpolate()
    assert config.to_str() == before
    assert own["corpora"]["train"]["path"] == str(files.train)
    assert own["corpora"]["dev"]["path"] == str(files.dev)
    assert own["training"]["seed"] == 7
    assert own["initialize"]["components"]["crf_ner"] == {"labels": ["A", "B"]}


@pytest.mark.parametrize("paths", [{}, {"train": None, "dev": None}])
def test_config_that_reads_something_else_is_refused(tmp_path, paths):
    files = FoldFiles(tmp_path / "train.spacy", tmp_path / "dev.spacy")
    config = Config(
        {
            "paths": paths,
            "corpora": {"train": {"path": "mine.spacy"}},
            "training": {"seed": 0},
        }
    )
    with pytest.raises(ValueError, match=r"paths\.train"):
        fold_config(config, files, 0, {})
