import pytest
import spacy
from spacy.tokens import DocBin
from thinc.api import Config

from spacy_crf_tagger.cli.recipes import recipe_config
from spacy_crf_tagger.evaluation.annotation_errors.folds import (
    FoldFiles,
    assign_dev,
    assign_parts,
    keys_of,
    write_fold,
)
from spacy_crf_tagger.evaluation.annotation_errors.training import fold_config

TEXTS = [f"text {n % 20}" for n in range(50)]
KEYS = keys_of(TEXTS)


def test_parts_are_even_and_the_same_text_is_in_one():
    parts = assign_parts(KEYS, 4, seed=1)
    sizes = [parts.count(part) for part in range(4)]
    assert max(sizes) - min(sizes) <= 3
    assert len({*zip(TEXTS, parts, strict=True)}) == 20
    spaced = keys_of(f" {text}\n" for text in TEXTS)
    assert parts == assign_parts(spaced, 4, seed=1)
    assert parts != assign_parts(KEYS, 4, seed=2)


def test_too_few_texts_are_refused():
    with pytest.raises(ValueError, match="1 different texts"):
        assign_parts(keys_of(["a b", "a  b"]), 2)


def texts_in(path):
    vocab = spacy.blank("en").vocab
    return [doc.text for doc in DocBin().from_disk(path).get_docs(vocab)]


def test_what_is_held_out_is_not_learned(tmp_path):
    nlp = spacy.blank("en")
    folds = assign_parts(KEYS, 3)
    is_dev = assign_dev(KEYS, folds, seed=1)
    files = write_fold(map(nlp, TEXTS), folds, is_dev, 1, tmp_path)
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
    folds = [0, 1]
    is_dev = assign_dev(keys_of(["a", "b"]), folds)
    with pytest.raises(ValueError, match="no document to train on"):
        write_fold(docs, folds, is_dev, 0, tmp_path)


@pytest.mark.parametrize("n_texts", [4, 12, 200])
def test_every_fold_has_documents_that_choose_the_best_step(n_texts):
    keys = keys_of(f"text {n // 2}" for n in range(2 * n_texts))
    for seed in range(10):
        folds = assign_parts(keys, 2, seed)
        is_dev = assign_dev(keys, folds, seed)
        chosen = {*zip(folds, keys, is_dev, strict=True)}
        assert {fold for fold, _, is_chosen in chosen if is_chosen} == {0, 1}
        # The same text is on one side.
        assert len(chosen) == n_texts
        assert sum(is_dev) <= max(2 * n_texts / 10 + 2, 4)


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
