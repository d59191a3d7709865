import json
import math
import os
from html.parser import HTMLParser

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_crf_tagger.cli.recipes import recipe_config
from spacy_crf_tagger.data.read_spacy import read_docs
from spacy_crf_tagger.evaluation.annotation_errors.findings import (
    Change,
    EntitySpan,
    Finding,
)
from spacy_crf_tagger.evaluation.annotation_errors.tasks import task_of
from tests.helpers.browser import needs_browser, running_browser
from tests.helpers.component import (
    SMALL_MODEL,
    TRAIN_DATA,
    entities,
    make_examples,
    trained_nlp,
)

FILES = ["documents.jsonl", "findings.html", "findings.jsonl", "label-studio.json"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline, and a corpus with a wrong label and an entity that is missing."""
    path = tmp_path_factory.mktemp("errors")
    nlp = trained_nlp()
    nlp.to_disk(path / "model")
    first, second = (example.y for example in make_examples(nlp))
    first.set_ents([Span(first, 0, 2, "PLACE"), *first.ents[1:]], default="outside")
    second.set_ents(second.ents[:1], default="outside")
    silent = nlp.make_doc("Nobody annotated <b>Paris</b>")
    DocBin(docs=[first, second, silent]).to_disk(path / "corpus.spacy")
    return path


@pytest.fixture
def found(crf, folder, tmp_path):
    output = tmp_path / "errors"
    files = (folder / "corpus.spacy", output)
    exit_code, text = crf("find-errors", *files, "--model", folder / "model")
    assert exit_code == 0, text
    assert f"Saved findings to {output}" in text
    assert sorted(os.listdir(output)) == FILES
    return output


def lines_of(path):
    return [json.loads(line) for line in path.read_text("utf8").splitlines()]


def test_findings(found):
    best = lines_of(found / "findings.jsonl")[:2]
    shown = {
        (r["meta"]["kind"], r["meta"]["annotated"], r["meta"]["suggested"])
        for r in best
    }
    assert shown == {
        ("label", "Ada Lovelace (PLACE)", "Ada Lovelace (PERSON)"),
        ("missing", "", "Paris (PLACE)"),
    }
    usage = {r["meta"]["kind"]: r["meta"]["usage"] for r in best}
    assert usage["missing"] == pytest.approx(math.log(1.1 / 0.1))  # one other Paris
    assert usage["label"] == 0
    for record in best:
        meta = record["meta"]
        assert meta["probability"] < 0.1 < 0.8 < meta["suggested_probability"]
        assert meta["score"] > 0.9
        text = record["text"]
        assert [text[s["start"] : s["end"]] for s in record["spans"]]


def test_scores_of_documents_and_tokens(found):
    documents = lines_of(found / "documents.jsonl")
    assert [each["doc"] for each in documents] == [0, 1, 2]
    first, second, silent = documents
    assert min(first["score"], second["score"]) > 0.9
    assert min(first["token_scores"][:2]) > 0.9 > 0.5 > max(first["token_scores"][2:])
    assert second["text"][slice(*second["tokens"][-1])] == "Paris"
    assert second["token_scores"][-1] > 0.9
    assert silent["score"] == 0
    assert {first["rank"], second["rank"]} == {1, 2}
    assert silent["rank"] == 3
    assert silent["findings"] == 0


def test_label_studio_tasks(found):
    tasks = json.loads((found / "label-studio.json").read_text("utf8"))
    records = lines_of(found / "findings.jsonl")
    assert len(tasks) == len(records)
    for task, record in zip(tasks, records, strict=True):
        assert task["data"]["finding"] == record["finding"]
        [prediction] = task["predictions"]
        assert len(prediction["result"]) == len(record["spans"])
        assert prediction["score"] == pytest.approx(record["meta"]["score"], abs=1e-3)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not {"src", "href"} & {name for name, _ in attrs}


def test_page_needs_nothing_and_escapes_texts(crf, folder, tmp_path):
    nlp = spacy.load(folder / "model")
    doc = nlp.make_doc("We left <b>x</b></script><i> for Paris")
    doc.set_ents([Span(doc, 2, 4, "PLACE")], default="outside")
    DocBin(docs=[doc]).to_disk(tmp_path / "c.spacy")
    options = ("--model", folder / "model", "--least", 0)
    crf("find-errors", tmp_path / "c.spacy", tmp_path / "out", *options)
    page = (tmp_path / "out" / "findings.html").read_text("utf8")
    parser = Tags()
    parser.feed(page)
    assert not {"b", "i", "link", "img"} & {*parser.tags}
    assert parser.tags.count("script") == 2
    assert "&lt;b&gt;" in page


def test_the_page_shows_no_more_than_asked_for_and_says_so(crf, folder, tmp_path):
    nlp = spacy.load(folder / "model")
    docs = [nlp.make_doc("Nobody annotated Paris") for _ in range(3)]
    for doc in docs:
        doc.set_ents([], default="outside")
    DocBin(docs=docs).to_disk(tmp_path / "c.spacy")
    options = ("--model", folder / "model", "--least", 0, "--on-page", 2)
    crf("find-errors", tmp_path / "c.spacy", tmp_path / "out", *options)
    page = (tmp_path / "out" / "findings.html").read_text("utf8")
    assert page.count("<fieldset>") == 2
    assert "1 more like this are in findings.jsonl" in page


@needs_browser
def test_saved_decisions_are_loaded_again(found, tmp_path):
    address = (found / "findings.html").as_uri()
    others, broken = tmp_path / "others.jsonl", tmp_path / "broken.jsonl"
    record = lines_of(found / "findings.jsonl")[0]
    record["finding"]["tokens"] = [70, 71]
    others.write_text(json.dumps({**record, "answer": "accept"}) + "\n", "utf8")
    broken.write_text("{}\n", "utf8")
    saved, problems = tmp_path / "decisions.jsonl", []
    with running_browser() as browser:
        page = browser.new_page()
        page.on("pageerror", lambda error: problems.append(error))
        page.goto(address)
        page.check("input[name=d0][value=accept]")
        page.check("input[name=d1][value=reject]")
        with page.expect_download() as download:
            page.click("#save")
        download.value.save_as(saved)
        page.goto(address)
        assert page.inner_text("#count") == "0"
        page.set_input_files("#load", saved)
        page.wait_for_function("document.getElementById('count').textContent === '2'")
        assert page.is_checked("input[name=d0][value=accept]")
        assert page.is_checked("input[name=d1][value=reject]")
        assert page.inner_text("#loaded") == "2 loaded"
        for path, said in ((others, "1 are about nothing"), (broken, "no decisions")):
            page.set_input_files("#load", path)
            page.get_by_role("status").get_by_text(said).wait_for()
        assert page.inner_text("#count") == "2"
    assert problems == []


def test_a_long_sentence_is_no_context():
    words = ["so"] * 999
    doc = Doc(Vocab(), words=words, sent_starts=[True] + [False] * 998)
    change = Change((), (EntitySpan(500, 501, "PLACE"),), "missing")
    finding = Finding(0, 500, 501, change, 0.0, 1.0, 9.0, 0.0, 9.0)
    task = task_of(doc, finding)
    assert (task.start, len(task.words)) == (470, 61)


def test_only_the_best_are_written(crf, folder, tmp_path):
    files = (folder / "corpus.spacy", tmp_path / "out")
    model = ("--model", folder / "model")
    exit_code, text = crf("find-errors", *files, *model, "--limit", 1, "--least", 0)
    assert exit_code == 0, text
    assert len(lines_of(files[1] / "findings.jsonl")) == 1
    exit_code, text = crf("find-errors", *files, *model, "--least", 1)
    assert exit_code == 0, text
    assert "No finding" in text
    assert sorted(os.listdir(files[1])) == FILES
    assert json.loads((files[1] / "label-studio.json").read_text("utf8")) == []


def test_decisions_are_applied(crf, folder, found, tmp_path):
    records = lines_of(found / "findings.jsonl")[:2]
    lines = [json.dumps({**r, "answer": "accept"}) + "\n" for r in records]
    decisions = tmp_path / "decisions.jsonl"
    decisions.write_text("".join(lines), "utf8")
    files = (folder / "corpus.spacy", tmp_path / "new.spacy")
    exit_code, text = crf("find-errors", *files, "--apply", decisions)
    assert exit_code == 0, text
    assert "documents changed: 2, entities removed: 1, added: 2" in text
    nlp = spacy.blank("en")
    expected = [entities(example.y) for example in make_examples(nlp, TRAIN_DATA)]
    docs = list(read_docs(files[1], nlp.vocab))
    assert [entities(doc) for doc in docs] == [*expected, []]
    assert not any(token.ent_iob for token in docs[2])


def test_what_cannot_be_applied(crf, folder, tmp_path):
    decisions = tmp_path / "d.jsonl"
    decisions.write_text('{"answer": "accept"}\n', "utf8")
    corpus = folder / "corpus.spacy"
    exit_code, text = crf("find-errors", corpus, tmp_path, "-a", decisions)
    assert exit_code == 1
    assert "must end with .spacy" in text
    exit_code, text = crf("find-errors", corpus, corpus, "-a", decisions)
    assert exit_code == 1
    assert "also an input" in text
    output = tmp_path / "new.spacy"
    exit_code, text = crf("find-errors", corpus, output, "-a", decisions)
    assert exit_code == 1
    assert "line 1 is no finding" in text
    assert not output.exists()


def test_other_files_are_not_replaced(crf, folder, found):
    (found / "decisions.jsonl").write_text("an afternoon of work")
    files = (folder / "corpus.spacy", found)
    exit_code, text = crf("find-errors", *files, "--model", folder / "model")
    assert exit_code == 1
    assert "decisions.jsonl" in text


@pytest.mark.parametrize("name", [".env", "old-findings.jsonl"])
def test_nothing_else_is_replaced_either(crf, folder, found, name):
    (found / name).write_text("mine")
    files = (folder / "corpus.spacy", found)
    assert crf("find-errors", *files, "--model", folder / "model").exit_code == 1
    assert (found / name).read_text() == "mine"


def test_corpora_that_a_model_cannot_judge(crf, folder, tmp_path):
    nlp = spacy.blank("en")
    doc = nlp("Ada went home")
    DocBin(docs=[doc]).to_disk(tmp_path / "bare.spacy")
    doc.set_ents([Span(doc, 0, 1, "XX")], default="outside")
    DocBin(docs=[doc]).to_disk(tmp_path / "other.spacy")
    options = (tmp_path / "out", "--model", folder / "model")
    exit_code, text = crf("find-errors", tmp_path / "bare.spacy", *options)
    assert exit_code == 1
    assert "no entity is annotated" in text
    exit_code, text = crf("find-errors", tmp_path / "other.spacy", *options)
    assert exit_code == 0
    assert "does not know the labels ['XX']" in text


def test_output_is_not_among_the_input(crf, folder, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.spacy").write_bytes((folder / "corpus.spacy").read_bytes())
    decisions = tmp_path / "d.jsonl"
    decisions.write_text("", "utf8")
    exit_code, text = crf("find-errors", corpus, corpus / "b.spacy", "-a", decisions)
    assert exit_code == 1
    assert "which is an input" in text
    exit_code, text = crf("find-errors", corpus, tmp_path / "b.spacy", "-a", decisions)
    assert exit_code == 0
    assert "Nothing was accepted" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "absent"), "Can't load pipeline"),
        (("--model", "absent", "--apply", "d.jsonl"), "neither --model nor --config"),
        (("--model", "a", "--config", "b"), "not both"),
        (("--config", "absent.cfg"), "Can't read the config"),
        (("--folds", "10"), "different texts cannot be divided"),
        (("--component", "ner"), "Name one of them"),
    ],
)
def test_what_cannot_be_done(crf, folder, tmp_path, options, message):
    files = (folder / "corpus.spacy", tmp_path / "out")
    exit_code, text = crf("find-errors", *files, *options)
    assert exit_code == 1
    assert message in text
    assert not (tmp_path / "out").exists()


def test_folds_are_trained(crf, tmp_path):
    nlp = spacy.blank("en")
    docs = []
    for n in range(20):
        doc = nlp(f"Letter {n} came from Paris with Ada")
        place = Span(doc, 4, 5, "PLACE")
        doc.set_ents([place, Span(doc, 6, 7, "PERSON")], default="outside")
        docs.append(doc)
    docs[5].set_ents([Span(docs[5], 6, 7, "PERSON")], default="outside")
    DocBin(docs=docs).to_disk(tmp_path / "corpus.spacy")
    config = recipe_config(["crf_ner"])
    config["components"]["crf_ner"]["model"] = SMALL_MODEL
    config["training"].update({"max_steps": 40, "eval_frequency": 40})
    config["training"]["optimizer"]["learn_rate"] = 0.02
    config.to_disk(tmp_path / "config.cfg")
    files = (tmp_path / "corpus.spacy", tmp_path / "out")
    options = ("--config", tmp_path / "config.cfg", "--folds", 2, "--seeds", 2)
    exit_code, text = crf("find-errors", *files, *options)
    assert exit_code == 0, text
    assert "part 2 of 2, model 2 of 2" in text
    best = lines_of(tmp_path / "out" / "findings.jsonl")[0]
    assert best["meta"]["doc"] == 5
    assert best["meta"]["suggested"] == "Paris (PLACE)"
    assert len(lines_of(tmp_path / "out" / "documents.jsonl")) == 20
