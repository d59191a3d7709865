"""The factory of `crf_ner` and its defaults; every spaCy process imports this."""

from typing import Any, Callable, List, Optional

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Config, Model

from .component import CRFEntityRecognizer
from .crf import Potentials

DEFAULT_CONFIG = """
[model]
@architectures = "spacy_crf_tagger.BiLSTMAttentionCRF.v1"
hidden_width = 192
depth = 1
attention_heads = 4
dropout = null
word_dropout = 0.05
output = "crf"
crf_learn_rate_scale = 1.0
window = 512
overlap = 64
nO = null

[model.tok2vec]
@architectures = "spacy_crf_tagger.TypeEmbed.v1"
width = 128
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 2500]
include_static_vectors = false
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_CONFIG)["model"]


@Language.factory(
    "crf_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "scheme": "biluo",
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
    },
)
def make_crf_ner(
    nlp: Language,
    name: str,
    model: Model[List[Doc], Potentials],
    scheme: str,
    scorer: Optional[Callable[..., Any]],
) -> CRFEntityRecognizer:
    """Create a `crf_ner` component.

    nlp (Language): The pipeline.
    name (str): The name of the component in the pipeline.
    model (Model[List[Doc], Potentials]): The model that scores tags.
    scheme (str): The tag scheme, `"biluo"` or `"bio"`.
    scorer (Optional[Callable]): The scoring method.
    RETURNS (CRFEntityRecognizer): The component.
    """
    return CRFEntityRecognizer(nlp.vocab, model, name, scheme=scheme, scorer=scorer)
