import json
import re

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import load_model_from_config

from spacy_crf_tagger.cli.distillation import loop
from tests.helpers.component import (
    SMALL_MODEL,
    TRAIN_DATA,
    entities,
    make_examples,
    recognizer,
    trained_nlp,
)
from tests.helpers.tagging import TAGS, make_unsure_tagger, tagger_of
from tests.project.test_training_loop import CONFIG

TEXT = "We left New York"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Teachers, a config for students, and a corpus that is not annotated."""
    path = tmp_path_factory.mktemp("distill")
    for scheme in ("biluo", "bio"):
        trained_nlp(scheme).to_disk(path / scheme)
    blank = spacy.blank("en")
    blank.add_pipe("sentencizer")
    blank.to_disk(path / "blank")
    rules = spacy.blank("en")
    ruler = rules.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "CITY", "pattern": "New York"}])
    rules.to_disk(path / "rules")
    plain, annotated = DocBin(), DocBin()
    for example in make_examples(blank):
        plain.add(example.predicted)
        annotated.add(example.reference)
    plain.to_disk(path / "plain.spacy")
    annotated.to_disk(path / "annotated.spacy")
    lines = [json.dumps({"text": text}) for text, _ in TRAIN_DATA]
    (path / "texts.jsonl").write_text("\n".join([*lines, ""]))
    (path / "broken.jsonl").write_text('{"text": "We left"}\n{"words": []}\n')
    config = spacy.util.Config().from_str(CONFIG, interpolate=False)
    config["components"]["crf_ner"]["model"] = SMALL_MODEL
    config["corpora"]["dev"]["path"] = str(path / "annotated.spacy")
    write_filled(config, path / "student.cfg")
    config["initialize"] = {"components": {"crf_ner": {"labels": ["PERSON"]}}}
    write_filled(config, path / "labelled.cfg")
    del config["initialize"]
    config["corpora"]["train"]["path"] = "nowhere.spacy"
    write_filled(config, path / "gone.cfg")
    config["corpora"]["train"]["path"] = "${paths.corpus}"
    del config["components"]["crf_ner"]
    config["nlp"]["pipeline"] = ["crf_tagger"]
    model = {**SMALL_MODEL, "first_tag_bias": 0.0}
    config["components"]["crf_tagger"] = {"factory": "crf_tagger", "model": model}
    write_filled(config, path / "tagger.cfg")
    return path


def write_filled(config, path):
    load_model_from_config(config.copy(), auto_fill=True).config.to_disk(path)


def settings(folder, corpus="plain", steps=1, **others):
    values = {
        "paths.corpus": folder / f"{corpus}.spacy",
        "training.max_steps": steps,
        "training.eval_frequency": steps,
        **{name.replace("__", "."): value for name, value in others.items()},
    }
    return [f"--{name}={value}" for name, value in values.items()]


def test_student_of_two_networks_reproduces_them(crf, folder, tmp_path):
    teachers = f"{folder / 'biluo'},{folder / 'bio'}"
    more = ["--text", folder / "texts.jsonl"]
    more += settings(folder, steps=40, training__optimizer__learn_rate=0.03)
    exit_code, text = crf("distill", teachers, folder / "student.cfg", tmp_path, *more)
    assert exit_code == 0, text
    assert "Texts without annotation: 2" in text
    assert f"Saved model-best and model-last to {tmp_path}" in text
    for name in ("model-best", "model-last"):
        student, teacher = spacy.load(tmp_path / name), trained_nlp()
        assert recognizer(student).labels == ("PERSON", "PLACE")
        for each, _ in TRAIN_DATA:
            assert entities(student(each)) == entities(teacher(each))
        assert student.meta["performance"]["ents_f"] == 1.0
        theirs, ours = (
            recognizer(nlp).marginals(nlp.make_doc(TEXT))[0].labels
            for nlp in (teacher, student)
        )
        assert abs(theirs - ours).max() < 0.2


def test_a_pipeline_of_rules_teaches_what_it_annotates(crf, folder, tmp_path):
    output = tmp_path / "out"
    more = settings(folder, steps=15, training__optimizer__learn_rate=0.03)
    exit_code, text = crf(
        "distill", folder / "rules", folder / "student.cfg", output, *more
    )
    assert exit_code == 0, text
    student = spacy.load(output / "model-last")
    assert entities(student(TEXT)) == [(2, 4, "CITY")]


def test_annotation_may_have_labels_that_the_teacher_lacks(crf, folder, tmp_path):
    more = ["--weight", "0.5", *settings(folder, "annotated")]
    teacher, config = folder / "rules", folder / "student.cfg"
    exit_code, text = crf("distill", teacher, config, tmp_path / "out", *more)
    assert exit_code == 0, text
    assert "The teacher does not know PERSON, PLACE" in text
    student = spacy.load(tmp_path / "out" / "model-last")
    assert recognizer(student).labels == ("CITY", "PERSON", "PLACE")
    # It can be trained again by the same config.
    labels = student.config["initialize"]["components"]["crf_ner"]["labels"]
    assert labels == ["CITY", "PERSON", "PLACE"]


def test_tagger_is_distilled(crf, folder, tmp_path):
    make_unsure_tagger().to_disk(tmp_path / "teacher")
    more = ["--temperature", "2", *settings(folder)]
    more += ["--text", folder / "texts.jsonl"]
    config, output = folder / "tagger.cfg", tmp_path / "out"
    exit_code, text = crf("distill", tmp_path / "teacher", config, output, *more)
    assert exit_code == 0, text
    student = spacy.load(tmp_path / "out" / "model-last")
    assert tagger_of(student).labels == tuple(sorted(TAGS))


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ("nowhere student.cfg", "", "Can't load pipeline"),
        ("biluo words.txt", "", "There is no config .*spacy crf vectors"),
        ("biluo student.cfg", "--weight 0", "--weight must be a number from 0 to 1"),
        ("biluo student.cfg", "--temperature 0", "--temperature must be"),
        ("biluo student.cfg", "-c other", "'other' is not a crf_ner or crf_tagger"),
        ("biluo student.cfg", "--no-dots 3", "Can't read the options"),
        ("blank student.cfg", "", "no component that sets doc.ents.*sentencizer"),
        ("biluo student.cfg", "--teacher rules", "whose scores can be learned, but"),
        ("biluo student.cfg", "--text broken.jsonl", "Can't read broken.jsonl.* row 2"),
        ("biluo student.cfg", "--text none.txt", "Can't read none.txt.*no such file"),
        (
            "biluo student.cfg",
            '--training.frozen_components ["crf_ner"]',
            "frozen_components",
        ),
        (", student.cfg", "", "There is no teacher"),
        ("biluo gone.cfg", "", "Can't distil into gone.cfg.*No such file.*nowhere"),
        ("biluo labelled.cfg", "", r"the student does not have: \['PLACE'\]"),
    ],
)
def test_mistakes_are_explained(
    crf, folder, tmp_path, monkeypatch, arguments, options, error
):
    monkeypatch.chdir(folder)
    output = tmp_path / "out"
    more = [*options.split(), *settings(folder)]
    exit_code, text = crf("distill", *arguments.split(), output, *more)
    assert exit_code == 1
    assert re.search(error, text), text
    assert not output.exists()


def test_texts_are_looked_for_before_anything_else(crf, folder, tmp_path):
    arguments = ("nowhere", folder / "student.cfg", tmp_path / "out")
    exit_code, text = crf("distill", *arguments, "--text", folder / "none.txt")
    assert exit_code == 1
    assert "no such file" in text
    assert "nowhere" not in text


def test_what_is_no_pipeline_is_not_replaced(crf, folder, tmp_path):
    note = tmp_path / "out" / "model-best" / "note.txt"
    note.parent.mkdir(parents=True)
    note.write_text("mine")
    teacher, config = folder / "biluo", folder / "student.cfg"
    exit_code, text = crf(
        "distill", teacher, config, tmp_path / "out", *settings(folder)
    )
    assert exit_code == 1
    assert "holds something else than a pipeline" in text
    assert note.read_text() == "mine"


def test_a_training_that_is_interrupted_leaves_whole_pipelines(
    crf, folder, tmp_path, monkeypatch
):
    steps = loop.train_while_improving

    def interrupted(*args, **kwargs):
        yield next(steps(*args, **kwargs))
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train_while_improving", interrupted)
    teacher, config = folder / "biluo", folder / "student.cfg"
    exit_code, _ = crf("distill", teacher, config, tmp_path, *settings(folder))
    assert exit_code != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model-best",
        "model-last",
    ]
    for path in tmp_path.iterdir():
        assert recognizer(spacy.load(path)).labels == ("PERSON", "PLACE")
