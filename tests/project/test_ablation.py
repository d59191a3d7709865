"""What the ablation measures with: tags without constraints, and significance."""

import re
import shutil
from itertools import pairwise

import numpy as np
import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel
from seqeval.metrics.sequence_labeling import get_entities
from spacy.training import Example
from spacy.util import load_config, load_model_from_config

from benchmarks.ablation import BUDGETS, VARIANTS, counts_of, parameters
from benchmarks.ablation_report import PAGE, TAG_CORPORA, read, renewed
from benchmarks.harness.free_tags import (
    FreeTagScheme,
    FreeTagsRecognizer,
    best_tags,
    is_valid,
)
from benchmarks.harness.training import RESULTS
from spacy_crf_tagger.crf import TagScheme
from spacy_crf_tagger.crf.lattice import offsets_of
from spacy_crf_tagger.evaluation.bootstrap import f_score, paired_bootstrap
from tests.helpers.paths import ROOT
from tests.helpers.projects import run_project as run

LABELS = ["PER", "LOC"]
SCHEME = FreeTagScheme(LABELS)
SEQUENCES = st.lists(st.lists(st.integers(0, SCHEME.n_tags - 1), max_size=6))


@given(SEQUENCES)
def test_any_tags_are_read_as_seqeval_reads_them(sequences):
    """Spans do not cross the ends of sequences, valid or not."""
    tags = np.array([tag for each in sequences for tag in each], np.int64)
    lengths = np.array([len(each) for each in sequences], np.int64)
    found = SCHEME.read(tags, lengths)
    names = str.maketrans("LU", "ES")  # as seqeval calls them
    expected = []
    for first, sequence in zip(offsets_of(lengths).tolist(), sequences, strict=False):
        words = [SCHEME.tags[tag] for tag in sequence]
        words = [word[0].translate(names) + word[1:] for word in words]
        for label, start, last in get_entities(words):
            expected.append((first + start, first + last + 1, LABELS.index(label)))
    assert list(zip(*map(np.ndarray.tolist, found), strict=True)) == expected


@given(SEQUENCES)
def test_what_is_valid_is_read_as_ever(sequences):
    scheme = TagScheme(LABELS)
    valid = [s for s in sequences if is_valid(np.array(s, np.int64), SCHEME)]
    tags = np.array([tag for each in valid for tag in each], np.int64)
    found = SCHEME.read(tags, np.array([len(each) for each in valid], np.int64))
    for ours, theirs in zip(found, scheme.decode(tags), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("tags", "valid"),
    [
        ([], True),
        (["O", "B-PER", "L-PER", "U-LOC"], True),
        (["I-PER", "L-PER"], False),
        (["O", "B-PER"], False),
        (["B-PER", "L-LOC"], False),
    ],
)
def test_validity(tags, valid):
    numbers = np.array([SCHEME.tags.index(tag) for tag in tags], np.int64)
    assert is_valid(numbers, SCHEME) == valid


@pytest.fixture(scope="module")
def nlp():
    """An untrained pipeline whose tags are free, and mostly invalid."""
    import benchmarks.harness.free_tags  # noqa: F401, for its factory

    overrides = {"components.crf_ner.factory": "crf_ner_free_tags"}
    config = load_config(ROOT / "configs" / "crf_ner.cfg", overrides=overrides)
    nlp = load_model_from_config(config, auto_fill=True)
    spacy.util.fix_random_seed(0)
    gold = {"entities": [(0, 3, "PER"), (8, 14, "LOC")]}
    examples = [Example.from_dict(nlp.make_doc("Ann saw Torvik"), gold)]
    nlp.initialize(lambda: examples)
    network = nlp.get_pipe("crf_ner").model.layers[-1].shims[0].built
    network.emission.weight.data.normal_()
    return nlp


def test_free_tags_are_those_of_the_largest_scores(nlp):
    """And the entities are what they can be read as, with their probabilities."""
    component = nlp.get_pipe("crf_ner")
    assert isinstance(component, FreeTagsRecognizer)
    texts = ["Ann saw Torvik", "", "Torvik saw Ann and Bo on a hill by the sea ."]
    docs = [nlp.make_doc(text) for text in texts]
    network = component.model.layers[-1].shims[0].built
    for parameter in (network.transitions, network.start, network.end):
        parameter.data *= 0.0
    emissions = component.model.predict(docs).emissions
    tags = best_tags(component, docs)
    np.testing.assert_array_equal(np.concatenate(tags), emissions.argmax(1))
    assert not all(is_valid(each, component.scheme) for each in tags)
    for doc, own in zip(nlp.pipe(texts), tags, strict=True):
        spans = component.scheme.read(own, np.array([len(doc)]))
        assert [ent.start for ent in doc.ents] == spans.start.tolist()
        assert len(doc.spans["crf_ner"].attrs["scores"]) == len(doc.ents)


