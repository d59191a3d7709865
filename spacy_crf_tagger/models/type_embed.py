"""The default tok2vec: hash embeddings of word features, computed once per word type
in a batch, since a type's features do not depend on where it stands.
"""

from typing import Any, Callable, List, NamedTuple, Optional, Tuple, Union, cast

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IDS, ORTH
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import HashEmbed, Linear, Maxout, Model, Ops, concatenate
from thinc.types import Floats2d, Ints1d, Ints2d

from ..clusters.paths import read_paths
from ..crf.options import RATE, SIZE, check_flag, check_numbers, naming_option_of
from .affixes import find_affixes
from .clusters import WordClusters, find_clusters
from .computed import find_computed
from .mixing import MixWeights, predict_mixed, weights_of
from .seen_forms import Attrs, Bits, hide_randomly, hide_unseen, no_forms, note_forms
from .static_vectors import look_up_vectors
from .torch_gemm import use_torch_gemm
from .word_memory import memory_of

Tok2Vec = Model[List[Doc], List[Floats2d]]
# Of the Thinc model.
NAME = "type_embed"
_FIRST_SEED = 8
# To predict fewer, all are embedded: to find out which are equal takes longer.
_FEWEST_TOKENS = 64
_RULES = {"width": SIZE, "form_dropout": RATE}


def build_type_embed(
    width: int,
    attrs: List[Union[str, int]],
    rows: List[int],
    include_static_vectors: bool,
    form_dropout: float = 0.0,
    clusters: Optional[str] = None,
) -> Tok2Vec:
    """Build an embedding of lexical attributes: one hash table for each attribute
    (Svenstrup et al. 2017), mixed by a maxout layer. The settings are those of
    `spacy.MultiHashEmbed.v2`; the work is done once for each word type of a batch.
    There is no dropout of vectors here, where it would hit all tokens of a type at
    once: the network drops out its input itself.

    width (int): Width of the tables and of the output.
    attrs (List[Union[str, int]]): The token attributes to embed. Beside spaCy's own,
        `"PREFIX2"` is the first two characters of a word in lower case, `"SUFFIX4"` the
        last four, and so on from 1 to 9; words that are no longer have none.
        `"CLUSTER4"` is the first four bits of the path to a word's cluster, and so on
        from 1 to 99, `"CLUSTER"` the whole path.
    rows (List[int]): Number of rows of each attribute's table.
    include_static_vectors (bool): Whether to mix in the vocab's word vectors, through
        a learned projection. The vectors themselves are not changed.
    form_dropout (float): Share of the tokens whose form (ORTH, LOWER, NORM or LEMMA,
        as far as they are among the attributes) is hidden in training, where the model
        has to do with affixes and shape. In prediction the forms that were never seen
        in training are hidden. At 0 nothing is hidden.
    clusters (Optional[str]): The file with the paths of words, one word on each line,
        as brown-cluster and `spacy crf clusters` write it. It is read when the model is
        initialized; the model keeps the clusters.
    RETURNS (Model[List[Doc], List[Floats2d]]): The model.
    RAISES (ValueError): If a setting is of another type or out of range, there are no
        attributes, one that spaCy does not know, or not one row number for each.
    """
    with naming_option_of("TypeEmbed"):
        check_numbers({"width": width, "form_dropout": form_dropout}, _RULES)
        check_flag("include_static_vectors", include_static_vectors)
        _check_tables(attrs, rows)
        _check_clusters(attrs, clusters)
    tables: List[Model[Any, Any]] = [
        HashEmbed(width, n_rows, column=column, seed=_FIRST_SEED + column)
        for column, n_rows in enumerate(rows)
    ]
    embed = concatenate(*tables) if len(tables) > 1 else tables[0]
    n_parts = len(tables) + include_static_vectors
    mix = Maxout(width, width * n_parts, nP=3, normalize=True)
    layers: List[Model[Any, Any]] = [embed, mix]
    if include_static_vectors:
        layers.append(Linear(width))
    return Model(
        NAME,
        _forward,
        init=_init,
        layers=layers,
        dims={"nO": width},
        attrs={
            "attrs": list(attrs),
            "form_dropout": form_dropout,
            "seen_forms": no_forms() if form_dropout else None,
            "clusters_path": clusters,
            "clusters": WordClusters() if clusters else None,
        },
    )


