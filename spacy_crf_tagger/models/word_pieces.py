"""The pieces that an encoder splits words into, and its states for them.

Each word is split by itself, so that it has the same pieces alone and in every text.
"""

from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    List,
    NamedTuple,
    Sequence,
    Tuple,
)

import torch

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

# What is longer (links, encoded data) has to do with the beginning.
_MOST_OF_A_WORD = 64
_MOST_KEPT = 500_000


class Pieces(NamedTuple):
    """The pieces of a word.

    ids (Tuple[int, ...]): Their numbers.
    is_known (Tuple[bool, ...]): Which of them the tokenizer knows.
    """

    ids: Tuple[int, ...]
    is_known: Tuple[bool, ...]


class WordPieces:
    """Splits words into pieces, and remembers how.

    tokenizer (PreTrainedTokenizerBase): The tokenizer of an encoder.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self._known: Dict[str, Pieces] = {}
        self.before, self.after = self._find_frame()
        self.padding: int = tokenizer.pad_token_id or 0

    def of(self, words: Sequence[str]) -> List[Pieces]:
        """Split words.

        words (Sequence[str]): The words.
        RETURNS (List[Pieces]): The pieces of each.
        """
        if len(self._known) > _MOST_KEPT:
            self._known.clear()
        new = list(dict.fromkeys(word for word in words if word not in self._known))
        if new:
            self._known.update(zip(new, self._split(new), strict=True))
        return [self._known[word] for word in words]

    def room_in(self, model: Any, most: int) -> int:
        """RETURNS (int): How many pieces of words an encoder can read at once: no more
        than `most`, and enough for any word.
        """
        limits = [most, self._tokenizer.model_max_length]
        positions = getattr(model.config, "max_position_embeddings", None)
        # Some use up two positions before the first piece.
        limits += [positions - 2] if positions else []
        frame = len(self.before) + len(self.after)
        return max(min(limits) - frame, _MOST_OF_A_WORD)

    def _split(self, words: Sequence[str]) -> List[Pieces]:
        unknown = self._tokenizer.unk_token_id
        split = self._tokenizer(
            # By the space, tokenizers of bytes know words from endings of words.
            [f" {word}" for word in words],
            add_special_tokens=False,
            return_attention_mask=False,
        )["input_ids"]
        cut = [tuple(ids[:_MOST_OF_A_WORD]) for ids in split]
        return [Pieces(ids, tuple(n != unknown for n in ids)) for ids in cut]

    def _find_frame(self) -> Tuple[List[int], List[int]]:
        """RETURNS (Tuple[List[int], List[int]]): What the tokenizer puts before and
        after a text.
        """
        framed = self._tokenizer(" a", return_special_tokens_mask=True)
        ids, is_added = framed["input_ids"], framed["special_tokens_mask"]
        own = [place for place, added in enumerate(is_added) if not added]
        return ids[: own[0]], ids[own[-1] + 1 :]


@torch.inference_mode()
def encode_pieces(
    texts: Sequence[Sequence[Pieces]],
    places: Sequence[Sequence[int]],
    pieces: WordPieces,
    model: Any,
    layers: Sequence[int] = (),
) -> torch.Tensor:
    """Encode texts, and average the states of each word over its pieces, without those
    that the tokenizer does not know.

    texts (Sequence[Sequence[Pieces]]): The pieces of the words of each text.
    places (Sequence[Sequence[int]]): The words of each text that are wanted. Each has a
        piece that is known.
    pieces (WordPieces): What has split them.
    model (transformers.PreTrainedModel): The encoder.
    layers (Sequence[int]): The layers of which the mean is taken: 0 is the input of the
        first layer, -1 the last layer. None at all is the last one.
    RETURNS (torch.Tensor): The states, text by text, [wanted, width of the encoder].
    """
    framed: List[List[int]] = []
    numbers: List[int] = []  # which of the wanted words a piece is of
    where: List[int] = []  # its place among all pieces of the batch
    sizes: List[int] = []
    frame = len(pieces.before) + len(pieces.after)
    longest = frame + max(sum(len(word.ids) for word in text) for text in texts)
    for n, (text, wanted) in enumerate(zip(texts, places, strict=True)):
        ids = [*pieces.before]
        starts = []
        for word in text:
            starts.append(n * longest + len(ids))
            ids.extend(word.ids)
        framed.append([*ids, *pieces.after])
        for place in wanted:
            known = [i for i, is_known in enumerate(text[place].is_known) if is_known]
            numbers.extend([len(sizes)] * len(known))
            where.extend(starts[place] + i for i in known)
            sizes.append(len(known))
    batch = torch.full((len(framed), longest), pieces.padding)
    mask = torch.zeros_like(batch)
    for n, ids in enumerate(framed):
        batch[n, : len(ids)] = torch.tensor(ids)
        mask[n, : len(ids)] = 1
    states = _run(model, batch, mask, layers)
    sums = states.new_zeros(len(sizes), states.shape[2])
    own = states.flatten(0, 1)[torch.tensor(where)]
    sums.index_add_(0, torch.tensor(numbers), own)
    return sums / torch.tensor(sizes).unsqueeze(1)


def _run(
    model: Any, batch: torch.Tensor, mask: torch.Tensor, layers: Sequence[int]
) -> torch.Tensor:
    """RETURNS (torch.Tensor): States, [texts, pieces, width]."""
    if not layers:
        last: torch.Tensor = model(
            input_ids=batch, attention_mask=mask
        ).last_hidden_state
        return last
    states = model(
        input_ids=batch, attention_mask=mask, output_hidden_states=True
    ).hidden_states
    return torch.stack([states[layer] for layer in layers]).mean(dim=0)


def keep_layers(layers: Sequence[int], model: Any) -> List[int]:
    """Count layers from the first one, and take out of an encoder those that none of
    them needs.

    layers (Sequence[int]): The layers.
    model (transformers.PreTrainedModel): The encoder, which is changed.
    RETURNS (List[int]): The layers, from 0.
    RAISES (ValueError): If the encoder has not so many.
    """
    n_layers: int = model.config.num_hidden_layers
    for layer in layers:
        if not -n_layers - 1 <= layer <= n_layers:
            raise ValueError(
                f"The encoder has layers from 0 (its input) to {n_layers}, and no "
                f"layer {layer}."
            )
    counted = [layer if layer >= 0 else n_layers + 1 + layer for layer in layers]
    # With one more, since some encoders change what comes out of their last one.
    n_needed = max(counted, default=n_layers) + 1
    stacks = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.ModuleList) and len(child) == n_layers
    ]
    if len(stacks) == 1 and n_needed < n_layers:
        [(parent, name, child)] = stacks
        setattr(parent, name, child[:n_needed])
    return counted
