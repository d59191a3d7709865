"""The registered Thinc architecture: any tok2vec, then the torch network."""

from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Tuple, Union, cast

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import torch2xp, xp2torch
from torch import Tensor

from ..crf.arrays import Array
from ..crf.lattice import Potentials
from ..crf.options import RATE, SIZE, Number, check_numbers, naming_option_of
from .isolation import making_tensors
from .network import NetworkConfig
from .shim import ScoreShim, as_arrays
from .type_embed import NAME as TYPE_EMBED
from .type_embed import TypeVectors, embed_types

CRFModel = Model[List[Doc], Potentials]
OUTPUTS = ("crf", "softmax")
_RULES = {
    "learn_rate_scale": Number(low=0.0),
    "crf_learn_rate_scale": Number(low=0.0),
    "dropout": replace(RATE, or_null=True),
    "nO": replace(SIZE, or_null=True),
}


def build_bilstm_attention_crf(
    tok2vec: Model[List[Doc], List[Floats2d]],
    hidden_width: int = 256,
    depth: int = 1,
    attention_heads: int = 4,
    attention_width: Optional[int] = 64,
    dropout: Optional[float] = None,
    word_dropout: float = 0.05,
    output: str = "crf",
    learn_rate_scale: float = 1.0,
    crf_learn_rate_scale: float = 1.0,
    window: int = 512,
    overlap: int = 64,
    first_tag_bias: float = 0.1,
    nO: Optional[int] = None,
) -> CRFModel:
    """Build a model that scores entity tags: token vectors, a BiLSTM, self-attention
    and the potentials of a conditional random field (Huang et al. 2015, Lample et al.
    2016, Vaswani et al. 2017).

    tok2vec (Model[List[Doc], List[Floats2d]]): Any model of token vectors; a listener
        shares one with other components.
    hidden_width (int): Width of the BiLSTM's states, half for each direction.
    depth (int): Number of BiLSTM layers. 0 leaves the BiLSTM out.
    attention_heads (int): Heads of the self-attention over the states; must divide
        `attention_width`. 0 leaves the attention out.
    attention_width (Optional[int]): Width of the queries of all heads together, of the
        keys and of the values. None for the width of the states.
    dropout (Optional[float]): Rate of dropout on the network's input, between layers
        and on its states, the same features at each token of a document. None follows
        `[training] dropout`.
    word_dropout (float): Rate at which whole token vectors are dropped in training,
        whatever `[training] dropout` is.
    output (str): `"crf"`, or `"softmax"` for tags that are learned independently of
        each other. Predictions obey the tag scheme either way.
    learn_rate_scale (float): Factor on the learning rate of the whole network below the
        CRF: BiLSTM, attention and emission weights. Raise it (10 to 50) beside a
        transformer that is trained at a low rate, at which fresh weights would learn
        too slowly.
    crf_learn_rate_scale (float): Factor on the learning rate of the transition, start
        and end scores, whatever `learn_rate_scale` is. Raise it further (10 to 1000).
    window (int): Documents of more tokens are encoded in overlapping windows of this
        many; they are decoded whole.
    overlap (int): Tokens at each end of a window that serve as context only.
    first_tag_bias (float): Score of the first tag before training, when that of all
        others is 0: a head start for `O`, so that an untrained model predicts no
        entity. 0 for tags that are all alike, such as parts of speech.
    nO (Optional[int]): Number of tags; set by the component if None.
    RETURNS (Model[List[Doc], Potentials]): The model.
    RAISES (ValueError): If settings are of another type or out of range, or do not fit
        each other.
    """
    scales = {
        "learn_rate_scale": learn_rate_scale,
        "crf_learn_rate_scale": crf_learn_rate_scale,
    }
    settings = {
        "hidden_width": hidden_width,
        "depth": depth,
        "attention_heads": attention_heads,
        "attention_width": attention_width,
        "word_dropout": word_dropout,
        "transitions": output == "crf",
        "window": window,
        "overlap": overlap,
        "first_tag_bias": first_tag_bias,
    }
    with naming_option_of("BiLSTMAttentionCRF"):
        if output not in OUTPUTS:
            raise ValueError(f"output must be one of {OUTPUTS}, not {output!r}.")
        check_numbers({**scales, "dropout": dropout, "nO": nO}, _RULES)
        _check_settings(settings)
    scorer: Model[List[Floats2d], Potentials] = Model(
        "crf_scores",
        _forward_scores,
        init=_init_scores,
        shims=[ScoreShim(**scales)],
        dims={"nI": None, "nO": nO},
        attrs={
            "settings": settings,
            "fixed_dropout": dropout,
            # `set_dropout_rate` writes to every node that has this attribute.
            "dropout_rate": 0.0,
            # What is scored, once there are weights; the component knows.
            "tags": None,
        },
    )
    return Model(
        f"{tok2vec.name}>>{scorer.name}",
        _forward,
        init=_init,
        layers=[cast(Model[Any, Any], tok2vec), cast(Model[Any, Any], scorer)],
        refs={"tok2vec": tok2vec, "scores": scorer},
        dims={"nO": nO},
        attrs={"resize_output": resize_output},
    )


