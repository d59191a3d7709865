import sys

import pytest
import spacy
from spacy.tokens import Span
from spacy.training import Corpus, Example

from spacy_crf_tagger.evaluation.calibration import fit_temperature
from spacy_crf_tagger.evaluation.plots import plot_reliability
from spacy_crf_tagger.evaluation.reliability import reliability
from tests.helpers.calibration import make_unsure, sample_annotation, save_references
from tests.helpers.component import (
    TEXTS,
    entities,
    make_examples,
    recognizer,
    trained_nlp,
)
from tests.helpers.tagging import make_unsure_tagger, sample_tags, tag_scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline in `model`, with annotation of temperature 2 in `dev.spacy`."""
    path = tmp_path_factory.mktemp("calibrate")
    nlp = make_unsure()
    save_references(sample_annotation(nlp, 2.0, 20), path / "dev.spacy")
    recognizer(nlp).cfg["temperature"] = 1.0
    nlp.to_disk(path / "model")
    nothing = make_examples(nlp, [("We left", {"entities": []})])
    save_references(nothing, path / "nothing.spacy")
    (path / "broken.spacy").write_text("{}")
    return path


def test_pipeline_is_calibrated(crf, folder, tmp_path):
    model, dev, output = folder / "model", folder / "dev.spacy", tmp_path / "new"
    exit_code, text = crf("calibrate", model, dev, output)
    assert exit_code == 0
    before, after = spacy.load(model), spacy.load(output)
    examples = list(Corpus(dev)(before))
    temperature = fit_temperature(before, examples)
    assert recognizer(after).settings.temperature == temperature
    assert temperature == pytest.approx(2.0, rel=0.2)
    scores = [nlp.evaluate(examples) for nlp in (before, after)]
    assert scores[0]["ents_ece"] > 2 * scores[1]["ents_ece"]
    for title, values in (
        ("Temperature", (1.0, temperature)),
        ("ECE", [score["ents_ece"] for score in scores]),
        ("Brier score", [score["ents_brier"] for score in scores]),
    ):
        assert f"{title} {values[0]:.3f} {values[1]:.3f}" in text
    size = sum(len(doc.ents) for doc in before.pipe(eg.text for eg in examples))
    assert f"Predictions {size} {size}" in text
    header = "Bin Before: n Score Correct After: n Score Correct"
    assert f"Calibrating crf_ner of {model} on {len(examples)} documents" in text
    assert header in text
    for part in ("10 ", f"Saved pipeline to {output}"):
        assert part in text
    assert [entities(doc) for doc in before.pipe(TEXTS)] == [
        entities(doc) for doc in after.pipe(TEXTS)
    ]


def test_figures_are_those_of_the_calibrated_pipeline(crf, folder, tmp_path):
    nlp = spacy.load(folder / "model")
    recognizer(nlp).threshold = 0.5  # so that F changes as well
    old = {"ents_f": 0.125, "ents_ece": 0.75, "tag_acc": 0.25, "crf_ner_loss": 7.0}
    nlp.meta["performance"] = dict(old)
    nlp.to_disk(tmp_path / "model")
    dev, output = folder / "dev.spacy", tmp_path / "new"
    _, text = crf("calibrate", tmp_path / "model", dev, output)
    after = spacy.load(output)
    scores = after.evaluate(list(Corpus(dev)(after)))
    figures = after.meta["performance"]
    assert set(figures) == {*old, *default_score_weights()}
    by_label = figures.pop("ents_per_type")
    for label, of_label in scores["ents_per_type"].items():
        assert by_label[label] == pytest.approx(of_label)
    for name, value in figures.items():
        expected = scores[name] if name.startswith("ents_") else old[name]
        assert value == pytest.approx(expected), name
    assert f"ents_f 0.125 {scores['ents_f']:.3f}" in text
    assert f"ents_ece 0.750 {scores['ents_ece']:.3f}" in text


def default_score_weights():
    return trained_nlp().get_pipe_meta("crf_ner").default_score_weights


def test_figures_of_a_pipeline_that_writes_no_scores(crf, folder, tmp_path):
    nlp = spacy.load(folder / "model")
    recognizer(nlp).spans_key = None
    nlp.to_disk(tmp_path / "model")
    dev, output = folder / "dev.spacy", tmp_path / "new"
    assert crf("calibrate", tmp_path / "model", dev, output).exit_code == 0
    after = spacy.load(output)
    scores = after.evaluate(list(Corpus(dev)(after)))
    figures = after.meta["performance"]
    assert figures["ents_f"] == pytest.approx(scores["ents_f"])
    assert figures["ents_ece"] is scores["ents_ece"] is None


def test_pipeline_is_replaced(crf, folder, tmp_path):
    model = tmp_path / "model"
    nlp = spacy.load(folder / "model")
    nlp.rename_pipe("crf_ner", "names")
    nlp.to_disk(model)
    dev = folder / "dev.spacy"
    for _ in range(2):
        assert crf("calibrate", model, dev, model, "-c", "names").exit_code == 0
        again = spacy.load(model)
        expected = fit_temperature(nlp, Corpus(dev)(nlp), "names")
        assert recognizer(again).settings.temperature == expected


def test_pipeline_that_writes_no_scores_is_measured_all_the_same(crf, folder, tmp_path):
    model, output = tmp_path / "model", tmp_path / "new"
    nlp = spacy.load(folder / "model")
    recognizer(nlp).cfg["spans_key"] = None
    nlp.to_disk(model)
    dev = folder / "dev.spacy"
    exit_code, text = crf("calibrate", model, dev, output)
    assert exit_code == 0
    measured = text[text.index("Bin Before") : text.index("In meta.json")]
    _, text = crf("calibrate", folder / "model", dev, tmp_path / "other")
    assert measured in text
    after = recognizer(spacy.load(output)).settings
    assert after.temperature > 1.5
    assert after.spans_key is None


@pytest.mark.parametrize("scores_key", [None, "probabilities"])
def test_tagger_is_calibrated(crf, tmp_path, scores_key):
    nlp = make_unsure_tagger(scores_key=scores_key)
    nlp.to_disk(tmp_path / "model")
    examples = sample_tags(nlp, 2.0, 20)
    dev = save_references(examples, tmp_path / "dev.spacy")
    output = tmp_path / "new"
    exit_code, text = crf("calibrate", tmp_path / "model", dev, output)
    assert exit_code == 0
    assert "Calibrating crf_tagger" in text
    tagger = spacy.load(output).get_pipe("crf_tagger")
    assert tagger.settings.scores_key == scores_key
    assert tagger.settings.temperature == pytest.approx(2.0, rel=0.2)
    assert f"Predictions {sum(max(len(eg.x) - 1, 0) for eg in examples)}" in text
    temperatures = (1.0, tagger.settings.temperature)
    before, after = (tag_scores(nlp, examples, value) for value in temperatures)
    assert f"ECE {before['tag_ece']:.3f} {after['tag_ece']:.3f}" in text
    assert f"Brier score {before['tag_brier']:.3f} {after['tag_brier']:.3f}" in text
    assert before["tag_ece"] > 2 * after["tag_ece"]
    assert before["tag_acc"] == after["tag_acc"]


def test_component_that_is_meant(crf, folder, tmp_path):
    nlp = spacy.load(folder / "model")
    nlp.add_pipe("crf_tagger", source=make_unsure_tagger())
    dev = folder / "dev.spacy"
    nlp.to_disk(tmp_path / "both")
    _, text = crf("calibrate", tmp_path / "both", dev, tmp_path / "new")
    assert "Calibrating crf_ner" in text
    nlp.rename_pipe("crf_ner", "names")
    nlp.to_disk(tmp_path / "renamed")
    exit_code, text = crf("calibrate", tmp_path / "renamed", dev, tmp_path / "new")
    assert exit_code == 1
    assert "['names', 'crf_tagger']" in text
    files = [tmp_path / "renamed", dev, tmp_path / "newer"]
    exit_code, text = crf("calibrate", *files, "-c", "crf_tagger")
    assert exit_code == 1
    assert "needs annotated documents with tags" in text


def test_scores_that_become_less_reliable_are_doubtful(crf, folder, tmp_path):
    """All predicted entities are right, and as many are missed as there can be."""
    nlp = spacy.load(folder / "model")
    examples = []
    for doc in nlp.pipe(text for text in TEXTS if text.strip()):
        reference = nlp.make_doc(doc.text)
        ents = [Span(reference, ent.start, ent.end, ent.label) for ent in doc.ents]
        missed = [token.i for token in doc if not token.ent_type]
        ents += [Span(reference, i, i + 1, "PERSON") for i in missed]
        reference.set_ents(ents, default="outside")
        examples.append(Example(nlp.make_doc(doc.text), reference))
    dev = save_references(examples, tmp_path / "dev.spacy")
    _, text = crf("calibrate", folder / "model", dev, tmp_path / "new")
    assert "less reliable than before" in text
    _, text = crf("calibrate", folder / "model", folder / "dev.spacy", tmp_path / "new")
    assert "less reliable than before" not in text


def test_temperature_at_its_bound_is_doubtful(crf, tmp_path):
    nlp = trained_nlp()
    nlp.to_disk(tmp_path / "model")
    dev = save_references(make_examples(nlp), tmp_path / "dev.spacy")
    exit_code, text = crf("calibrate", tmp_path / "model", dev, tmp_path / "new")
    assert exit_code == 0
    assert "at the bound of 0.1 to 10" in text


@pytest.mark.parametrize(
    ("ending", "signature"), [("png", b"\x89PNG"), ("svg", b"<?xml")]
)
def test_plot(crf, folder, tmp_path, ending, signature):
    path = tmp_path / "plots" / f"reliability.{ending}"
    files = [folder / "model", folder / "dev.spacy", tmp_path / "new"]
    exit_code, text = crf("calibrate", *files, "--plot", path)
    assert exit_code == 0
    assert f"Saved plot to {path}" in text
    drawn = path.read_bytes()
    assert drawn.startswith(signature)
    assert crf("calibrate", *files, "--plot", path).exit_code == 0
    assert path.read_bytes() == drawn


def test_plot_shows_each_of_many(tmp_path):
    names = ["before", "after", "else", "more", "again", "still"]
    measured = {name: reliability([0.2, 0.7], [False, True]) for name in names}
    path = tmp_path / "plot.svg"
    plot_reliability({**measured, "nothing": reliability([], [])}, path)
    drawn = path.read_text("utf8")
    assert all(f"{name} (ECE 0.250)" in drawn for name in names)
    assert "nothing" in drawn


@pytest.mark.parametrize(
    ("model", "dev", "message"),
    [
        ("absent", "dev.spacy", "Can't load pipeline"),
        ("model", "absent.spacy", "not found"),
        ("model", "broken.spacy", "Can't read documents"),
        ("model", "nothing.spacy", "needs annotated documents with entities"),
    ],
)
def test_what_cannot_be_calibrated(crf, folder, tmp_path, model, dev, message):
    output = tmp_path / "new"
    exit_code, text = crf("calibrate", folder / model, folder / dev, output)
    assert exit_code == 1
    assert message in text
    assert not output.exists()


def test_a_component_that_is_not_there(crf, folder, tmp_path):
    files = [folder / "model", folder / "dev.spacy", tmp_path / "new"]
    exit_code, text = crf("calibrate", *files, "--component", "ner")
    assert exit_code == 1
    assert "'ner' is not a crf_ner or crf_tagger component" in text
    assert "['crf_ner']" in text


def test_output_that_cannot_be_written(crf, folder, tmp_path):
    output = tmp_path / "file"
    output.touch()
    exit_code, text = crf("calibrate", folder / "model", folder / "dev.spacy", output)
    assert exit_code == 1
    assert "Can't write the pipeline" in text


def test_output_that_is_an_input_is_refused(crf, folder, tmp_path):
    dev = tmp_path / "dev.svg"
    dev.write_bytes((folder / "dev.spacy").read_bytes())
    for options in ((dev,), (tmp_path / "new", "--plot", dev)):
        exit_code, text = crf("calibrate", folder / "model", dev, *options)
        assert exit_code == 1
        assert "also an input" in text or "not a folder" in text
    assert dev.read_bytes() == (folder / "dev.spacy").read_bytes()


def test_folder_with_something_else_is_kept(crf, folder, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    exit_code, text = crf("calibrate", folder / "model", folder / "dev.spacy", tmp_path)
    assert exit_code == 1
    assert "something else than a pipeline" in text
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("is_installed", [True, False])
def test_plots_that_cannot_be_drawn(crf, folder, tmp_path, monkeypatch, is_installed):
    if not is_installed:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    files = [folder / "model", folder / "dev.spacy", tmp_path / "new"]
    path = tmp_path / ("plot.txt" if is_installed else "plot.png")
    exit_code, text = crf("calibrate", *files, "--plot", path)
    assert exit_code == 1
    reason = "must end in .png or .svg" if is_installed else "spacy-crf-tagger[plots]"
    assert reason in text
    # Nobody has to wait for it.
    assert not (tmp_path / "new").exists()
