"""Texts become shards of annotated rows, whatever they come in and go to."""

import io
import json
import sys

import pytest
import spacy
from spacy.tokens import DocBin, Span

from spacy_crf_tagger.cli.annotate import OutputFormat, annotate
from spacy_crf_tagger.cli.annotation.columns import DIGITS
from spacy_crf_tagger.data.shards.folder import MANIFEST
from spacy_crf_tagger.evaluation.display import entity_scores
from tests.helpers.annotating import (
    content_of,
    make_texts,
    read_rows,
    save_pipeline,
    write_rows,
)
from tests.helpers.component import TEXTS, recognizer, trained_nlp
from tests.helpers.tagging import make_unsure_tagger


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return save_pipeline(tmp_path_factory.mktemp("pipeline") / "model")


@pytest.fixture
def texts():
    return [*(text for text in TEXTS if "\n" not in text and text), *make_texts(20)]


def expected_entities(nlp, text):
    doc = nlp(text)
    scores = entity_scores(doc)
    return [
        {
            "start": ent.start_char,
            "end": ent.end_char,
            "label": ent.label_,
            "text": ent.text,
            "probability": pytest.approx(score, abs=2 * 10**-DIGITS),
        }
        for ent, score in zip(doc.ents, scores, strict=True)
    ]


def test_rows_keep_their_columns_and_get_entities(crf, pipeline, tmp_path, texts):
    source = tmp_path / "in.jsonl"
    others = {"list": [1, None], "größe": {"a": 0.5}, "half": "\ud83d"}
    rows = [{"n": n, "text": text, **others} for n, text in enumerate(texts)]
    source.write_text("\n\n".join(map(json.dumps, rows)))
    outcome = crf("annotate", pipeline, source, tmp_path / "out", "--shard-rows", 7)
    assert outcome.exit_code == 0, outcome.output
    assert f"{len(texts)} documents" in outcome.output
    nlp = trained_nlp()
    written = read_rows(tmp_path / "out")
    assert len(list((tmp_path / "out").glob("part-*"))) > 3
    for row, found in zip(rows, written, strict=True):
        entities = expected_entities(nlp, row["text"])
        assert found == {**row, "entities": entities}
    assert sum(len(row["entities"]) for row in written) > 60


def write_docs(path, texts):
    nlp = spacy.blank("en")
    DocBin(docs=[nlp(text) for text in texts]).to_disk(path)


def write_parquet(path, texts):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"text": texts}), path, row_group_size=10)