def _check_tables(attrs: Any, rows: Any) -> None:
    for name, values in (("attrs", attrs), ("rows", rows)):
        if not isinstance(values, (list, tuple)):
            raise ValueError(f"{name} must be a list, not {values!r}.")
    if not attrs or len(rows) != len(attrs):
        raise ValueError(
            f"give one number of rows for each attribute in attrs, not {len(rows)} "
            f"for {len(attrs)}."
        )
    for n_rows in rows:
        if not SIZE.allows(n_rows):
            raise ValueError(f"each of rows must be {SIZE.describe()}, not {n_rows!r}.")
    for attr in attrs:
        is_name = isinstance(attr, str) and attr != "" and attr in IDS
        is_ours = bool(find_affixes([attr]) or find_clusters([attr]))
        is_number = SIZE.allows(attr) and attr in IDS.values()
        if not (is_name or is_number or is_ours):
            raise ValueError(
                "each of attrs must be an attribute of tokens that spaCy knows, such "
                "as 'NORM' or 'SHAPE', an affix of 1 to 9 characters, such as "
                f"'SUFFIX4', or a cluster, such as 'CLUSTER10', not {attr!r}."
            )


def _check_clusters(attrs: Attrs, clusters: Optional[str]) -> None:
    wanted = [attrs[place] for place, _ in find_clusters(attrs)]
    if wanted and not clusters:
        raise ValueError(
            f"attrs has {wanted[0]!r}, but clusters names no file that says which "
            "cluster a word is in. `python -m spacy crf clusters` makes one; give its "
            "path by [paths] clusters, or take clusters out of attrs and rows."
        )
    if clusters and not wanted:
        raise ValueError(
            "clusters names a file, but none of attrs is a cluster, such as "
            "'CLUSTER10'."
        )


class TypeVectors(NamedTuple):
    """The vectors of a batch's words, each once.

    vectors (Floats2d): The vectors of the different words, [V, width].
    rows (NDArray[int]): The vector of each token, [N].
    lengths (NDArray[int]): Tokens of each document, [B].
    """

    vectors: Floats2d
    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]


class _Tokens(NamedTuple):
    """What tells the words of a batch apart.

    features (NDArray[uint64]): Of each token, [N, columns]: lexical attributes, its
        form if attributes are computed from it, and the key of its static vector.
    rows (NDArray[int]): The word of each token, [N].
    first (NDArray[int]): The first token of each word, [V].
    keys (NDArray[uint64]): A hash of each word, [V].
    """

    features: NDArray[np.uint64]
    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    keys: NDArray[np.uint64]


class _Values(NamedTuple):
    """What words are embedded by.

    attrs (NDArray[uint64]): Their attributes, [V, attrs].
    known (Optional[Floats2d]): Their vectors in the vocab, if those are mixed in.
    """

    attrs: NDArray[np.uint64]
    known: Optional[Floats2d]


def embed_types(model: Tok2Vec, docs: List[Doc]) -> TypeVectors:
    """Embed the words of documents for a prediction, each once.

    model (Model[List[Doc], List[Floats2d]]): The result of `build_type_embed`.
    docs (List[Doc]): The documents.
    RETURNS (TypeVectors): The vectors.
    """
    lengths = _lengths_of(docs)
    if not lengths.sum():
        nothing = model.ops.alloc2f(0, model.get_dim("nO"))
        return TypeVectors(nothing, np.zeros(0, dtype=np.int64), lengths)
    tokens = _read_tokens(model, docs, is_train=False)
    words, vocab = tokens.features[tokens.first], docs[0].vocab
    weights = weights_of(*model.layers[:2])
    if weights is None or len(model.layers) > 2:
        # Static vectors are the vocab's, and may change at any time.
        return TypeVectors(_embed(model, words, vocab), tokens.rows, lengths)
    clusters, attrs = model.attrs.get("clusters"), tuple(model.attrs["attrs"])
    memory = memory_of(weights.arrays, model.get_dim("nO"), clusters, attrs)
    vectors, found = memory.recall(tokens.keys)
    if not found.all():
        new = np.flatnonzero(~found)
        vectors[new] = _embed(model, words[new], vocab, weights)
        memory.keep(tokens.keys[new], vectors[new])
    return TypeVectors(cast(Floats2d, vectors), tokens.rows, lengths)


