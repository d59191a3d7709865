"""The component `crf_tagger` as a user meets it."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Token
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy.vocab import Vocab

from tests.helpers.component import small_model

TRAIN = [
    ("the dog sees a cat", "D N V D N"),
    ("a cat sees", "D N V"),
    ("dogs see the cat", "N V D N"),
    ("the dogs run", "D N V"),
    ("", ""),
]
PARTS = {"D": "DET", "N": "NOUN", "V": "VERB"}


@pytest.fixture(autouse=True)
def extension():
    Token.set_extension("chunk", default=None, force=True)
    yield
    Token.remove_extension("chunk")


def make_nlp(**config):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = small_model(first_tag_bias=0.0)
    nlp.add_pipe("crf_tagger", config={"model": model, **config})
    return nlp


def reference(vocab, words, tags, attribute="TAG"):
    doc = Doc(vocab, words=words.split())
    for token, tag in zip(doc, tags.split(), strict=True):
        if tag == "?":
            continue
        if attribute == "POS":
            token.pos_ = PARTS[tag]
        elif attribute == "_.chunk":
            token._.chunk = tag
        else:
            token.tag_ = tag
    return doc


def example_of(vocab, words, tags, attribute="TAG"):
    gold = reference(vocab, words, tags, attribute)
    return Example(Doc(vocab, words=words.split()), gold)


def examples_of(nlp, attribute="TAG", data=TRAIN):
    return [example_of(nlp.vocab, *each, attribute) for each in data]


def train(nlp, examples, steps=40, **initialize):
    nlp.get_pipe("crf_tagger")
    nlp.config["initialize"]["components"]["crf_tagger"] = initialize
    sgd = nlp.initialize(lambda: examples)
    sgd.learn_rate = 0.02
    for _ in range(steps):
        losses = nlp.update(examples, sgd=sgd)
    return losses["crf_tagger"]


def trained(attribute="TAG", data=TRAIN, steps=40, initialize=None, **config):
    nlp = make_nlp(attribute=attribute, **config)
    train(nlp, examples_of(nlp, attribute, data), steps, **(initialize or {}))
    return nlp


def values(doc, attribute="TAG"):
    if attribute == "_.chunk":
        return [token._.chunk for token in doc]
    return [token.tag_ if attribute == "TAG" else token.pos_ for token in doc]


def blank(nlp, words):
    return Doc(nlp.vocab, words=words.split())


@pytest.mark.parametrize(
    ("attribute", "score"),
    [("TAG", "tag_acc"), ("POS", "pos_acc"), ("_.chunk", "chunk_acc")],
)
def test_tags_any_attribute(attribute, score):
    nlp = trained(attribute)
    for words, tags in TRAIN:
        expected = tags.split()
        if attribute == "POS":
            expected = [PARTS[tag] for tag in expected]
        assert values(nlp(blank(nlp, words)), attribute) == expected
    assert nlp.evaluate(examples_of(nlp, attribute))[score] == 1.0
    worse = example_of(nlp.vocab, "a cat sees", "D N N", attribute)
    assert nlp.evaluate([worse])[score] == pytest.approx(2 / 3)
    assert nlp.evaluate([Example(worse.x, blank(nlp, "a cat sees"))])[score] is None


def test_batches_and_reloaded_pipelines_agree(tmp_path):
    nlp = trained()
    nlp.to_disk(tmp_path)
    texts = [words for words, _ in TRAIN] * 5
    expected = [values(nlp(text)) for text in texts]
    for other in (nlp, spacy.load(tmp_path)):
        for batch_size in (1, 3, 100):
            docs = other.pipe(texts, batch_size=batch_size)
            assert [values(doc) for doc in docs] == expected


def test_tags_that_are_set_are_kept_and_decide_on_the_rest():
    nlp = trained(data=[("a b", "X X"), ("a b", "Y Y")], steps=20)
    for tag in ("X", "Y"):
        doc = blank(nlp, "a b")
        doc[0].tag_ = tag
        assert values(nlp(doc)) == [tag, tag]
    # A tag that is none of its labels says nothing, and stays.
    doc = blank(nlp, "a b")
    doc[0].tag_ = "Z"
    assert values(nlp(doc))[0] == "Z"
    nlp.get_pipe("crf_tagger").cfg["overwrite"] = True
    doc = blank(nlp, "a b")
    doc[0].tag_ = "Z"
    assert values(nlp(doc))[0] in ("X", "Y")


def test_missing_and_misaligned_tags_are_latent():
    nlp = make_nlp()
    vocab = nlp.vocab
    merged = Example(
        Doc(vocab, words=["the", "dogs", "run"], spaces=[True, True, False]),
        Doc(
            vocab,
            words=["the", "do", "gs", "run"],
            spaces=[True, False, True, False],
            tags=["D", "N", "V", "V"],
        ),
    )
    tagger = nlp.get_pipe("crf_tagger")
    for label in "DNV":
        tagger.add_label(label)
    annotation = tagger.read_annotation([merged])
    assert annotation.tags.tolist() == [0, -1, 2]
    examples = [*examples_of(nlp), example_of(vocab, "the dog runs", "D ? V"), merged]
    train(nlp, examples)
    assert values(nlp(blank(nlp, "the dog runs"))) == ["D", "N", "V"]
    # Nothing is learned from a document without annotation.
    unknown = example_of(vocab, "a cat sees", "? ? ?")
    loss, gradients = tagger.get_loss([unknown], tagger.model.predict([unknown.x]))
    assert loss == pytest.approx(0.0, abs=1e-5)
    assert np.abs(gradients.emissions).max() < 1e-6


def test_tags_that_are_known_to_be_wrong_are_unlearned():
    nlp = trained()
    negative = example_of(nlp.vocab, "the dogs run", "D !N V")
    sgd = nlp.create_optimizer()
    sgd.learn_rate = 0.02
    for _ in range(40):
        nlp.update([negative], sgd=sgd)
    tags = values(nlp(blank(nlp, "the dogs run")))
    assert tags[1] != "N"
    assert "!N" not in nlp.get_pipe("crf_tagger").labels
    # A wrong tag that is no label says nothing.
    tagger = nlp.get_pipe("crf_tagger")
    nothing = example_of(nlp.vocab, "the dogs run", "!A !B !C")
    scores = tagger.model.predict([nothing.x])
    assert tagger.get_loss([nothing], scores)[0] == pytest.approx(0.0, abs=1e-5)


def test_label_smoothing_is_the_expected_likelihood():
    share = 0.3
    nlp = trained(label_smoothing=share, steps=2)
    tagger = nlp.get_pipe("crf_tagger")
    words, gold = "a cat sees", [0, 1, 2]
    example = example_of(nlp.vocab, words, "D N V")
    scores = tagger.model.predict([example.x])
    loss, gradients = tagger.get_loss([example], scores)
    tagger.cfg["label_smoothing"] = 0.0
    expected = 0.0
    mean = np.zeros((3, 3))
    for path in np.ndindex(3, 3, 3):
        weights = [
            1 - share if tag == right else share / 2
            for tag, right in zip(path, gold, strict=True)
        ]
        tags = " ".join(tagger.labels[tag] for tag in path)
        other = example_of(nlp.vocab, words, tags)
        value, of_path = tagger.get_loss([other], scores)
        expected += np.prod(weights) * value
        mean += np.prod(weights) * of_path.transitions
    assert loss == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradients.transitions, mean, atol=1e-5)


def test_forbidden_pairs_never_follow_each_other():
    data = [("a b", "X Y"), ("b", "Y"), ("c a", "X X")]
    nlp = trained(data=data, forbidden_pairs=[["Y", "X"]])
    tagger = nlp.get_pipe("crf_tagger")
    docs = [blank(nlp, "a b a b b a c")]
    for analysis in tagger.k_best(docs, 50)[0]:
        assert ("Y", "X") not in set(
            zip(analysis.tags, analysis.tags[1:], strict=False)
        )
    with pytest.raises(ValueError, match=r"no way to tag document 0.*forbidden"):
        nlp.update([example_of(nlp.vocab, "b a", "Y X")])
    contradicting = blank(nlp, "b a")
    contradicting[0].tag_, contradicting[1].tag_ = "Y", "X"
    with pytest.raises(ValueError, match="no way to tag"):
        nlp(contradicting)
    with pytest.raises(ValueError, match=r"forbidden_pairs names \['Q'\]"):
        trained(forbidden_pairs=[["Q", "D"]])


def test_tag_dictionary_restricts_known_words():
    given = trained(initialize={"tag_dictionary": {"sees": ["N"], "zebra": ["V", "D"]}})
    assert values(given(blank(given, "a cat sees"))) == ["D", "N", "N"]
    [found] = given.get_pipe("crf_tagger").marginals([blank(given, "zebra cat")])
    assert found[0, 1] == 0.0
    assert found[1].min() > 0.0
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    counted = trained(initialize={"tag_dictionary": 2})
    tagger = counted.get_pipe("crf_tagger")
    assert tagger.tag_dictionary == {
        "a": ["D"],
        "cat": ["N"],
        "dogs": ["N"],
        "sees": ["V"],
        "the": ["D"],
    }
    reloaded = make_nlp().from_bytes(counted.to_bytes())
    doc = blank(reloaded, "the the cat")
    assert values(reloaded(doc)) == ["D", "D", "N"]
    for wrong, message in (
        ({"sees": ["Q"]}, r"'sees' has \['Q'\], which are no labels"),
        ({"sees": "N"}, "'sees' needs a list of labels"),
        ({"sees": []}, "'sees' needs a list of labels"),
        ("words", "must map words to lists"),
        (True, "must be a dictionary or a number"),
    ):
        with pytest.raises(ValueError, match=message):
            tagger.initialize(lambda: examples_of(counted), tag_dictionary=wrong)


def test_answers_are_those_of_all_paths():
    nlp = trained(steps=3)
    tagger = nlp.get_pipe("crf_tagger")
    doc = blank(nlp, "a cat sees")
    every = tagger.k_best([doc, blank(nlp, "")], 100)
    assert [len(found) for found in every] == [27, 1]
    assert sum(found.probability for found in every[0]) == pytest.approx(1.0)
    assert every[1][0] == ((), 1.0)
    [marginals] = tagger.marginals(doc)
    expected = np.zeros((3, 3))
    for tags, probability in every[0]:
        for n, tag in enumerate(tags):
            expected[n, tagger.labels.index(tag)] += probability
    np.testing.assert_allclose(marginals, expected, atol=1e-6)
    best = every[0][0].tags
    assert values(nlp(doc)) == list(best)
    [own] = tagger.tag_probabilities(doc)
    columns = [tagger.labels.index(tag) for tag in best]
    np.testing.assert_allclose(own, marginals[range(3), columns])
    [asked] = tagger.tag_probabilities(doc, [["V", "V", "V"]])
    np.testing.assert_allclose(asked, marginals[:, 2])
    draws = tagger.sample(doc, 2000, seed=1)[0]
    share = np.mean([tags == best for tags in draws])
    assert share == pytest.approx(every[0][0].probability, abs=0.05)
    assert tagger.sample(doc, 5, seed=3) == tagger.sample(doc, 5, seed=3)
    with pytest.raises(ValueError, match="no labels"):
        tagger.tag_probabilities(doc, [["V", "V", "Q"]])
    with pytest.raises(ValueError, match="has no probability"):
        tagger.tag_probabilities(blank(nlp, "a cat"))


def test_given_tags_are_known():
    nlp = trained(steps=3)
    tagger = nlp.get_pipe("crf_tagger")
    doc = blank(nlp, "a cat sees")
    doc[1].tag_ = "V"
    [free], [given] = tagger.marginals(doc), tagger.marginals(doc, given=True)
    assert free[1, 2] < 1.0
    np.testing.assert_allclose(given[1], [0.0, 0.0, 1.0])
    assert {found.tags[1] for found in tagger.k_best(doc, 9, given=True)[0]} == {"V"}
    assert {tags[1] for tags in tagger.sample(doc, 9, given=True)[0]} == {"V"}


def test_probabilities_are_kept_with_the_doc():
    nlp = trained(scores_key="crf_tagger", steps=5)
    tagger = nlp.get_pipe("crf_tagger")
    docs = [*nlp.pipe([words for words, _ in TRAIN])]
    spread = [Doc(nlp.vocab).from_bytes(doc.to_bytes()) for doc in docs]
    stored = DocBin(store_user_data=True, docs=docs).to_bytes()
    loaded = [*DocBin().from_bytes(stored).get_docs(nlp.vocab)]
    for kind in (docs, spread, loaded):
        for doc, expected in zip(kind, tagger.tag_probabilities(docs), strict=True):
            found = doc.user_data["crf_tagger"]
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_labels_can_be_added():
    nlp = trained()
    tagger = nlp.get_pipe("crf_tagger")
    doc = blank(nlp, "a cat sees")
    before = tagger.marginals(doc)[0]
    assert tagger.add_label("X") == 1
    after = tagger.marginals(doc)[0]
    np.testing.assert_allclose(after[:, :3], before, atol=1e-6)
    assert not after[:, 3].any()
    # A tag that is set, but not learned yet, is kept.
    doc[0].tag_ = "X"
    assert values(nlp(doc)) == ["X", "N", "V"]
    nlp.update([example_of(nlp.vocab, "hm", "Y")])
    assert tagger.labels == ("D", "N", "V", "X", "Y")


def test_annotation_of_another_vocab_is_read():
    nlp = make_nlp()
    foreign = Example(blank(nlp, "a cat"), reference(Vocab(), "a cat", "DT NN"))
    nlp.initialize(lambda: [foreign])
    assert nlp.get_pipe("crf_tagger").labels == ("DT", "NN")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"attribute": "LEMMA"}, "attribute must be"),
        ({"attribute": "_."}, "attribute must be"),
        ({"label_smoothing": 1.0}, "label_smoothing must be"),
        ({"neg_prefix": ""}, "neg_prefix must be"),
        ({"scores_key": ""}, "scores_key must be"),
        ({"forbidden_pairs": [["A", "B", "C"]]}, "forbidden_pairs must be"),
        ({"forbidden_pairs": [["A"]]}, "forbidden_pairs must be"),
    ],
)
def test_wrong_settings_are_named(config, message):
    with pytest.raises(ValueError, match=f"Component 'crf_tagger': {message}"):
        make_nlp(**config)


def test_values_that_the_attribute_cannot_have_are_refused():
    nlp = make_nlp(attribute="POS")
    nlp.get_pipe("crf_tagger").add_label("FOO")
    with pytest.raises(ValueError, match=r"\['FOO'\] are no universal parts of speech"):
        nlp.initialize()
    nlp = make_nlp(attribute="_.other")
    with pytest.raises(ValueError, match=r"no extension attribute '_.other'"):
        nlp.initialize(lambda: examples_of(nlp))
    nlp = make_nlp(attribute="_.chunk")
    example = example_of(nlp.vocab, "a cat", "D N")
    example.y[0]._.chunk = 3
    with pytest.raises(ValueError, match=r"'_.chunk' of a token is 3, but must be"):
        nlp.initialize(lambda: [example])


def test_both_components_share_a_pipeline():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    tok2vec = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    nlp.add_pipe("tok2vec")
    for name in ("crf_tagger", "crf_ner"):
        nlp.add_pipe(name, config={"model": small_model(tok2vec=tok2vec)})
    doc = reference(nlp.vocab, "dogs see Rex", "N V N")
    doc.set_ents([doc.char_span(9, 12, label="DOG")])
    example = Example(blank(nlp, "dogs see Rex"), doc)
    sgd = nlp.initialize(lambda: [example])
    sgd.learn_rate = 0.01
    for _ in range(60):
        losses = nlp.update([example], sgd=sgd)
    assert max(losses["crf_tagger"], losses["crf_ner"]) < 0.5
    found = nlp("dogs see Rex")
    assert values(found) == ["N", "V", "N"]
    assert [(ent.text, ent.label_) for ent in found.ents] == [("Rex", "DOG")]
