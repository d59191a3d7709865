import pytest
import spacy
from spacy.training import Corpus

from spacy_crf_tagger.evaluation.guarantee import control_floors, entity_probabilities
from tests.helpers.calibration import make_unsure, sample_annotation, save_references
from tests.helpers.component import TEXTS, entities, make_examples, recognizer

KEY = "crf_ner_candidates"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("guarantee")
    nlp = make_unsure()
    save_references(sample_annotation(nlp, 1.0, 10), path / "heldout.spacy")
    few = make_examples(nlp, [("We left", {"entities": [(0, 2, "PERSON")]})])
    save_references(few, path / "few.spacy")
    nlp.to_disk(path / "model")
    return path


def floors_of(folder, rate, **options):
    nlp = spacy.load(folder / "model")
    found = entity_probabilities(nlp, Corpus(folder / "heldout.spacy")(nlp))
    return control_floors(found, rate, **options)


def test_promise_is_saved_with_the_pipeline(crf, folder, tmp_path):
    model, heldout, output = (
        folder / "model",
        folder / "heldout.spacy",
        tmp_path / "new",
    )
    exit_code, text = crf("guarantee", model, heldout, output, "--miss-rate", "0.2")
    assert exit_code == 0
    [found] = floors_of(folder, 0.2).values()
    nlp = spacy.load(output)
    settings = recognizer(nlp).settings
    assert settings.candidates_key == KEY
    assert settings.candidates_floor == pytest.approx(found.floor, abs=1e-12)
    assert settings.label_floors == {}
    # The same on the documents that it was found on, by what the pipeline writes.
    shares, n_candidates, n_missed = [], 0, 0
    for example in Corpus(heldout)(nlp):
        doc = nlp(example.x)
        offered = {(s.start, s.end, s.label_) for s in doc.spans[KEY]}
        n_candidates += len(offered)
        wanted = set(entities(example.y))
        if wanted:
            shares.append(len(wanted - offered) / len(wanted))
            n_missed += len(wanted - offered)
    assert (sum(shares) + 1) / (len(shares) + 1) == pytest.approx(found.bound)
    assert found.bound <= 0.2
    row = f"all {found.floor:.6f} {len(shares)} {found.n_entities} {n_missed}"
    assert f"{row} {found.bound:.3f} {n_candidates / found.n_entities:.2f}" in text
    assert "at most 0.2 of the entities of a document are not in" in text
    meta = nlp.meta["guarantees"]["crf_ner"]
    assert meta["miss_rate"] == 0.2
    assert meta["found"]["all"]["n_missed"] == n_missed
    before = spacy.load(model)
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == [
        entities(doc) for doc in before.pipe(TEXTS)
    ]


def test_promise_of_each_label(crf, folder, tmp_path):
    files = [folder / "model", folder / "heldout.spacy", tmp_path / "new"]
    options = ["-m", "0.5", "--per-label", "--spans-key", "all"]
    exit_code, text = crf("guarantee", *files, *options, "--most-entities", "40")
    assert exit_code == 0
    settings = recognizer(spacy.load(tmp_path / "new")).settings
    floors = floors_of(folder, 0.5, per_label=True, most_entities=40)
    expected = {label: found.floor for label, found in floors.items()}
    assert settings.label_floors == pytest.approx(expected, abs=1e-12)
    assert settings.candidates_floor == min(settings.label_floors.values())
    assert settings.candidates_key == "all"
    assert "of the entities of all documents" in text


def test_labels_that_were_not_there(crf, folder, tmp_path):
    nlp = spacy.load(folder / "model")
    recognizer(nlp).add_label("ANIMAL")
    nlp.to_disk(tmp_path / "model")
    files = [tmp_path / "model", folder / "heldout.spacy", tmp_path / "new"]
    exit_code, text = crf("guarantee", *files, "-m", "0.3", "--per-label")
    assert exit_code == 0
    assert "Nothing is promised of ANIMAL" in text


def test_other_floors_end_the_promise(crf, folder, tmp_path):
    files = [folder / "model", folder / "heldout.spacy", tmp_path / "new"]
    crf("guarantee", *files, "-m", "0.5")
    again = ["set", tmp_path / "new", tmp_path / "set"]
    exit_code, text = crf(*again, "--candidates-floor", "0.9")
    assert exit_code == 0
    assert "does not hold for other candidates" in text
    assert not spacy.load(tmp_path / "set").meta["guarantees"]
    assert "does not hold" not in crf(*again, "--spans-key", "all").output
    assert spacy.load(tmp_path / "set").meta["guarantees"]


def test_two_components_do_not_share_their_candidates(crf, folder, tmp_path):
    nlp = spacy.load(folder / "model")
    nlp.add_pipe("crf_ner", "second", source=spacy.load(folder / "model"))
    nlp.to_disk(tmp_path / "two")
    heldout, first = folder / "heldout.spacy", tmp_path / "first"
    assert crf("guarantee", tmp_path / "two", heldout, first, "-m", 0.5).exit_code == 0
    arguments = ("guarantee", first, heldout, tmp_path / "b", "-c", "second", "-m", 0.5)
    exit_code, text = crf(*arguments)
    assert exit_code == 1
    assert "'crf_ner' writes to doc.spans['crf_ner_candidates'] as well" in text
    assert crf(*arguments, "--spans-key", "others").exit_code == 0


def test_calibration_ends_the_promise(crf, folder, tmp_path):
    heldout, output = folder / "heldout.spacy", tmp_path / "new"
    crf("guarantee", folder / "model", heldout, output, "-m", "0.2")
    exit_code, text = crf("calibrate", output, heldout, output)
    assert exit_code == 0
    assert "what it promised does not hold any more" in text
    assert spacy.load(output).meta["guarantees"] == {}


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("few.spacy", ["-m", "0.1"], "9 documents with entities are needed"),
        ("heldout.spacy", ["-m", "2"], "must be above 0 and below 1"),
        ("heldout.spacy", ["-m", "0.03", "--least-floor", "0.9"], "can be promised"),
        ("heldout.spacy", ["-m", "0.2", "-k", "crf_ner"], "must differ from spans_key"),
        ("heldout.spacy", ["-m", "0.2", "-c", "ner"], "'ner' is not a crf_ner"),
        ("absent.spacy", ["-m", "0.2"], "not found"),
    ],
)
def test_what_cannot_be_guaranteed(crf, folder, tmp_path, file, options, message):
    output = tmp_path / "new"
    exit_code, text = crf(
        "guarantee", folder / "model", folder / file, output, *options
    )
    assert exit_code == 1
    assert message in text
    assert not output.exists()