def _embed(
    model: Tok2Vec,
    words: NDArray[np.uint64],
    vocab: Vocab,
    weights: Optional[MixWeights] = None,
) -> Floats2d:
    values = _values_of(model, words, vocab)
    embed, mix = model.layers[:2]
    project = model.layers[2] if len(model.layers) > 2 else None
    return predict_mixed(embed, mix, values.attrs, values.known, project, weights)


def _forward(
    model: Tok2Vec, docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    ops = model.ops
    if not is_train:
        vectors, rows, lengths = embed_types(model, docs)
        by_token = vectors[_as_ints1d(ops, rows)]
        return _split(ops, by_token, lengths), _backprop_nothing
    # At each call, since neither a copy of a model nor one that was moved keeps it.
    use_torch_gemm(model)
    embed, mix = model.layers[:2]
    project = model.layers[2] if len(model.layers) > 2 else None
    lengths = _lengths_of(docs)
    if not lengths.sum():
        empty = [ops.alloc2f(0, model.get_dim("nO")) for _ in docs]
        return empty, _backprop_nothing
    tokens = _read_tokens(model, docs, is_train)
    types = _values_of(model, tokens.features[tokens.first], docs[0].vocab)
    counts = np.bincount(tokens.rows, minlength=len(tokens.first))
    embedded, backprop_embed = embed(_as_ints(ops, types.attrs), is_train)
    n_embedded = embedded.shape[1]
    if project is not None:
        projected, backprop_project = project(types.known, is_train)
        embedded = ops.xp.hstack([embedded, projected])
    mixed, backprop_mix = mix(embedded, is_train)  # [V, width]

    def backprop(d_vectors: List[Floats2d]) -> List[Doc]:
        by_type = _as_ints1d(ops, np.argsort(tokens.rows, kind="stable"))
        d_tokens = ops.as_contig(ops.flatten(d_vectors)[by_type])
        d_mixed = ops.reduce_sum(d_tokens, _as_ints1d(ops, counts))
        d_parts = backprop_mix(d_mixed)
        if project is not None:
            backprop_project(ops.as_contig(d_parts[:, n_embedded:]))
        backprop_embed(ops.as_contig(d_parts[:, :n_embedded]))
        return []

    by_token = mixed[_as_ints1d(ops, tokens.rows)]
    return _split(ops, by_token, lengths), backprop


def _lengths_of(docs: List[Doc]) -> NDArray[np.int64]:
    return np.array([len(doc) for doc in docs], dtype=np.int64)


def _split(ops: Ops, by_token: Floats2d, lengths: NDArray[np.int64]) -> List[Floats2d]:
    return ops.unflatten(by_token, _as_ints1d(ops, lengths))


def _read_tokens(model: Tok2Vec, docs: List[Doc], is_train: bool) -> _Tokens:
    columns = _columns_of(model, docs[0].vocab)
    names = [*columns.lexical, *columns.more]
    numbers = [IDS.get(name, name) for name in names]  # looked up faster
    features = np.concatenate(
        [doc.to_array(numbers).reshape(len(doc), len(names)) for doc in docs]
    )
    _hide_forms(model, features, columns.lexical, is_train)
    keys = _keys_of(features)
    if not is_train and len(keys) < _FEWEST_TOKENS:
        every = np.arange(len(keys))
        return _Tokens(features, every, every, keys)
    keys, first, rows = np.unique(keys, return_index=True, return_inverse=True)
    return _Tokens(features, rows, first, keys)


class _Columns(NamedTuple):
    """The attributes that are read of tokens: those that are embedded as they are, and
    more that others are found by.
    """

    lexical: Attrs
    more: Attrs


def _columns_of(model: Tok2Vec, vocab: Vocab) -> _Columns:
    attrs: Attrs = model.attrs["attrs"]
    computed = find_computed(tuple(attrs))
    more: Attrs = [ORTH] if computed.places else []
    if len(model.layers) > 2:
        more.append(getattr(vocab.vectors, "attr", ORTH))
    return _Columns([attrs[place] for place in computed.others], more)


def _values_of(model: Tok2Vec, words: NDArray[np.uint64], vocab: Vocab) -> _Values:
    computed = find_computed(tuple(model.attrs["attrs"]))
    n_lexical = len(computed.others)
    values = words[:, :n_lexical]
    if computed.places:
        clusters = model.attrs.get("clusters")
        more = computed.compute(words[:, n_lexical], vocab.strings, clusters)
        values = computed.insert(values, more)
    known = None
    if len(model.layers) > 2:
        width = model.layers[2].get_dim("nI")
        known = look_up_vectors(model.ops, vocab, words[:, -1], width)
    return _Values(values, known)


def _init(
    model: Tok2Vec,
    X: Optional[List[Doc]] = None,
    Y: Optional[List[Floats2d]] = None,
) -> None:
    for layer in model.layers[:2]:
        layer.initialize()
    if model.attrs["clusters_path"] is not None:
        model.attrs["clusters"] = _read_clusters(
            model.attrs["clusters_path"], model.attrs["clusters"]
        )
    if len(model.layers) > 2:
        project = model.layers[2]
        vectors_width = X[0].vocab.vectors.shape[1] if X else 0
        if not vectors_width:
            raise ValueError(
                "TypeEmbed: include_static_vectors is true, but the vocab has no "
                "vectors. Name a pipeline with vectors in [initialize] vectors, or "
                "set include_static_vectors to false."
            )
        if project.maybe_get_dim("nI") not in (None, vectors_width):
            project = model.layers[2] = Linear(model.get_dim("nO"))
        project.set_dim("nI", vectors_width)
        project.initialize()


def _read_clusters(path: str, known: WordClusters) -> WordClusters:
    """RETURNS (WordClusters): The clusters of a file; where there is none any more,
    those of a model that was trained with it, which is initialized again.
    """
    try:
        return WordClusters(read_paths(path))
    except OSError as error:
        if len(known):
            return known
        raise ValueError(
            f"TypeEmbed: the file of word clusters {path} cannot be read "
            f"({error.strerror}). Name one in [paths] clusters; `python -m spacy crf "
            "clusters` makes it."
        ) from error
    except ValueError as error:
        raise ValueError(f"TypeEmbed: {error}") from error


def _hide_forms(
    model: Tok2Vec, features: NDArray[np.uint64], attrs: Attrs, is_train: bool
) -> None:
    rate = model.attrs["form_dropout"]
    if not rate:
        return
    seen: Bits = model.attrs["seen_forms"]
    if is_train:
        if not seen.flags.writeable:  # as deserialized
            seen = model.attrs["seen_forms"] = seen.copy()
        note_forms(seen, features, attrs)
        hide_randomly(features, attrs, rate)
    else:
        hide_unseen(seen, features, attrs)


def _keys_of(features: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash rows, by multiplication with odd constants. Sorting hashes is many times
    faster than sorting rows, and a collision among n words has a chance of n² / 2^65.

    features (NDArray[uint64]): Hashed attributes, [N, columns].
    RETURNS (NDArray[uint64]): The hash of each row, [N].
    """
    key = np.zeros(len(features), dtype=np.uint64)
    for column in range(features.shape[1]):
        key ^= features[:, column]
        key *= np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key


def _as_ints(ops: Ops, types: NDArray[np.uint64]) -> Ints2d:
    return ops.asarray2i(cast(Any, np.ascontiguousarray(types)), dtype="uint64")


def _as_ints1d(ops: Ops, numbers: NDArray[np.int64]) -> Ints1d:
    return ops.asarray1i(cast(Any, numbers))


def _backprop_nothing(d_vectors: List[Floats2d]) -> List[Doc]:
    return []