WRITERS = {
    "in.txt": lambda path, texts: path.write_text("\r\n".join(texts), "utf8"),
    "in.jsonl": write_rows,
    "in.parquet": write_parquet,
    "in.spacy": write_docs,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", OutputFormat)
def test_all_formats_give_the_same(pipeline, tmp_path, texts, name, kind):
    WRITERS[name](tmp_path / name, texts)
    output = tmp_path / "out"
    if kind is OutputFormat.parquet:
        pytest.importorskip("pyarrow")
    annotate(pipeline, [tmp_path / name], output, output_format=kind, shard_rows=8)
    parts = sorted(output.glob("part-*"))
    assert len(parts) == 4
    nlp = trained_nlp()
    if kind is OutputFormat.jsonl:
        rows = read_rows(output)
    elif kind is OutputFormat.parquet:
        from pyarrow import parquet

        rows = [row for part in parts for row in parquet.read_table(part).to_pylist()]
    else:
        bins = [DocBin().from_disk(part) for part in parts]
        docs = [doc for each in bins for doc in each.get_docs(nlp.vocab)]
        for doc in docs:
            scores = doc.spans["crf_ner"].attrs["scores"]
            assert len(scores) == len(doc.ents)
        rows = [{"text": doc.text, **doc.user_data["columns"]} for doc in docs]
    assert [row["text"] for row in rows] == texts
    for row in rows:
        assert [*map(dict, row["entities"])] == expected_entities(nlp, row["text"])
    if name == "in.jsonl":
        assert [row["id"] for row in rows] == list(range(len(texts)))


def test_several_inputs_are_read_in_their_order(pipeline, tmp_path, texts):
    folder = tmp_path / "texts"
    folder.mkdir()
    for n, text in enumerate(texts[:6]):
        (folder / f"{n}.txt").write_text(text)
    (folder / "README.md").write_text("Not a text")
    write_rows(tmp_path / "a.jsonl", texts[6:8])
    write_rows(tmp_path / "b.jsonl", texts[8:9])
    inputs = [folder, tmp_path / "[ab].jsonl"]
    annotate(pipeline, inputs, tmp_path / "out", shard_rows=4)
    assert [row["text"] for row in read_rows(tmp_path / "out")] == texts[:9]
    assert len(list((tmp_path / "out").glob("part-*"))) == 3


def pipe(path, monkeypatch):
    piped = io.TextIOWrapper(io.BytesIO(path.read_bytes()))
    monkeypatch.setattr(sys, "stdin", piped)


@pytest.mark.parametrize("kind", ["txt", "jsonl"])
def test_standard_input(crf, pipeline, tmp_path, texts, kind, monkeypatch):
    source = tmp_path / f"in.{kind}"
    WRITERS[source.name](source, texts)
    pipe(source, monkeypatch)
    annotate(pipeline, ["-"], tmp_path / "out")
    annotate(pipeline, [source], tmp_path / "file")
    assert read_rows(tmp_path / "out") == read_rows(tmp_path / "file")
    assert [path.name for path in (tmp_path / "out").glob(".*")] == [".lock"]
    pipe(source, monkeypatch)
    outcome = crf("annotate", pipeline, "-", source, tmp_path / "more")
    assert outcome.exit_code == 1
    assert "several inputs" in outcome.output


def test_candidates_and_other_analyses(pipeline, tmp_path, texts):
    write_rows(tmp_path / "in.jsonl", texts)
    options = {"top_k": 3, "min_probability": 0.01, "prefix": "our_"}
    annotate(pipeline, [tmp_path / "in.jsonl"], tmp_path / "out", **options)
    nlp = trained_nlp()
    ner = recognizer(nlp)
    least, n_below = 1.0, 0
    for row in read_rows(tmp_path / "out"):
        assert set(row) == {
            *("id", "text", "our_entities", "our_candidates", "our_analyses")
        }
        doc = nlp(row["text"])
        [analyses] = ner.k_best([doc], 3)
        assert [
            [(e["start"], e["end"], e["label"]) for e in analysis["entities"]]
            for analysis in row["our_analyses"]
        ] == [
            [(e.start_char, e.end_char, e.label_) for e in analysis.ents]
            for analysis in analyses
        ]
        for analysis, own in zip(analyses, row["our_analyses"], strict=True):
            assert own["probability"] == pytest.approx(analysis.probability, abs=2e-4)
        spans = [
            doc.char_span(c["start"], c["end"], c["label"])
            for c in row["our_candidates"]
        ]
        [probabilities] = ner.span_probabilities([doc], [spans])
        for candidate, probability in zip(
            row["our_candidates"], probabilities, strict=True
        ):
            assert candidate["probability"] == pytest.approx(probability, abs=2e-4)
            least = min(least, probability)
        texts_of = [candidate["text"] for candidate in row["our_candidates"]]
        assert {ent["text"] for ent in row["our_entities"]} <= {*texts_of}
        n_below += len(texts_of) > len(row["our_entities"])
    assert n_below
    assert 0.01 <= least < 0.5


def test_tags_of_a_tagger_with_their_probabilities(tmp_path, texts):
    nlp = make_unsure_tagger()
    nlp.to_disk(tmp_path / "model")
    write_rows(tmp_path / "in.jsonl", texts)
    annotate(tmp_path / "model", [tmp_path / "in.jsonl"], tmp_path / "out", top_k=2)
    tagger = nlp.get_pipe("crf_tagger")
    for row in read_rows(tmp_path / "out"):
        doc = nlp(row["text"])
        [probabilities] = tagger.tag_probabilities([doc])
        assert row["tokens"] == [
            {
                "start": token.idx,
                "end": token.idx + len(token),
                "tag": token.tag_,
                "tag_probability": pytest.approx(probability, abs=2e-4),
            }
            for token, probability in zip(doc, probabilities, strict=True)
        ]
        assert "entities" not in row
        best, second = row["tag_analyses"]
        assert best["tags"] == [token.tag_ for token in doc]
        assert best["probability"] >= second["probability"]


def test_other_pipelines_have_what_they_have(crf, tmp_path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PLACE", "pattern": "Paris"}])
    nlp.to_disk(tmp_path / "model")
    write_rows(tmp_path / "in.jsonl", ["In Paris"])
    annotate(tmp_path / "model", [tmp_path / "in.jsonl"], tmp_path / "out")
    [row] = read_rows(tmp_path / "out")
    entity = {"start": 3, "end": 8, "label": "PLACE", "text": "Paris"}
    assert row == {"id": 0, "text": "In Paris", "entities": [entity]}
    for option, value in (("--top-k", 2), ("--min-probability", 0.1)):
        arguments = (tmp_path / "model", tmp_path / "in.jsonl", tmp_path / "more")
        outcome = crf("annotate", *arguments, option, value)
        assert outcome.exit_code == 1
        assert option in outcome.output


def test_entities_that_are_set_stay_and_have_no_probability(pipeline, tmp_path):
    nlp = spacy.blank("en")
    doc = nlp("Grace met Ada Lovelace")
    doc.set_ents([Span(doc, 0, 1, "SHIP")], default="missing")
    DocBin(docs=[doc]).to_disk(tmp_path / "in.spacy")
    annotate(pipeline, [tmp_path / "in.spacy"], tmp_path / "out")
    [row] = read_rows(tmp_path / "out")
    ship, person = row["entities"]
    assert (ship["label"], ship["probability"]) == ("SHIP", None)
    assert person["text"] == "Ada Lovelace"
    assert person["probability"] > 0.5


@pytest.mark.parametrize("shard_rows", [1, 3, 100])
def test_shards_do_not_change_what_is_found(pipeline, tmp_path, texts, shard_rows):
    write_rows(tmp_path / "in.jsonl", texts)
    source = [tmp_path / "in.jsonl"]
    annotate(pipeline, source, tmp_path / "a", shard_rows=shard_rows)
    annotate(pipeline, source, tmp_path / "b", shard_rows=1000)
    both = zip(read_rows(tmp_path / "a"), read_rows(tmp_path / "b"), strict=True)
    for one, other in both:
        for entity, same in zip(one["entities"], other["entities"], strict=True):
            probability = entity.pop("probability")
            assert probability == pytest.approx(same.pop("probability"), abs=2e-4)
        assert one == other


def test_processes_write_the_same_bytes(crf, pipeline, tmp_path):
    write_rows(tmp_path / "in.jsonl", make_texts(400))
    arguments = (pipeline, tmp_path / "in.jsonl")
    for name, n in (("one", 1), ("two", 2)):
        options = ("--processes", n, "--shard-rows", 60)
        outcome = crf("annotate", *arguments, tmp_path / name, *options)
        assert outcome.exit_code == 0, outcome.output
    assert content_of(tmp_path / "one") == content_of(tmp_path / "two")
    manifest = json.loads((tmp_path / "one" / MANIFEST).read_text())
    assert manifest["done"]["documents"] == 400