def resize_output(model: CRFModel, n_tags: int) -> CRFModel:
    """Set or raise the number of tags. Added tags change no prediction; they take
    part from the next update on.

    model (Model[List[Doc], Potentials]): The model; changed in place.
    n_tags (int): The number of tags.
    RETURNS (Model[List[Doc], Potentials]): The same model.
    """
    scorer = model.layers[-1]
    shim = _shim(scorer)
    if shim.network is not None and shim.network.config.n_tags != n_tags:
        shim.grow(n_tags)
    for node in (model, scorer):
        node.set_dim("nO", n_tags, force=True)
    return model


def _forward(
    model: CRFModel, docs: List[Doc], is_train: bool
) -> Tuple[Potentials, Callable[[Potentials], Any]]:
    # By position: `Model.copy` keeps layers, but drops references.
    tok2vec, scorer = model.layers
    if not is_train and tok2vec.name == TYPE_EMBED:
        # The network begins with what is a function of a word: once for each is enough.
        types: Any = embed_types(tok2vec, docs)
        return scorer.predict(types), _no_backprop
    vectors, backprop_tok2vec = tok2vec(docs, is_train)
    potentials, backprop_scorer = scorer(vectors, is_train)

    def backprop(gradients: Potentials) -> Any:
        return backprop_tok2vec(backprop_scorer(gradients))

    return potentials, backprop


def _init(
    model: CRFModel, X: Optional[List[Doc]] = None, Y: Optional[Any] = None
) -> None:
    tok2vec, scorer = model.layers
    tok2vec.initialize(X=X)
    vectors = tok2vec.predict(X) if X else None
    scorer.initialize(X=vectors)
    if model.has_dim("nO") is None:
        model.set_dim("nO", scorer.get_dim("nO"))


def _forward_scores(
    model: Model[List[Floats2d], Potentials],
    vectors: Union[List[Floats2d], TypeVectors],
    is_train: bool,
) -> Tuple[Potentials, Callable[[Potentials], List[Floats2d]]]:
    shim = _shim(model)
    ops = model.ops
    rows = None
    if isinstance(vectors, TypeVectors):
        flat, rows, lengths = vectors
    else:
        lengths = np.array([len(of_doc) for of_doc in vectors], dtype=np.int64)
        flat = ops.flatten(vectors, dtype="float32")
        if not vectors:
            flat = ops.alloc2f(0, model.get_dim("nI"))
    if not is_train:
        arrays = shim.predict(cast(Any, flat), lengths, rows)
        return Potentials._make([*arrays, lengths]), _no_backprop
    with making_tensors():
        tensor = xp2torch(flat, requires_grad=True, device=shim.device)
    dropout = model.attrs["fixed_dropout"]
    if dropout is None:
        dropout = model.attrs["dropout_rate"]
    scores, backprop_scores = shim.begin_update(tensor, lengths, dropout)

    def backprop(gradients: Potentials) -> List[Floats2d]:
        with making_tensors():
            by_score = [_to_torch(gradient, shim) for gradient in gradients[:-1]]
        d_vectors = backprop_scores(by_score)
        d_flat = (
            ops.alloc2f(*flat.shape)
            if d_vectors is None
            else cast(Floats2d, torch2xp(d_vectors, ops=ops))
        )
        return ops.unflatten(d_flat, ops.asarray1i(cast(Any, lengths)))

    return Potentials._make([*as_arrays(scores), lengths]), backprop


def _init_scores(
    model: Model[List[Floats2d], Potentials],
    X: Optional[List[Floats2d]] = None,
    Y: Optional[Any] = None,
) -> None:
    if X is not None and len(X):
        model.set_dim("nI", X[0].shape[1], force=True)
    if model.has_dim("nI") is None or model.has_dim("nO") is None:
        raise ValueError(
            "BiLSTMAttentionCRF: the model can only be initialized once the width of "
            "its token vectors and the number of tags are known. Initialize the "
            "component with labels, and upstream components before it."
        )
    settings: Dict[str, Any] = model.attrs["settings"]
    config = NetworkConfig(
        width_in=model.get_dim("nI"), n_tags=model.get_dim("nO"), **settings
    )
    # A second initialisation starts anew.
    shim = _shim(model).unbuilt()
    shim.build(config)
    model.shims[0] = shim


def _check_settings(settings: Dict[str, Any]) -> None:
    """Find faults when the config is read, not hours later. Without a BiLSTM the width
    of the states is only known at initialisation.
    """
    unknown_width = max(1, settings["attention_heads"])
    NetworkConfig(width_in=unknown_width, n_tags=1, **settings)


def _shim(scorer: Model[Any, Any]) -> ScoreShim:
    return cast(ScoreShim, scorer.shims[0])


def _to_torch(gradient: Array, shim: ScoreShim) -> Optional[Tensor]:
    if gradient is None:
        return None
    if isinstance(gradient, Tensor):
        return gradient.float()
    return xp2torch(gradient, device=shim.device).float()


def _no_backprop(gradients: Potentials) -> List[Floats2d]:
    raise ValueError("BiLSTMAttentionCRF: predictions cannot be backpropagated.")
