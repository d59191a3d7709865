"""Reading a batch more than once, each time under dropout of its own."""

from functools import reduce
from operator import add
from typing import Any, Callable, List, Tuple

from spacy.tokens import Doc
from thinc.api import Model

from .crf import Potentials

BackpropPotentials = Callable[[Potentials], Any]


def begin_passes(
    model: Model[List[Doc], Potentials], docs: List[Doc], n_passes: int
) -> Tuple[Potentials, BackpropPotentials]:
    """Score documents several times in training. A listener, which has the vectors of
    one pass of another component and sends gradients back once, is asked once: then
    only what stands above it has dropout of its own in each pass.

    model (Model[List[Doc], Potentials]): A tok2vec, and a tagger of its vectors.
    docs (List[Doc]): The documents.
    n_passes (int): How many times they are scored.
    RETURNS (Tuple[Potentials, Callable]): The scores of all documents in the first
        pass, then in the next, and a callback that takes their gradients.
    """
    if n_passes == 1 or not _listens(model):
        return model.begin_update(docs * n_passes)
    tok2vec, tagger = model.layers
    vectors, backprop_tok2vec = tok2vec.begin_update(docs)
    potentials, backprop_tagger = tagger.begin_update(list(vectors) * n_passes)

    def backprop(gradients: Potentials) -> Any:
        d_vectors = backprop_tagger(gradients)  # of each document in each pass
        sums = [reduce(add, d_vectors[n :: len(docs)]) for n in range(len(docs))]
        return backprop_tok2vec(sums)

    return potentials, backprop


def _listens(model: Model[Any, Any]) -> bool:
    # As spaCy's and spacy-transformers' listeners do, which have no class in common.
    return any(hasattr(node, "upstream_name") for node in model.walk())
