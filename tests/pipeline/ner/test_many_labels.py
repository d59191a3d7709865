"""A thousand labels, which are four thousand tags and sixteen million transitions."""

import time

import spacy
from spacy.training import Example

from tests.helpers.component import SMALL_MODEL

# On an idle core all of them together take less than the time of one.
SECONDS = 10


def test_a_thousand_labels_do_not_make_the_first_prediction_and_update_long():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("crf_ner", config={"model": SMALL_MODEL})
    for number in range(1000):
        pipe.add_label(f"LABEL{number}")
    text = "Ada Lovelace met Grace in Paris."
    spans = {"entities": [(0, 12, "LABEL1"), (26, 31, "LABEL999")]}
    example = Example.from_dict(nlp.make_doc(text), spans)
    optimizer = nlp.initialize(lambda: [example])

    start = time.process_time()
    assert not nlp(text).ents
    assert time.process_time() - start < SECONDS
    start = time.process_time()
    losses = nlp.update([example], sgd=optimizer)
    assert time.process_time() - start < SECONDS
    assert 0 < nlp.update([example], sgd=optimizer)["crf_ner"] < losses["crf_ner"]
