"""What other libraries set for the whole process or thread changes nothing."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import torch
from spacy.util import fix_random_seed

from tests.helpers.component import (
    TEXTS,
    entities,
    make_examples,
    make_nlp,
    parameters,
    recognizer,
    trained_nlp,
)


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def threads(number):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


STATES = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "grad": lambda: torch.set_grad_enabled(True),
    "device": lambda: torch.device("meta"),
    "threads": lambda: threads(2),
    "deterministic": deterministic,
    "errors of NumPy": lambda: np.errstate(all="raise"),
}
any_state = pytest.mark.parametrize("state", STATES.values(), ids=STATES)


def answers(nlp):
    ner = recognizer(nlp)
    docs = list(nlp.pipe(TEXTS))
    long = nlp.make_doc(TEXTS[4] * 10)
    return (
        [entities(doc) for doc in docs],
        np.concatenate([doc.spans["crf_ner"].attrs["scores"] for doc in docs]),
        ner.marginals(long)[0].tags,
        ner.span_probabilities(long, [[(0, 1, "PLACE"), (4, 5, "PLACE")]])[0],
        [a.probability for a in ner.k_best(long, 3)[0]],
    )


def assert_same(found, expected):
    assert found[0] == expected[0]
    for one, other in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@cache
def answers_as_ever(**settings):
    nlp = trained_nlp()
    recognizer(nlp).cfg.update(settings)
    return answers(nlp)


@any_state
@pytest.mark.parametrize("settings", [{}, {"decoder": "mbr", "threshold": 0.1}])
def test_prediction(state, settings):
    nlp = trained_nlp()
    recognizer(nlp).cfg.update(settings)
    expected = answers_as_ever(**settings)
    assert any(expected[0])
    with state():
        assert_same(answers(nlp), expected)


@any_state
def test_loading(state):
    expected, data = answers_as_ever(), trained_nlp().to_bytes()
    with state():
        again = make_nlp().from_bytes(data)
    assert_same(answers(again), expected)
    again.update(make_examples(again))
    with state():
        assert_same(answers(make_nlp().from_bytes(data)), expected)


@cache
def trained_as_ever():
    return after_training()


def after_training():
    nlp = make_nlp(word_dropout=0.1)
    examples = make_examples(nlp)
    fix_random_seed(0)
    sgd = nlp.initialize(lambda: examples)
    losses = [nlp.update(examples, drop=0.2, sgd=sgd)["crf_ner"] for _ in range(5)]
    recognizer(nlp).add_label("NEW")
    nlp.update(examples, sgd=sgd)
    with nlp.use_params(sgd.averages):
        return losses, list(parameters(recognizer(nlp)).values())


@any_state
def test_training(state):
    expected = trained_as_ever()
    with state():
        losses, weights = after_training()
    assert losses == pytest.approx(expected[0], rel=1e-4)
    for one, other in zip(weights, expected[1], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_training_in_autocast_is_in_single_precision():
    expected = trained_as_ever()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses, _ = after_training()
    # Thinc's own layers multiply by torch as well.
    assert losses == pytest.approx(expected[0], rel=1e-4)


def test_rehearsal_and_copies_in_inference_mode():
    with torch.inference_mode():
        nlp = trained_nlp()
        sgd = nlp.resume_training()
        copied = recognizer(nlp).model.copy()
        nlp.rehearse(make_examples(nlp), sgd=sgd)
    for shim in (copied.layers[-1].shims[0], recognizer(nlp).model.layers[-1].shims[0]):
        assert not any(p.is_inference() for p in shim.network.parameters())


def test_prediction_beside_training():
    """No weight changes, so that no prediction must: dropout is for training alone."""
    nlp = make_nlp(word_dropout=0.9)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    ner, doc = recognizer(nlp), nlp.make_doc(TEXTS[0])
    for _ in range(3):
        nlp.update(examples)
    expected = ner.marginals(doc)[0].tags
    done = threading.Event()

    def train():
        while not done.is_set():
            nlp.update(examples, sgd=False, drop=0.9)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(200):
            np.testing.assert_allclose(ner.marginals(doc)[0].tags, expected, atol=1e-6)
    finally:
        done.set()
        thread.join()


def test_network_has_no_mode():
    nlp = trained_nlp()
    network = recognizer(nlp).model.layers[-1].shims[0].network
    expected = answers(nlp)
    network.eval()
    nlp.update(make_examples(nlp), sgd=False, drop=0.9)
    assert_same(answers(nlp), expected)
    network.train()
    assert_same(answers(nlp), expected)


# "POSIX" is another name of "C". The last one may be missing, and decimals have a comma
# where it is not.
LOCALES = ["C", "POSIX", "de_DE.UTF-8"]
SHOW_IN_LOCALES = """
import locale, sys
from contextlib import suppress
from spacy_crf_tagger.cli import spacy_app
assert sys.stdout.encoding != "utf-8" and sys.getfilesystemencoding() != "utf-8"
model, text, *names = sys.argv[1:]
for name in names:
    with suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, name)
    spacy_app(["crf", "show", model, text], standalone_mode=False)
"""


def test_foreign_locale(tmp_path):
    trained_nlp().to_disk(tmp_path / "model")
    arguments = (tmp_path / "model", "Grace – é", *LOCALES)
    environment = {**os.environ, "LC_ALL": LOCALES[0], "PYTHONUTF8": "0"}
    environment["PYTHONCOERCECLOCALE"] = "0"
    result = subprocess.run(
        [sys.executable, "-c", SHOW_IN_LOCALES, *arguments],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode("utf8", "replace")[-2000:]
    assert result.stdout.count(b"Grace") >= len(LOCALES)
