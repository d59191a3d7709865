"""Word clusters as attributes of TypeEmbed."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.util import fix_random_seed
from thinc.api import Adam

from spacy_crf_tagger.models.clusters import WordClusters, find_clusters
from spacy_crf_tagger.models.type_embed import build_type_embed

PATHS = {"Paris": "0010", "rome": "0011", "runs": "10", "Runs": "110", "eats": "101"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("clusters") / "paths"
    lines = [f"{bits}\t{word}\t1\n" for word, bits in PATHS.items()]
    path.write_text("".join(lines), encoding="utf8")
    return str(path)


def build(attrs, file, docs, **settings):
    fix_random_seed(0)
    rows = [50] * len(attrs)
    model = build_type_embed(8, attrs, rows, False, clusters=file, **settings)
    return model.initialize(X=docs)


def make_doc(*words):
    return Doc(spacy.blank("en").vocab, words=words)


def look_up(words, *lengths):
    doc = make_doc(*words)
    table = WordClusters(PATHS).table(lengths)
    return table.look_up(doc.to_array("ORTH"), doc.vocab.strings)


def test_prefixes_of_paths():
    places, kinds = look_up(["Paris", "rome", "runs"], 2, 3).T
    assert places[0] == places[1] != places[2]
    assert kinds[0] == kinds[1] != kinds[2]
    # Of a path that has no more bits, the whole is taken.
    assert places[2] == kinds[2]
    [[two, four, whole]] = look_up(["Paris"], 2, 4, None)
    assert two != four == whole


def test_a_word_is_looked_up_as_it_is_then_in_lower_case_then_capitalised():
    found = look_up(["runs", "Runs", "RUNS", "ROME", "Rome", "PARIS", "paris"], None)
    runs, capitalised, upper, *places, as_paris, paris = found[:, 0]
    assert runs == upper != capitalised
    assert places == [look_up(["rome"], None)[0, 0]] * 2
    assert as_paris == paris == look_up(["Paris"], None)[0, 0]


def test_words_in_no_cluster_are_alike():
    assert look_up(["Berlin", "\n", "🙂"], 4, None).tolist() == [[0, 0]] * 3


def test_names_of_clusters():
    attrs = ["NORM", "CLUSTER", 67, "CLUSTER4", "CLUSTER10", "CLUSTER99"]
    assert find_clusters(attrs) == [(1, None), (3, 4), (4, 10), (5, 99)]


@pytest.mark.parametrize("name", ["CLUSTER0", "CLUSTER100", "cluster4", "CLUSTER4 "])
def test_unknown_clusters(name, file):
    with pytest.raises(ValueError, match="such as 'CLUSTER10', not"):
        build_type_embed(8, ["NORM", name], [10, 10], False, clusters=file)


def test_file_and_attributes_want_each_other(file):
    with pytest.raises(ValueError, match="attrs has 'CLUSTER4', but clusters names no"):
        build_type_embed(8, ["NORM", "CLUSTER4"], [10, 10], False)
    with pytest.raises(ValueError, match="none of attrs is a cluster"):
        build_type_embed(8, ["NORM"], [10], False, clusters=file)


def test_words_of_a_cluster_share_vectors(file):
    doc = make_doc("Paris", "rome", "runs", "Berlin", "London")
    [vectors] = build(["CLUSTER2"], file, [doc]).predict([doc])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    np.testing.assert_array_equal(vectors[3], vectors[4])
    assert not np.allclose(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[3])


@pytest.mark.parametrize("kept", ["SHAPE", "CLUSTER", "SUFFIX2", "CLUSTER1"])
def test_attributes_keep_their_places(file, kept):
    attrs = ["CLUSTER", "SHAPE", "SUFFIX2", "CLUSTER1"]
    doc = make_doc("runs", "eats", "rats", "ten")
    model = build(attrs, file, [doc])
    tables = [node for node in model.walk() if node.name == "hashembed"]
    for attr, table in zip(attrs, tables, strict=True):
        if attr != kept:
            table.get_param("E")[:] = 0.0
    [[runs, eats, rats, ten]] = model.predict([doc])
    assert np.allclose(runs, eats) == (kept in ("SHAPE", "CLUSTER1"))
    assert np.allclose(eats, rats) == (kept in ("SHAPE", "SUFFIX2"))
    assert np.allclose(rats, ten) == (kept in ("CLUSTER", "CLUSTER1"))


def test_what_is_learned_of_one_word_holds_for_its_cluster(file):
    doc = make_doc("Paris", "runs")
    wanted = np.array([[1.0], [-1.0]], dtype=np.float32)
    model = build(["NORM", "CLUSTER1"], file, [doc], form_dropout=0.5)
    sgd = Adam(0.05)
    for _ in range(60):
        [vectors], backprop = model.begin_update([doc])
        gradient = np.zeros_like(vectors)
        gradient[:, :1] = vectors[:, :1] - wanted
        backprop([gradient])
        model.finish_update(sgd)
    [[rome, eats]] = model.predict([make_doc("rome", "eats")])
    assert rome[0] > 0.5 > -0.5 > eats[0]


def test_saved_models_need_no_file(file, tmp_path):
    doc = make_doc("Paris", "ROME", "runs", "Berlin")
    model = build(["CLUSTER2", "CLUSTER"], file, [doc])
    other = build_type_embed(
        8, ["CLUSTER2", "CLUSTER"], [50, 50], False, clusters=str(tmp_path / "gone")
    )
    other.from_bytes(model.to_bytes())
    expected = model.predict([doc])[0]
    np.testing.assert_array_equal(other.predict([doc])[0], expected)
    np.testing.assert_array_equal(model.copy().predict([doc])[0], expected)
    assert other.to_bytes() == model.to_bytes()


def test_saved_models_are_initialized_again_without_the_file(file, tmp_path):
    docs = [make_doc("Paris", "rome")]
    saved = build(["CLUSTER2"], file, docs).to_bytes()
    gone = str(tmp_path / "gone")
    model = build_type_embed(8, ["CLUSTER2"], [50], False, clusters=gone)
    model.from_bytes(saved)
    model.attrs["clusters_path"] = gone
    model.initialize(X=docs)
    assert len(model.attrs["clusters"]) == len(PATHS)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none"
    with pytest.raises(ValueError, match=r"TypeEmbed: .*none"):
        build(["CLUSTER2"], str(path), [make_doc("a")])


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "paths"
    path.write_text("0010\tParis\t3\n0x\tRome\t2\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"TypeEmbed: .*paths, line 2"):
        build(["CLUSTER2"], str(path), [make_doc("a")])
