"""The service in `examples/serve`, as its clients see it."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy
from spacy.language import Language

pytest.importorskip("fastapi", reason="needs pip install -e '.[serve]'")

from fastapi.testclient import TestClient

from examples.serve.annotator import FAILED, WARM_UP, Annotator
from examples.serve.app import make_app
from examples.serve.limits import Limits
from spacy_crf_tagger.evaluation.display import entity_scores
from tests.helpers.component import TEXTS, trained_nlp

LIMITS = Limits(max_characters=1000, max_texts=10, max_waiting_characters=5000)
BAD = "This one fails"
JSON = {"Content-Type": "application/json"}


@Language.component("fails_on_some")
def fails_on_some(doc):
    if doc.text == BAD:
        raise RuntimeError("secret of the server")
    return doc


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    nlp = trained_nlp()
    nlp.add_pipe("fails_on_some", first=True)
    ruler = nlp.add_pipe("entity_ruler", before="crf_ner")
    ruler.add_patterns([{"label": "PLANET", "pattern": "Saturn"}])
    path = tmp_path_factory.mktemp("pipeline") / "model"
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def client(pipeline):
    with TestClient(make_app(str(pipeline), LIMITS)) as client:
        yield client


def ask(client, texts):
    response = client.post("/entities", json={"texts": texts})
    assert response.status_code == 200, response.text
    return response.json()["documents"]


def rounded(documents):
    """RETURNS the entities of each document. What is in a batch with a text may change
    the last digit of a probability.
    """
    return [
        [
            (entity["start"], entity["label"], round(entity["probability"], 4))
            for entity in document["entities"]
        ]
        for document in documents
    ]


def test_one_text(client, pipeline):
    text = "Ada Lovelace met Grace in Paris."
    [document] = ask(client, text)
    doc = spacy.load(pipeline)(text)
    assert doc.ents
    assert document == {
        "entities": [
            {
                "text": ent.text,
                "label": ent.label_,
                "start": ent.start_char,
                "end": ent.end_char,
                "probability": pytest.approx(score, abs=1e-5),
            }
            for ent, score in zip(doc.ents, entity_scores(doc), strict=True)
        ],
        "error": None,
    }


def test_texts_are_answered_in_their_order(client):
    documents = ask(client, TEXTS)
    assert rounded(documents) == rounded(ask(client, text)[0] for text in TEXTS)
    for text, document in zip(TEXTS, documents, strict=True):
        for entity in document["entities"]:
            assert text[entity["start"] : entity["end"]] == entity["text"]
    assert ask(client, []) == []


def test_who_asks_at_the_same_time_gets_the_own_answer(client):
    texts = [f"{'x ' * n}Ada Lovelace met Grace in Paris." for n in range(24)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda text: ask(client, text), texts))
    for text, [document] in zip(texts, answers, strict=True):
        assert document["entities"]
        for entity in document["entities"]:
            assert text[entity["start"] : entity["end"]] == entity["text"]


def test_entities_of_others_have_no_probability(client):
    [document] = ask(client, "Saturn rose")
    [found] = [x for x in document["entities"] if x["label"] == "PLANET"]
    assert found["probability"] is None


def test_a_text_that_fails_is_alone_in_it(client, caplog):
    with caplog.at_level(logging.CRITICAL, "examples.serve.annotator"):
        good, bad, other = ask(client, [TEXTS[0], BAD, TEXTS[2]])
    assert bad == {"entities": [], "error": FAILED}
    assert rounded([good, other]) == rounded(ask(client, [TEXTS[0], TEXTS[2]]))
    assert good["entities"]


def test_reasons_of_a_failure_are_in_the_log_alone(client, caplog):
    response = client.post("/entities", json={"texts": BAD})
    assert "secret" not in response.text
    assert "secret" in caplog.text


def test_half_a_character_is_an_error_of_its_text(client):
    body = b'{"texts": ["Ada \\ud83d", "Ada"]}'
    response = client.post("/entities", content=body, headers=JSON)
    half, whole = response.json()["documents"]
    assert half["error"] == FAILED
    assert whole["error"] is None


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"texts": "x" * 1001}, 413, "The texts have 1001 characters"),
        ({"texts": ["x" * 501, "x" * 500]}, 413, "Divide them"),
        ({"texts": [""] * 11}, 413, "11 texts; a request may have 10"),
        ({"texts": "x" * 20_000}, 413, "bytes"),
        ({"text": "Ada"}, 422, "body.texts: Field required"),
        ({"texts": 3}, 422, "valid string"),
        ({"texts": ["Ada", None]}, 422, "valid string"),
        ({}, 422, "Field required"),
    ],
)
def test_what_is_refused(client, body, status, said):
    response = client.post("/entities", json=body)
    assert response.status_code == status
    assert said in response.json()["detail"]
    assert len(response.text) < 500


def test_long_body_of_unknown_length_is_refused(client):
    response = client.post("/entities", content=(b"x" * 1000 for _ in range(1000)))
    assert response.status_code == 413


def test_body_that_is_not_json(client):
    response = client.post("/entities", content=b"Ada", headers=JSON)
    assert response.status_code == 422


def test_what_the_limits_allow_is_answered(client):
    # In JSON, twelve bytes each.
    [document] = ask(client, "\N{ROCKET}" * LIMITS.max_characters)
    assert document["error"] is None


def test_a_service_under_load_says_when_to_come_again(client):
    batches = client.app.state.batches
    batches.unanswered += LIMITS.max_waiting_characters
    try:
        response = client.post("/entities", json={"texts": "Ada"})
    finally:
        batches.unanswered -= LIMITS.max_waiting_characters
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert "Try again" in response.json()["detail"]
    assert ask(client, "Ada")


def test_health(pipeline):
    with TestClient(make_app(str(pipeline), LIMITS)) as client:
        response = client.get("/health")
        assert response.status_code == 200
        assert response.json() == {"status": "ok", "pipeline": str(pipeline)}
        client.portal.call(client.app.state.worker.cancel)
        assert client.get("/health").status_code == 503


def test_new_words_are_forgotten():
    annotator = Annotator(trained_nlp())
    annotator(["Ada"])
    before = len(annotator.nlp.vocab.strings)
    annotator([f"word{number} Name{number}" for number in range(100)])
    assert len(annotator.nlp.vocab.strings) == before


def test_a_pipeline_that_always_fails_does_not_start(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner").add_label("PERSON")  # and no weights
    nlp.to_disk(tmp_path / "model")
    with pytest.raises(ValueError, match="fails"):
        Annotator.load(str(tmp_path / "model"))
    assert len(WARM_UP) > 1


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.delenv("PIPELINE", raising=False)
    with pytest.raises(ValueError, match="PIPELINE"):
        make_app()
    monkeypatch.setenv("MAX_TEXTS", "7")
    assert Limits.from_environment() == Limits(max_texts=7)
    for wrong in ("many", "0", "-1", ""):
        monkeypatch.setenv("MAX_TEXTS", wrong)
        with pytest.raises(ValueError, match=f"MAX_TEXTS is {wrong!r}"):
            make_app("en_mine")
