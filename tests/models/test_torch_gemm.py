"""Matrix products by torch must be those of Thinc."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from thinc.api import Maxout, NumpyOps

from spacy_crf_tagger.models import kernels
from spacy_crf_tagger.models.torch_gemm import TorchGemmOps, use_torch_gemm
from spacy_crf_tagger.models.type_embed import build_type_embed

rng = np.random.default_rng(0)


@pytest.mark.parametrize("trans1", [False, True])
@pytest.mark.parametrize("trans2", [False, True])
@pytest.mark.parametrize(("n", "k", "m"), [(3, 4, 5), (1, 1, 1), (0, 2, 3), (2, 0, 3)])
def test_products(n, k, m, trans1, trans2):
    x = rng.normal(size=(k, n) if trans1 else (n, k)).astype("float32")
    y = rng.normal(size=(m, k) if trans2 else (k, m)).astype("float32")
    expected = (x.T if trans1 else x) @ (y.T if trans2 else y)
    for array in (x, y):
        array.flags.writeable = False
    ops = TorchGemmOps()
    found = ops.gemm(x, y, trans1=trans1, trans2=trans2)
    assert type(found) is np.ndarray
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    out = np.full((n, m), 7, dtype="float32")
    assert np.shares_memory(ops.gemm(x, y, out, trans1, trans2), out) or not out.size
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("with_out", [False, True])
def test_products_in_half_precision(with_out):
    x, y = (rng.normal(size=(3, 3)).astype("float32") for _ in range(2))
    out = np.zeros((3, 3), dtype="float32") if with_out else None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = TorchGemmOps().gemm(x, y, out)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, x @ y, atol=0.05)


def test_layers_compute_the_same():
    theirs = Maxout(4, 6).initialize()
    ours = theirs.copy()
    use_torch_gemm(ours)
    assert isinstance(ours.ops, TorchGemmOps)
    assert type(theirs.ops) is NumpyOps
    inputs, gradient = rng.normal(size=(5, 6)), rng.normal(size=(5, 4))
    results = []
    for model in (ours, theirs):
        outputs, backprop = model(inputs.astype("float32"), is_train=True)
        d_inputs = backprop(gradient.astype("float32"))
        results.append([outputs, d_inputs, model.get_grad("W"), model.get_grad("b")])
    for own, other in zip(*results, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)


def test_operations_of_a_gpu_are_left_alone():
    class OtherOps(NumpyOps):
        def gemm(self, *arguments, **settings):
            return super().gemm(*arguments, **settings)

    model = Maxout(4, 6)
    model.ops = OtherOps()
    use_torch_gemm(model)
    assert type(model.ops) is OtherOps


@pytest.mark.parametrize("way", ["training", "prediction without kernels"])
def test_the_default_features_use_it(way, monkeypatch):
    monkeypatch.setattr(kernels, "are_available", lambda: False)
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=["Ada", "saw", "York"])]
    model = build_type_embed(8, ["NORM", "SHAPE"], [50, 50], False)
    model.initialize(X=docs)
    again = build_type_embed(8, ["NORM", "SHAPE"], [50, 50], False)
    again.from_bytes(model.to_bytes())
    expected = model.predict(docs)[0]
    for same in (again, model.copy()):
        if way == "training":
            vectors = same.begin_update(docs)[0][0]
        else:
            vectors = same.predict(docs)[0]
        np.testing.assert_array_equal(vectors, expected)
        layers = [node for layer in same.layers for node in layer.walk()]
        assert all(isinstance(node.ops, TorchGemmOps) for node in layers)
