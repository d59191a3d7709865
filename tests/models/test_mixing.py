"""Attributes mixed value by value are those mixed word by word."""

import numpy as np
import pytest
from thinc.api import HashEmbed, Linear, Maxout, concatenate

from spacy_crf_tagger.models import kernels, mixing

rng = np.random.default_rng(0)


def make_layers(n_tables: int = 3, n_known: int = 0, width: int = 6) -> tuple:
    tables = [
        HashEmbed(8, 50, column=column, seed=column) for column in range(n_tables)
    ]
    embed = concatenate(*tables) if n_tables > 1 else tables[0]
    project = Linear(7, n_known) if n_known else None
    mix = Maxout(width, 8 * n_tables + (7 if n_known else 0), nP=3, normalize=True)
    for layer in filter(None, (embed, mix, project)):
        layer.initialize()
    maxout, norm = mix.layers
    for node, name in ((maxout, "b"), (norm, "G"), (norm, "b")):
        shape = node.get_param(name).shape
        node.set_param(name, rng.standard_normal(shape).astype("float32"))
    return embed, mix, project


def make_values(n_words: int, n_tables: int = 3) -> np.ndarray:
    return rng.integers(0, 40, (n_words, n_tables)).astype("uint64")


@pytest.mark.parametrize("has_kernels", [True, False])
@pytest.mark.parametrize("n_tables", [1, 3])
@pytest.mark.parametrize("n_known", [0, 5])
@pytest.mark.parametrize("n_words", [1, 127, 1000])
@pytest.mark.parametrize("width", [6, 32])
def test_equal_to_the_layers(
    n_words: int,
    n_known: int,
    n_tables: int,
    width: int,
    has_kernels: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "are_available", lambda: has_kernels)
    embed, mix, project = make_layers(n_tables, n_known, width)
    values = make_values(n_words, n_tables)
    known = rng.standard_normal((n_words, n_known)).astype("f") if n_known else None
    mixed = mixing.predict_mixed(embed, mix, values, known, project)
    embedded = embed.predict(values)
    if project is not None:
        embedded = np.hstack([embedded, project.predict(known)])
    np.testing.assert_allclose(mixed, mix.predict(embedded), rtol=1e-4, atol=2e-5)


def test_what_is_mixed_beside_a_word_changes_no_bit() -> None:
    embed, mix, project = make_layers(n_known=5)
    values, known = make_values(300), rng.standard_normal((300, 5)).astype("f")
    together = mixing.predict_mixed(embed, mix, values, known, project)
    for first, last in ((0, 1), (1, 8), (8, 200)):
        own = slice(first, last)
        alone = mixing.predict_mixed(embed, mix, values[own], known[own], project)
        assert alone.tobytes() == together[own].tobytes()


def test_weights_that_change_in_place_are_used() -> None:
    embed, mix, project = make_layers(n_known=5)
    values, known = make_values(10), rng.standard_normal((10, 5)).astype("f")
    for node, name in ((mix.layers[0], "W"), (project, "W"), (mix.layers[0], "b")):
        before = mixing.predict_mixed(embed, mix, values, known, project)
        node.get_param(name)[...] *= 2.0
        after = mixing.predict_mixed(embed, mix, values, known, project)
        assert (before != after).any()
        embedded = np.hstack([embed.predict(values), project.predict(known)])
        np.testing.assert_allclose(after, mix.predict(embedded), rtol=1e-4, atol=2e-5)
