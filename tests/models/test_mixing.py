"""Attributes mixed value by value are those mixed word by word."""

import numpy as np
import pytest
from thinc.api import HashEmbed, Maxout, concatenate

from spacy_crf_tagger.models import mixing


@pytest.mark.parametrize("n_tables", [1, 3])
@pytest.mark.parametrize("n_more", [0, 5])
@pytest.mark.parametrize("n_words", [1, 127, 128, 1000])
def test_equal_to_the_layers(n_words: int, n_more: int, n_tables: int) -> None:
    tables = [
        HashEmbed(8, 50, column=column, seed=column) for column in range(n_tables)
    ]
    embed = concatenate(*tables) if n_tables > 1 else tables[0]
    mix = Maxout(6, 8 * n_tables + n_more, nP=3, normalize=True)
    embed.initialize()
    mix.initialize()
    rng = np.random.default_rng(0)
    maxout = mix.layers[0]
    maxout.set_param("b", rng.standard_normal((6, 3)).astype("float32"))
    values = rng.integers(0, 40, (n_words, n_tables)).astype("uint64")
    more = rng.standard_normal((n_words, n_more)).astype("float32") if n_more else None
    mixed = mixing.predict_mixed(embed, mix, values, more)
    embedded = embed.predict(values)
    if more is not None:
        embedded = np.hstack([embedded, more])
    np.testing.assert_allclose(mixed, mix.predict(embedded), rtol=1e-4, atol=1e-5)
