"""A component of plain tags, built on `CRFPipe` as a new component would be."""

from itertools import chain, product

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed, registry

from spacy_crf_tagger.crf import PlainTags, tag_posterior, viterbi
from spacy_crf_tagger.crf.arrays import to_numpy
from spacy_crf_tagger.pipeline.annotation import UNKNOWN, TagAnnotation
from spacy_crf_tagger.pipeline.base import CRFPipe
from tests.helpers.component import small_model

TRAIN = [
    ("the dog sees a cat", "D N V D N"),
    ("a cat sees", "D N V"),
    ("dogs see the cat", "N V D N"),
    ("the dogs run", "D N V"),
]


class WordClassTagger(CRFPipe):
    def make_tags(self, labels):
        return PlainTags(labels)

    def find_labels(self, examples):
        return sorted({token.tag_ for each in examples for token in each.y} - {""})

    def read_annotation(self, examples):
        numbers = {"": UNKNOWN, **{label: n for n, label in enumerate(self.labels)}}
        aligned = (example.get_aligned("TAG", as_string=True) for example in examples)
        names = [name or "" for name in chain.from_iterable(aligned)]
        tags = np.array([numbers.get(name, UNKNOWN) for name in names], dtype=np.int64)
        return TagAnnotation(tags, sorted(set(names) - set(numbers)))

    def analyse(self, docs, potentials):
        best = to_numpy(viterbi(self.lattice(docs, potentials)).tags)
        return np.split(best, np.cumsum(potentials.lengths)[:-1])

    def set_annotations(self, docs, predictions):
        for doc, tags in zip(docs, predictions, strict=True):
            for token, tag in zip(doc, tags, strict=True):
                token.tag_ = self.labels[tag]


def make_tagger(nlp, **settings):
    config = {"model": small_model(first_tag_bias=0.0, **settings)}
    model = registry.resolve(config)["model"]
    return WordClassTagger(nlp.vocab, model, "word_classes")


def example_of(vocab, words, tags):
    words, tags = words.split(), tags.split()
    tags = ["" if tag == "?" else tag for tag in tags]
    return Example(Doc(vocab, words=words), Doc(vocab, words=words, tags=tags))


@pytest.fixture
def nlp():
    fix_random_seed(0)
    return spacy.blank("en")


@pytest.fixture
def examples(nlp):
    return [example_of(nlp.vocab, *each) for each in TRAIN]


@pytest.fixture
def tagger(nlp, examples):
    tagger = make_tagger(nlp)
    tagger.initialize(lambda: examples, nlp=nlp)
    return tagger


def train(tagger, examples, steps=30):
    sgd = tagger.create_optimizer()
    sgd.learn_rate = 0.02
    return [tagger.update(examples, sgd=sgd)[tagger.name] for _ in range(steps)]


def tags_of(tagger, examples):
    docs = [Doc(each.x.vocab, words=[t.text for t in each.x]) for each in examples]
    return [" ".join(token.tag_ for token in doc) for doc in tagger.pipe(docs)]


def marginals(tagger, docs):
    [(_, lattice)] = tagger.lattices(docs)
    return to_numpy(tag_posterior(lattice).tags)


def test_learns_its_tags(tagger, examples):
    assert tagger.labels == ("D", "N", "V")
    losses = train(tagger, examples)
    assert losses[-1] < 0.1 * losses[0]
    assert tags_of(tagger, examples) == [tags for _, tags in TRAIN]
    assert list(tagger.pipe([])) == []
    [empty] = tagger.pipe([Doc(tagger.vocab)])
    assert len(empty) == 0


def test_no_tag_has_a_head_start(tagger, examples):
    found = marginals(tagger, [example.x for example in examples])
    np.testing.assert_allclose(found, 1 / 3, atol=1e-6)


def test_missing_tags_are_latent(nlp, tagger, examples):
    partial = example_of(nlp.vocab, "the dog sees a cat", "D N ? ? N")
    train(tagger, [*examples, partial])
    assert tags_of(tagger, [partial]) == ["D N V D N"]


