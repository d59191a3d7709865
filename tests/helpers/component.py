"""Small pipelines, annotated examples and measurements for tests of the component."""

import gc
import json
import subprocess
import sys
from functools import cache
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config
from thinc.api import Adam, Optimizer

from spacy_crf_tagger.crf import Lattice, Potentials, forward_backward
from spacy_crf_tagger.crf.lattice import Marginals
from spacy_crf_tagger.pipeline.ner.component import CRFEntityRecognizer

TRAIN_DATA: List[Tuple[str, Dict[str, Any]]] = [
    (
        "Ada Lovelace met Grace in Paris.",
        {"entities": [(0, 12, "PERSON"), (17, 22, "PERSON"), (26, 31, "PLACE")]},
    ),
    (
        "We left New York for Paris",
        {"entities": [(8, 16, "PLACE"), (21, 26, "PLACE")]},
    ),
]
TEXTS = [
    "Ada Lovelace met Grace in Paris.",
    "",
    "Grace left New York.",
    "Nobody",
    "We met in Paris, and then again in New York, before we left for Paris. " * 3,
    " \n",
    "Grace met Ada Lovelace",
]
SMALL_TOK2VEC = {
    "@architectures": "spacy_crf_tagger.TypeEmbed.v1",
    "width": 16,
    "attrs": ["NORM", "SHAPE"],
    "rows": [200, 50],
    "include_static_vectors": False,
    "form_dropout": 0.0,
}
SMALL_MODEL = {
    "@architectures": "spacy_crf_tagger.BiLSTMAttentionCRF.v1",
    "tok2vec": SMALL_TOK2VEC,
    "hidden_width": 16,
    "attention_heads": 2,
    "attention_width": None,
    "word_dropout": 0.0,
}
EntityTuple = Tuple[int, int, str]


def small_model(**settings: Any) -> Dict[str, Any]:
    return {**SMALL_MODEL, **settings}


def make_nlp(
    scheme: str = "biluo",
    labels: Sequence[str] = (),
    name: str = "crf_ner",
    **model_settings: Any,
) -> Language:
    """A blank pipeline with a small component, not initialised."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = small_model(**model_settings)
    config = {"scheme": scheme, "model": model}
    ner = nlp.add_pipe("crf_ner", name=name, config=config)
    for label in labels:
        ner.add_label(label)
    return nlp


def make_examples(nlp: Language, data: Any = None) -> List[Example]:
    return [
        Example.from_dict(nlp.make_doc(text), annotation)
        for text, annotation in (TRAIN_DATA if data is None else data)
    ]


def fit(
    nlp: Language,
    examples: Sequence[Example],
    steps: int,
    sgd: Optional[Optimizer] = None,
    **update: Any,
) -> List[Dict[str, float]]:
    """Update a pipeline a number of times. RETURNS the losses of each step."""
    sgd = sgd or Adam(0.01)
    return [nlp.update(examples, sgd=sgd, losses={}, **update) for _ in range(steps)]


@cache
def _trained(scheme: str, output: str) -> Tuple[str, bytes]:
    nlp = make_nlp(scheme, output=output)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    fit(nlp, examples, 40)
    return json.dumps(nlp.config), nlp.to_bytes()


def trained_nlp(scheme: str = "biluo", output: str = "crf") -> Language:
    """A pipeline of its own for each caller, which knows TRAIN_DATA by heart."""
    config, data = _trained(scheme, output)
    return load_model_from_config(json.loads(config)).from_bytes(data)


def recognizer(nlp: Language) -> CRFEntityRecognizer:
    [ner] = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, CRFEntityRecognizer)]
    return ner


def entities(doc: Doc) -> List[EntityTuple]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def iob(doc: Doc) -> List[str]:
    return [token.ent_iob_ for token in doc]


def annotated(
    nlp: Language,
    words: Sequence[str],
    spans: Iterable[EntityTuple] = (),
    blocked: Iterable[int] = (),
    sent_starts: Optional[Sequence[Optional[bool]]] = None,
    **kwargs: Any,
) -> Doc:
    """A document with entities and blocked tokens; the other tokens are missing."""
    doc = Doc(nlp.vocab, words=list(words), sent_starts=sent_starts)
    ents = [Span(doc, start, end, label=label) for start, end, label in spans]
    doc.set_ents(
        ents, blocked=[doc[i : i + 1] for i in blocked], default="missing", **kwargs
    )
    return doc


def marginals_of(ner: CRFEntityRecognizer, docs: Sequence[Doc]) -> Marginals:
    """The probabilities that the component gives to tags, presets left aside."""
    potentials: Potentials = ner.model.predict(docs)
    return forward_backward(Lattice.build(potentials, ner.scheme.constraints))


def parameters(ner: CRFEntityRecognizer) -> Dict[str, np.ndarray]:
    """Copies of the torch parameters."""
    network = ner.model.get_ref("scores").shims[0].built
    return {
        name: values.detach().cpu().numpy().copy()
        for name, values in network.named_parameters()
    }


def set_parameter(ner: CRFEntityRecognizer, name: str, values: Any) -> None:
    network = ner.model.get_ref("scores").shims[0].built
    dict(network.named_parameters())[name].data[...] = values


def randomize(ner: CRFEntityRecognizer, seed: int, scale: float) -> None:
    """Give every torch parameter random values, so that all tags get predicted."""
    rng = np.random.default_rng(seed)
    network = ner.model.get_ref("scores").shims[0].built
    for values in network.parameters():
        noise = rng.normal(scale=scale, size=tuple(values.shape))
        values.data[...] = values.data.new_tensor(noise)


def count_living(kind: type) -> int:
    """RETURNS (int): How many objects of a class, or of one below it, there are."""
    gc.collect()
    # `isinstance` would ask weak proxies for the class of what is no longer there.
    return sum(issubclass(type(found), kind) for found in gc.get_objects())


def run_python(*arguments: str, timeout: float = 120) -> str:
    """Run a fresh interpreter. RETURNS what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def random_document(nlp, rng):
    """Words and whitespace with random sentences, presets and blocked tokens."""
    length = rng.randint(1, 12)
    known = ["We", "left", "New", "York", "for", "Paris", "\n", " "]
    words = [rng.choice(known) for _ in range(length)]
    sent_starts = [rng.choice([True, False, None]) for _ in range(length)]
    doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
    groups = {"entities": [], "blocked": [], "missing": [], "outside": []}
    start = 0
    while start < length:
        end = min(length, start + rng.randint(1, 3))
        kind = rng.choice(["entities", "blocked", "missing", "missing", "outside"])
        groups[kind].append(doc[start:end])
        start = end
    labels = ["PERSON", "PLACE", "NEVER-SEEN"]
    presets = [
        Span(
            doc, span.start, span.end, label=rng.choice(labels), kb_id=rng.randint(1, 9)
        )
        for span in groups.pop("entities")
    ]
    doc.set_ents(presets, **groups)
    return doc
