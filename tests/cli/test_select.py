import json

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_crf_tagger.evaluation.selection import score_docs
from spacy_crf_tagger.evaluation.uncertainty import Measure
from tests.helpers.calibration import make_unsure, save_references
from tests.helpers.component import TRAIN_DATA, entities, make_examples
from tests.helpers.tagging import make_unsure_tagger

POOL = [
    "Ada Lovelace met Grace in Paris.",
    "We left New York for Paris",
    "Nobody",
    "Grace met Ada Lovelace. She left for New York. We met in Paris.",
    "Grace  met Ada Lovelace. She left for New York. We met in Paris.",
    "We met in Paris, and then again in New York, before we left for Paris.",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("select")
    nlp = make_unsure()
    nlp.to_disk(path / "model")
    make_unsure_tagger().to_disk(path / "tagger")
    lines = [json.dumps({"text": text}) for text in POOL]
    (path / "pool.jsonl").write_text("\n".join(["", *lines]), encoding="utf8")
    (path / "broken.jsonl").write_text('{"text": "Paris"}\n{"title": "Oslo"}\n')
    save_references(make_examples(nlp), path / "annotated.spacy")
    return path


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf8").splitlines()]


def read(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


@pytest.mark.parametrize("strategy", ["entropy", "mnlp", "change"])
def test_texts_are_chosen_by_what_the_model_is_unsure_of(
    crf, folder, tmp_path, strategy
):
    output = tmp_path / "next.jsonl"
    options = ["-n", 3, "--by", strategy, "--per-text", "--diversity", 0]
    outcome = crf("select", folder / "model", folder / "pool.jsonl", output, *options)
    assert outcome.exit_code == 0, outcome.output
    nlp = spacy.load(folder / "model")
    docs = [nlp.make_doc(text) for text in POOL]
    scores = [
        each.score for each in score_docs(nlp, "crf_ner", docs, Measure(strategy))
    ]
    best = sorted(range(len(POOL)), key=lambda n: -scores[n])
    best = [n for n in best if n != 4 or scores[4] > scores[3]]
    best = [n for n in best if n != 3 or scores[3] >= scores[4]][:3]
    records = read_lines(output)
    assert [record["text"] for record in records] == [POOL[n] for n in best]
    for rank, (record, n) in enumerate(zip(records, best, strict=True), start=1):
        notes = record["meta"]
        assert (notes["rank"], notes["by"]) == (rank, strategy)
        assert notes["score"] == pytest.approx(scores[n], abs=1e-3)
        found = [
            (ent.start_char, ent.end_char, ent.label_) for ent in nlp(POOL[n]).ents
        ]
        spans = [
            (span["start"], span["end"], span["label"]) for span in record["spans"]
        ]
        assert spans == found
        assert all(0 < span["score"] <= 1 for span in record["spans"])
    assert "Chose 3 of 6 texts" in outcome.output


def test_sentences_and_tokens(crf, folder, tmp_path):
    output = tmp_path / "next.spacy"
    options = ["--tokens", 12, "--sentences"]
    outcome = crf("select", folder / "model", folder / "pool.jsonl", output, *options)
    assert outcome.exit_code == 0, outcome.output
    docs = read(output)
    assert sum(map(len, docs)) <= 12
    sentences = [part for text in POOL for part in text.replace("  ", " ").split(". ")]
    assert {doc.text.strip(" .") for doc in docs} <= {s.strip(" .") for s in sentences}
    nlp = spacy.load(folder / "model")
    for doc in docs:
        assert entities(doc) == entities(nlp(doc.text))
    assert f"({sum(map(len, docs))} of " in outcome.output


def test_what_is_annotated_is_not_asked_for(crf, folder, tmp_path):
    output = tmp_path / "next.spacy"
    options = ["-n", 10, "--exclude", folder / "annotated.spacy"]
    outcome = crf("select", folder / "model", folder / "pool.jsonl", output, *options)
    assert outcome.exit_code == 0, outcome.output
    chosen = [" ".join(doc.text.split()) for doc in read(output)]
    known = {text for text, _ in TRAIN_DATA}
    # Equal texts are asked for once.
    expected = {" ".join(text.split()) for text in POOL} - known
    assert sorted(chosen) == sorted(expected)


def test_sentences_of_what_is_annotated_are_not_asked_for(crf, folder, tmp_path):
    """The documents of neither side say where sentences start."""
    pool = folder / "annotated.spacy"
    options = ["-n", 10, "--sentences", "--exclude", pool]
    outcome = crf("select", folder / "model", pool, tmp_path / "next.spacy", *options)
    assert outcome.exit_code == 1
    assert "none that is not annotated already" in outcome.output


def test_a_simulation_needs_annotation(crf, folder, tmp_path):
    files = (folder / "pool.jsonl", tmp_path / "next.spacy")
    outcome = crf("select", folder / "model", *files, "-n", 2, "--simulate")
    assert "None of the chosen texts has annotation" in outcome.output


def test_an_annotator_is_simulated(crf, folder, tmp_path):
    output = tmp_path / "next.spacy"
    options = ["-n", 2, "--by", "random", "--simulate"]
    pool = folder / "annotated.spacy"
    assert crf("select", folder / "model", pool, output, *options).exit_code == 0
    wanted = {doc.text: entities(doc) for doc in read(pool)}
    assert {doc.text: entities(doc) for doc in read(output)} == wanted


def test_annotation_of_the_pool_is_not_looked_at(crf, folder, tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    lines = [json.dumps({"text": text}) for text, _ in TRAIN_DATA]
    (tmp_path / "pool.jsonl").write_text("\n".join(lines))
    pools = [(folder / "annotated.spacy", first), (tmp_path / "pool.jsonl", second)]
    for pool, output in pools:
        assert crf("select", folder / "model", pool, output, "-n", 2).exit_code == 0
    assert read_lines(first) == read_lines(second)


def test_random_choices_differ_by_seed(crf, folder, tmp_path):
    chosen = []
    for seed in (0, 0, 1, 2):
        output = tmp_path / "next.jsonl"
        options = ["-n", 3, "--by", "random", "--seed", seed]
        pool = folder / "pool.jsonl"
        assert crf("select", folder / "model", pool, output, *options).exit_code == 0
        chosen.append([record["text"] for record in read_lines(output)])
    assert chosen[0] == chosen[1]
    assert len({tuple(each) for each in chosen}) > 1


def test_a_tagger_is_asked_as_well(crf, folder, tmp_path):
    output = tmp_path / "next.spacy"
    pool = folder / "pool.jsonl"
    outcome = crf("select", folder / "tagger", pool, output, "-n", 2)
    assert outcome.exit_code == 0, outcome.output
    docs = read(output)
    assert len(docs) == 2
    assert all(token.tag_ for doc in docs for token in doc)


@pytest.mark.parametrize(
    ("output_format", "read_notes"),
    [
        ("doccano", lambda path: [r["rank"] for r in read_lines(path)]),
        (
            "label-studio",
            lambda path: [r["data"]["rank"] for r in json.loads(path.read_text())],
        ),
    ],
)
def test_formats_hold_the_rank(crf, folder, tmp_path, output_format, read_notes):
    output = tmp_path / "next.out"
    options = ["-n", 2, "--format", output_format]
    pool = folder / "pool.jsonl"
    assert crf("select", folder / "model", pool, output, *options).exit_code == 0
    assert read_notes(output) == [1, 2]


@pytest.mark.parametrize(
    ("pool", "options", "message"),
    [
        ("pool.jsonl", [], "either -n 200 or --tokens 5000"),
        ("pool.jsonl", ["-n", 2, "--tokens", 9], "either -n 200 or --tokens 5000"),
        ("absent.jsonl", ["-n", 2], "there is no such file"),
        ("broken.jsonl", ["-n", 2], "broken.jsonl:2"),
        ("annotated.spacy", ["--tokens", 1], "has as few tokens"),
        ("annotated.spacy", ["-n", 2, "-x", "annotated.spacy"], "annotated already"),
        ("pool.jsonl", ["-n", 2, "-c", "ner"], "'ner' is not a crf_ner"),
        ("pool.jsonl", ["-n", 2, "-x", "absent.spacy"], "Can't read"),
    ],
)
def test_what_cannot_be_chosen(
    crf, folder, tmp_path, monkeypatch, pool, options, message
):
    monkeypatch.chdir(folder)
    output = tmp_path / "next.jsonl"
    exit_code, text = crf("select", "model", pool, output, *options)
    assert exit_code == 1
    assert message in text
    assert not output.exists()


def test_the_pool_is_not_overwritten(crf, folder):
    before = (folder / "pool.jsonl").read_bytes()
    files = [folder / "model", folder / "pool.jsonl", folder / "pool.jsonl"]
    exit_code, text = crf("select", *files, "-n", 1)
    assert exit_code == 1
    assert "also an input" in text
    assert (folder / "pool.jsonl").read_bytes() == before