def test_free_weights_load_with_constraints(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    overrides = {"components.crf_ner.factory": "crf_ner"}
    constrained = spacy.load(tmp_path, config=overrides).get_pipe("crf_ner")
    assert type(constrained.scheme) is TagScheme
    doc = nlp.make_doc("Torvik saw Ann and Bo on a hill by the sea .")
    [tags] = best_tags(constrained, [doc])
    assert is_valid(tags, constrained.scheme)
    assert parameters(nlp) == parameters(spacy.load(tmp_path, config=overrides))


def test_counts_and_f(nlp):
    doc, gold = nlp.make_doc("Ann saw Torvik"), {"entities": [(0, 3, "PER")]}
    examples = [Example.from_dict(doc, gold), Example.from_dict(doc.copy(), gold)]
    span = examples[0].predicted.char_span
    examples[0].predicted.ents = [span(0, 3, "PER"), span(8, 14, "PER")]
    counts = counts_of(examples)
    assert counts.tolist() == [[1, 2, 1], [0, 0, 1]]
    assert f_score(counts.sum(0)) == pytest.approx(2 * 1 / (2 + 2))
    assert f_score(np.zeros(3, np.int64)) == 0.0


def random_counts(rng, right, seeds=2, documents=400):
    """Each document has two entities and as many predictions."""
    correct = rng.binomial(2, right, size=(seeds, documents))
    return np.stack([correct, np.full_like(correct, 2), np.full_like(correct, 2)], -1)


def test_bootstrap_sees_what_is_there_and_no_more():
    rng = np.random.default_rng(0)
    better, worse = random_counts(rng, 0.8), random_counts(rng, 0.6)
    assert paired_bootstrap(better, worse, 1000) < 0.01
    assert paired_bootstrap(worse, better, 1000) < 0.01
    assert paired_bootstrap(worse, worse, 1000) == 1.0


def test_bootstrap_agrees_with_a_t_test():
    """Where each document has as many entities, F is a mean over the documents."""
    for seed, right in enumerate((0.6, 0.62, 0.64, 0.66)):
        rng = np.random.default_rng(seed)
        ours = random_counts(rng, right, seeds=1)
        theirs = random_counts(rng, 0.6, seeds=1)
        expected = ttest_rel(ours[0, :, 0], theirs[0, :, 0]).pvalue
        assert paired_bootstrap(ours, theirs, 4000) == pytest.approx(expected, abs=0.03)


def test_page_shows_the_committed_results():
    results, tags = read(RESULTS), read(RESULTS, TAG_CORPORA)
    assert set(results) == set(BUDGETS)
    assert set(tags) == set(TAG_CORPORA)
    speed = srsly.read_json(RESULTS / "ablation-speed.json")
    text = PAGE.read_text("utf8")
    assert renewed(text, results, tags, speed) == text


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_workflow_ablation_quick(tmp_path):
    """All variants are trained, scored, timed and reported."""
    for name in ("configs", "benchmarks", "assets", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.spacy")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("project.yml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    run(tmp_path, "run", "ablation-quick")
    folder = tmp_path / "training" / "ablation" / "quick"
    result = srsly.read_json(folder / "ablation-astronomy.json")
    means = result["mean"]
    assert list(means) == list(VARIANTS)
    for name, mean in means.items():
        free = name in ("BiLSTM + softmax", "BiLSTM-CRF without constraints")
        assert (mean["invalid"] > 0) == free, name
    assert means["BiLSTM-CRF"]["test_f"] > means["BiLSTM + softmax"]["test_f"]
    page = (folder / PAGE.name).read_text("utf8")
    rows = re.findall(r"^\| BiLSTM-CRF \|.*$", page, re.MULTILINE)
    assert len(rows) == 4
    for before, after in pairwise(rows):
        assert before != after
    assert len(list(folder.glob("*.svg"))) == 3
