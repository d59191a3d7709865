import pytest
import spacy
from spacy.cli.find_threshold import find_threshold
from spacy.training import Corpus

from tests.helpers.calibration import make_unsure, sample_annotation, save_references
from tests.helpers.component import recognizer, trained_nlp
from tests.helpers.tagging import make_unsure_tagger


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline in `model` with figures, and annotation in `dev.spacy`."""
    path = tmp_path_factory.mktemp("set")
    nlp = make_unsure()
    save_references(sample_annotation(nlp, 1.0, 5), path / "dev.spacy")
    nlp.meta["performance"] = {"ents_f": 0.125, "crf_ner_loss": 7.0}
    nlp.to_disk(path / "model")
    return path


def test_answer_of_find_threshold_is_stored(crf, folder, tmp_path):
    model, dev, output = folder / "model", folder / "dev.spacy", tmp_path / "new"
    best, score, _ = find_threshold(
        str(model), dev, "crf_ner", "threshold", "ents_f", n_trials=3, silent=True
    )
    exit_code, text = crf("set", model, output, "--threshold", best, "-e", dev)
    assert exit_code == 0
    assert f"threshold null {best}" in text
    assert f"ents_f 0.125 {score:.3f}" in text
    assert f"Saved pipeline to {output}" in text
    after = spacy.load(output)
    assert recognizer(after).threshold == best
    assert after.config["components"]["crf_ner"]["threshold"] == best
    figures = after.meta["performance"]
    assert figures["ents_f"] == pytest.approx(score)
    assert figures["crf_ner_loss"] == 7.0
    examples = list(Corpus(dev)(after))
    assert figures["ents_ece"] == pytest.approx(after.evaluate(examples)["ents_ece"])


def test_settings_of_the_pipeline_itself_change(crf, folder, tmp_path):
    model = tmp_path / "model"
    spacy.load(folder / "model").to_disk(model)
    options = ["--decoder", "mbr", "--presets", "ignore", "--spans-key", "null"]
    exit_code, text = crf("set", model, model, *options, "-t", "0.25")
    assert exit_code == 0
    assert "were measured with the settings before" in text
    settings = recognizer(spacy.load(model)).settings
    assert (settings.decoder, settings.presets) == ("mbr", "ignore")
    assert (settings.spans_key, settings.threshold) == (None, 0.25)
    options = ["--candidates-key", "all", "--candidates-floor", "0.125"]
    assert crf("set", model, model, *options).exit_code == 0
    settings = recognizer(spacy.load(model)).settings
    assert (settings.candidates_key, settings.candidates_floor) == ("all", 0.125)
    assert spacy.load(model).meta["performance"]["ents_f"] == 0.125
    exit_code, text = crf("set", model, model, "--threshold", "None")
    assert recognizer(spacy.load(model)).threshold is None
    exit_code, text = crf("set", model, model, "--threshold", "null")
    assert "were measured" not in text


def test_tagger_settings_change(crf, tmp_path):
    make_unsure_tagger().to_disk(tmp_path / "model")
    output = tmp_path / "new"
    options = ["--overwrite", "--scores-key", "scores"]
    assert crf("set", tmp_path / "model", output, *options).exit_code == 0
    tagger = spacy.load(output).get_pipe("crf_tagger")
    assert (tagger.overwrite, tagger.scores_key) == (True, "scores")
    assert crf("set", output, output, "--no-overwrite").exit_code == 0
    assert spacy.load(output).get_pipe("crf_tagger").overwrite is False


def test_component_that_is_meant(crf, tmp_path):
    nlp = trained_nlp()
    nlp.add_pipe("crf_tagger", source=make_unsure_tagger())
    nlp.to_disk(tmp_path / "model")
    output = tmp_path / "new"
    options = ["--scores-key", "scores", "-c", "crf_tagger"]
    assert crf("set", tmp_path / "model", output, *options).exit_code == 0
    assert spacy.load(output).get_pipe("crf_tagger").scores_key == "scores"
    exit_code, text = crf("set", tmp_path / "model", output, "--scores-key", "scores")
    assert exit_code == 1
    assert "there is no setting scores_key; there are" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "No setting to change"),
        (["--threshold", "1.5"], "threshold must be a number from 0 to 1 or null"),
        (["--threshold", "high"], "threshold must be a number from 0 to 1 or null"),
        (["--decoder", "greedy"], "unknown decoder 'greedy': choose one of"),
        (["--threshold", "1", "-c", "ner"], "'ner' is not a crf_ner or crf_tagger"),
        (["--threshold", "1", "-e", "absent.spacy"], "Documents not found"),
    ],
)
def test_what_cannot_be_set(crf, folder, tmp_path, options, message):
    exit_code, text = crf("set", folder / "model", tmp_path / "new", *options)
    assert exit_code == 1
    assert message in text
    assert not (tmp_path / "new").exists()


def test_folder_with_something_else_is_kept(crf, folder, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    exit_code, text = crf("set", folder / "model", tmp_path, "--threshold", "0.5")
    assert exit_code == 1
    assert "something else than a pipeline" in text
