"""The factory of `crf_ner` and its defaults; every spaCy process imports this."""

from typing import Any, Callable, Dict, List, Optional

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Config, Model

from ...crf import Potentials
from .component import CRFEntityRecognizer
from .settings import Settings

DEFAULT_CONFIG = """
[model]
@architectures = "spacy_crf_tagger.BiLSTMAttentionCRF.v1"
hidden_width = 256
depth = 1
attention_heads = 4
attention_width = 64
dropout = null
word_dropout = 0.05
output = "crf"
learn_rate_scale = 1.0
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
form_dropout = 0.4
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_CONFIG)["model"]
DEFAULT_SETTINGS = Settings().to_cfg()
# Calibration finds it, and stores it with the weights.
del DEFAULT_SETTINGS["temperature"]
# Were this a section, spaCy would merge it with the user's before anybody has looked at
# that, and fail at keys that are no strings.
DEFAULT_SETTINGS["label_weights"] = None


@Language.factory(
    "crf_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        **DEFAULT_SETTINGS,
        "scorer": {"@scorers": "spacy_crf_tagger.ner_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
        "ents_calib": 0.0,
        "ents_ece": None,
        "ents_brier": None,
    },
)
def make_crf_ner(
    nlp: Language,
    name: str,
    model: Model[List[Doc], Potentials],
    scheme: str,
    spans_key: Optional[str],
    decoder: str,
    threshold: Optional[float],
    presets: str,
    missing: str,
    entity_ratio: float,
    entity_ratio_margin: float,
    entity_ratio_weight: float,
    incorrect_spans_key: Optional[str],
    label_weights: Optional[Dict[str, float]],
    scorer: Optional[Callable[..., Any]],
) -> CRFEntityRecognizer:
    """Create a `crf_ner` component. What the settings mean is said at `Settings`.

    nlp (Language): The pipeline.
    name (str): The name of the component in the pipeline.
    model (Model[List[Doc], Potentials]): The model that scores tags.
    scheme (str): The tag scheme, `"biluo"` or `"bio"`.
    spans_key (Optional[str]): Where `doc.spans` holds predicted entities with scores.
    decoder (str): `"viterbi"` or `"mbr"`.
    threshold (Optional[float]): Least probability of an entity that is written.
    presets (str): `"respect"` or `"ignore"` what is set already.
    missing (str): What tokens without annotation are in training: `"latent"`,
        `"outside"` or `"expected_entity_ratio"`.
    entity_ratio (float): The expected share of tokens in entities.
    entity_ratio_margin (float): How far the share may be off at no cost.
    entity_ratio_weight (float): Weight of that cost.
    incorrect_spans_key (Optional[str]): Where `doc.spans` of the annotation holds spans
        that are no entities.
    label_weights (Optional[Dict[str, float]]): How many times its weight an analysis
        gets in training for each token that it gets wrong, by label.
    scorer (Optional[Callable]): The scoring method.
    RETURNS (CRFEntityRecognizer): The component.
    RAISES (ValueError): For a setting that is not allowed.
    """
    return CRFEntityRecognizer(
        nlp.vocab,
        model,
        name,
        scorer=scorer,
        scheme=scheme,
        spans_key=spans_key,
        decoder=decoder,
        threshold=threshold,
        presets=presets,
        missing=missing,
        entity_ratio=entity_ratio,
        entity_ratio_margin=entity_ratio_margin,
        entity_ratio_weight=entity_ratio_weight,
        incorrect_spans_key=incorrect_spans_key,
        label_weights=label_weights or {},
    )