def test_loss_is_the_negative_log_likelihood(nlp, tagger, examples):
    train(tagger, examples, steps=2)
    known = example_of(nlp.vocab, "a cat sees", "D N V")
    scores = tagger.model.predict([known.x])
    paths = np.array(list(product(range(3), repeat=3)))
    totals = (
        scores.emissions[np.arange(3), paths].sum(axis=1)
        + scores.transitions[paths[:, :-1], paths[:, 1:]].sum(axis=1)
        + scores.start[paths[:, 0]]
        + scores.end[paths[:, -1]]
    )
    log_z = np.logaddexp.reduce(totals)
    for tags, agreeing in (
        ("D N V", (paths == [0, 1, 2]).all(axis=1)),
        ("D ? V", (paths[:, 0] == 0) & (paths[:, 2] == 2)),
        ("? ? ?", np.full(len(paths), True)),
    ):
        example = example_of(nlp.vocab, "a cat sees", tags)
        loss, _ = tagger.get_loss([example], scores)
        expected = log_z - np.logaddexp.reduce(totals[agreeing])
        assert loss == pytest.approx(expected, abs=1e-5)


def test_new_labels_wait_for_training(tagger, examples):
    train(tagger, examples)
    docs = [example.x for example in examples]
    before = marginals(tagger, docs)
    assert tagger.add_label("X") == 1
    assert tagger.add_label("X") == 0
    after = marginals(tagger, docs)
    np.testing.assert_allclose(after[:, :3], before, atol=1e-6)
    assert not after[:, 3].any()
    train(tagger, [example_of(tagger.vocab, "a wow", "D X"), *examples])
    assert tags_of(tagger, [example_of(tagger.vocab, "a wow", "D X")]) == ["D X"]
    train(tagger, [example_of(tagger.vocab, "hm", "Y")], steps=1)
    assert tagger.labels == ("D", "N", "V", "X", "Y")


def test_is_saved_and_loaded(nlp, tagger, examples, tmp_path):
    train(tagger, examples)
    docs = [example.x for example in examples]
    for loaded in (
        make_tagger(nlp).from_bytes(tagger.to_bytes()),
        (tagger.to_disk(tmp_path), make_tagger(nlp).from_disk(tmp_path))[1],
    ):
        assert loaded.labels == tagger.labels
        np.testing.assert_array_equal(marginals(loaded, docs), marginals(tagger, docs))
    other = make_tagger(nlp)
    other.add_label("A")
    with pytest.raises(ValueError, match=r"trained for the tags \['D', 'N', 'V'\]"):
        other.from_bytes(tagger.to_bytes(), exclude=["cfg"])


def test_rehearsal_keeps_what_was_learned(tagger, examples):
    train(tagger, examples)
    sgd = tagger.create_optimizer()
    tagger._rehearsal_model = tagger.model.copy()
    loss = tagger.rehearse(examples, sgd=sgd)[tagger.name]
    assert loss == pytest.approx(0.0, abs=1e-4)


def test_temperature_flattens(tagger, examples):
    train(tagger, examples)
    docs = [example.x for example in examples]
    sharp = marginals(tagger, docs).max(axis=1)
    tagger.cfg["temperature"] = 5.0
    flat = marginals(tagger, docs).max(axis=1)
    assert (flat < sharp).all()


def test_another_models_scores_are_refused(nlp):
    model = registry.resolve({"model": small_model()["tok2vec"]})["model"]
    with pytest.raises(ValueError, match="'word_classes': its model must be built by"):
        WordClassTagger(nlp.vocab, model, "word_classes")


def test_what_it_does_not_say_is_missing(nlp):
    model = registry.resolve({"model": small_model()})["model"]
    with pytest.raises(NotImplementedError):
        CRFPipe(nlp.vocab, model, "nothing").add_label("A")
