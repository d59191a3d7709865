"""Pipelines on a transformer, and an encoder that is made in no time."""

import string
from pathlib import Path
from typing import Any, Dict

import numpy as np
import torch
from spacy.language import Language
from spacy.util import fix_random_seed, load_model_from_config

from tests.helpers.component import TRAIN_DATA, small_model
from tests.helpers.paths import CONFIGS

CONFIG = CONFIGS / "crf_ner_trf.cfg"
DATA = [
    *TRAIN_DATA,
    ("Grace left Paris", {"entities": [(0, 5, "PERSON"), (11, 16, "PLACE")]}),
    ("Nobody met her there.", {"entities": []}),
    ("Ada saw New York", {"entities": [(0, 3, "PERSON"), (8, 16, "PLACE")]}),
    ("", {"entities": []}),
]
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}


def save_tiny_encoder(folder: Path, dropout: float = 0.0, n_layers: int = 2) -> Path:
    """A BERT of small layers with random weights, whose word pieces are letters.
    RETURNS its folder, which a config may name.
    """
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    pieces = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = [*special, *pieces, *(f"##{piece}" for piece in pieces)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=256)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=n_layers,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        # As random weights go, so large that neighbours are told apart.
        initializer_range=0.2,
    )
    tokenizer.save_pretrained(folder)
    BertModel(config).save_pretrained(folder)
    return folder


def save_tiny_encoder_decoder(folder: Path) -> Path:
    """A BART of random weights, whose pieces are bytes, and "ab" after a space.
    RETURNS its folder.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BartConfig, BartModel, PreTrainedTokenizerFast

    letters = string.ascii_lowercase
    pieces = ["<s>", "<pad>", "</s>", "Ġ", *letters, "-", "A", "ab", "Ġab"]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    bpe = Tokenizer(models.BPE(vocab, [("a", "b"), ("Ġ", "ab")]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", pad_token="<pad>", eos_token="</s>"
    ).save_pretrained(folder)
    width = 32
    config = BartConfig(
        vocab_size=len(pieces),
        d_model=width,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=2 * width,
        decoder_ffn_dim=2 * width,
        max_position_embeddings=256,
        # As random weights go, so large that neighbours are told apart.
        init_std=0.2,
    )
    torch.manual_seed(0)
    BartModel(config).save_pretrained(folder)
    return folder


def save_sentence_pieces(folder: Path) -> Path:
    """A BERT of random weights, whose pieces are those of SentencePiece: letters, and
    "ab" with and without a space before. RETURNS its folder.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = ["▁", "▁ab", "ab", *string.ascii_lowercase, "-", "A"]
    scores = [(piece, -float(number)) for number, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram([("<pad>", 0.0), *scores]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return _save_bert_of(tokenizer, folder)


def save_letters(folder: Path) -> Path:
    """A BERT of random weights, whose pieces are letters that do not say whether a word
    begins with them. RETURNS its folder.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = ["<pad>", *string.ascii_lowercase]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return _save_bert_of(tokenizer, folder)


def _save_bert_of(tokenizer: Any, folder: Path) -> Path:
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def make_transformer_nlp(
    encoder: Path, *pipes: str, grad_factor: float = 1.0, **model_settings: Any
) -> Language:
    """A pipeline of a transformer that all the other components listen to."""
    fix_random_seed(0)
    listener = {**LISTENER, "grad_factor": grad_factor}
    components: Dict[str, Any] = {
        "transformer": {
            "factory": "transformer",
            "model": {
                "@architectures": "spacy-transformers.TransformerModel.v3",
                "name": str(encoder),
                "tokenizer_config": {"use_fast": True},
                "get_spans": {
                    "@span_getters": "spacy-transformers.strided_spans.v1",
                    "window": 32,
                    "stride": 24,
                },
            },
        },
        "tagger": {
            "factory": "tagger",
            "model": {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER},
        },
        "ner": {
            "factory": "ner",
            "model": {
                "@architectures": "spacy.TransitionBasedParser.v2",
                "state_type": "ner",
                "extra_state_tokens": False,
                "hidden_width": 16,
                "maxout_pieces": 2,
                "use_upper": False,
                "tok2vec": LISTENER,
            },
        },
        "crf_ner": {
            "factory": "crf_ner",
            "model": small_model(tok2vec=listener, **model_settings),
        },
    }
    names = ["transformer", *pipes]
    config = {
        "nlp": {"lang": "en", "pipeline": names},
        "components": {name: components[name] for name in names},
    }
    return load_model_from_config(config, auto_fill=True)


def encoder_parameters(nlp: Language) -> Dict[str, torch.nn.Parameter]:
    [shim] = [s for n in nlp.get_pipe("transformer").model.walk() for s in n.shims]
    return dict(shim._model.named_parameters())


def weights_of_encoder(nlp: Language) -> Dict[str, np.ndarray]:
    """Copies."""
    return {
        name: values.detach().cpu().numpy().copy()
        for name, values in encoder_parameters(nlp).items()
    }


def gradients_of_encoder(nlp: Language) -> Dict[str, np.ndarray]:
    """Copies of those that there are."""
    return {
        name: values.grad.cpu().numpy().copy()
        for name, values in encoder_parameters(nlp).items()
        if values.grad is not None
    }
