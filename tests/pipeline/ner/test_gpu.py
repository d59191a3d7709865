"""The same component on a GPU gives what it gives on the CPU."""

import numpy as np
import pytest
from thinc.api import SGD, Adam, get_current_ops, require_cpu, require_gpu
from thinc.util import has_cupy_gpu, has_torch_cuda_gpu

from tests.helpers.component import (
    TEXTS,
    TRAIN_DATA,
    entities,
    fit,
    make_examples,
    make_nlp,
    parameters,
    recognizer,
    trained_nlp,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not (has_cupy_gpu and has_torch_cuda_gpu),
        reason="needs an NVIDIA GPU, CuPy and torch with CUDA",
    ),
]
CLOSE = {"rtol": 1e-3, "atol": 1e-3}
# cuDNN computes LSTMs in TF32, ten bits after the point, unless torch is told not to.
CLOSE_IN_TF32 = {"rtol": 1e-2, "atol": 1e-2}
SETTINGS = [("biluo", "crf"), ("bio", "crf"), ("biluo", "softmax")]
everywhere = pytest.mark.parametrize(("scheme", "output"), SETTINGS)
DOG_DATA = [("Rex barks", {"entities": [(0, 3, "DOG")]})]


@pytest.fixture(autouse=True)
def cpu_before_and_after():
    require_cpu()
    yield
    require_cpu()


def on_gpu(cpu_nlp, scheme="biluo", output="crf"):
    """The pipeline again, in the memory of the GPU, where the test goes on."""
    saved = cpu_nlp.to_bytes()
    require_gpu()
    nlp = make_nlp(scheme, output=output).from_bytes(saved)
    network = recognizer(nlp).model.get_ref("scores").shims[0].built
    assert {values.device.type for values in network.parameters()} == {"cuda"}
    return nlp


@everywhere
def test_predictions_are_those_of_the_cpu(scheme, output):
    cpu_nlp = trained_nlp(scheme, output)
    expected = [entities(doc) for doc in cpu_nlp.pipe(TEXTS)]
    docs = [cpu_nlp.make_doc(text) for text in TEXTS]
    emissions = recognizer(cpu_nlp).model.predict(docs).emissions
    nlp = on_gpu(cpu_nlp, scheme, output)
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    assert [entities(nlp(text)) for text in TEXTS] == expected
    ours = recognizer(nlp).model.predict([nlp.make_doc(text) for text in TEXTS])
    np.testing.assert_allclose(
        get_current_ops().to_numpy(ours.emissions), emissions, **CLOSE_IN_TF32
    )


@everywhere
def test_updates_are_those_of_the_cpu(scheme, output):
    cpu_nlp = trained_nlp(scheme, output)
    data = [*TRAIN_DATA, ("", {}), ("Not annotated", {})]
    wrong = [("We left", {"entities": [(0, 2, "PLACE")]})]
    gpu_nlp = on_gpu(cpu_nlp, scheme, output)
    losses, weights = {}, {}
    pipelines = {"gpu": (gpu_nlp, require_gpu), "cpu": (cpu_nlp, require_cpu)}
    for name, (nlp, use) in pipelines.items():
        use()
        examples = make_examples(nlp, [*data, *wrong])
        losses[name] = fit(nlp, examples, 3, sgd=SGD(0.01))[-1]["crf_ner"]
        weights[name] = parameters(recognizer(nlp))
    assert losses["gpu"] == pytest.approx(losses["cpu"], rel=1e-3)
    for name, values in weights["cpu"].items():
        np.testing.assert_allclose(weights["gpu"][name], values, **CLOSE)


@everywhere
def test_training_from_scratch_and_back_to_the_cpu(scheme, output):
    require_gpu()
    nlp = make_nlp(scheme, output=output)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    fit(nlp, examples, 60, drop=0.1)
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    saved = nlp.to_bytes()
    require_cpu()
    cpu_nlp = make_nlp(scheme, output=output).from_bytes(saved)
    assert [entities(doc) for doc in cpu_nlp.pipe(TEXTS)] == expected


def test_growth_and_averages():
    nlp = on_gpu(trained_nlp())
    optimizer = Adam(0.01, use_averages=True)
    fit(nlp, make_examples(nlp), 3, sgd=optimizer)
    fit(nlp, make_examples(nlp, [*TRAIN_DATA, *DOG_DATA]), 60, sgd=optimizer)
    own = parameters(recognizer(nlp))
    with nlp.use_params(optimizer.averages):
        averaged = parameters(recognizer(nlp))
        scores = nlp.evaluate(make_examples(nlp, [*TRAIN_DATA, *DOG_DATA]))
    assert scores["ents_f"] == 1.0
    assert any((averaged[name] != own[name]).any() for name in own)
    for name, values in parameters(recognizer(nlp)).items():
        np.testing.assert_array_equal(values, own[name])


def test_rehearsal():
    nlp = on_gpu(trained_nlp())
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    recognizer(nlp).add_label("DOG")
    fit(nlp, make_examples(nlp, DOG_DATA), 10, sgd=optimizer)
    losses = [
        nlp.rehearse(make_examples(nlp), sgd=optimizer)["crf_ner"] for _ in range(20)
    ]
    assert losses[-1] < losses[0]
