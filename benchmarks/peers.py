"""Words per second of crf_ner beside other named entity recognisers: spaCy's ner and
spancat, and from tokens rather than text Flair, Stanza and sklearn-crfsuite.

    pip install -c constraints.txt -r benchmarks/requirements.txt
    python -m benchmarks.peers wnut17
    python -m benchmarks.peers ncbi-disease

writes `benchmarks/results/peers-<corpus>-<threads>-threads.json`. All read the
sentences of the test part in alternation in one process. crf_ner and ner are the models
of `python -m benchmarks.accuracy`; the others are trained at the first call, for a few
minutes in all: long enough to find entities, and not for accuracy.
"""

import gc
import json
import logging
import pickle
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import flair
import sklearn_crfsuite
import stanza
import torch
import typer
from flair.data import Corpus, Sentence
from flair.datasets import FlairDatapointDataset
from flair.embeddings import OneHotEmbeddings
from flair.models import SequenceTagger
from flair.trainers import ModelTrainer
from spacy import blank, load
from spacy.tokens import Doc, DocBin
from stanza.models import ner_tagger
from wasabi import msg

from .harness.environment import describe
from .harness.options import CorpusName, Rounds, Threads, Work
from .harness.spread import medians, quartiles, without_first
from .harness.training import WORK, spacy, write_result

# The widths of configs/crf_ner.cfg, for the other networks with a BiLSTM.
WIDTH, HIDDEN_WIDTH = 128, 256
# All but crf_ner and ner train for a minute or two.
BATCH_SIZE, LEARN_RATE, EPOCHS, STEPS = 32, 0.005, 6, 600
# The fastest of 32, 64 and 128, both for Flair and for Stanza.
PREDICTED_BATCH_SIZE = 64
LABEL_TYPE, SPANS_KEY = "ner", "sc"
OURS = "crf_ner"
PACKAGES = ["flair", "stanza", "sklearn-crfsuite", "python-crfsuite"]


class Peer(NamedTuple):
    """One recogniser.

    reads_text (bool): Whether it is given sentences as text, or as lists of words.
    count_entities (Callable[[list[Any]], int]): Makes documents of its own of the
        sentences, predicts, and counts the entities.
    """

    reads_text: bool
    count_entities: Callable[[list[Any]], int]


def main(
    corpus: CorpusName,
    threads: Threads = 1,
    rounds: Rounds = 9,
    work: Work = WORK,
) -> None:
    """Train what is not yet trained, measure, and write medians and ratios."""
    for name in ("flair", "stanza"):
        logging.getLogger(name).setLevel(logging.WARNING)
    flair.device = torch.device("cpu")
    torch.set_num_threads(threads)
    folder = work / corpus
    (folder / "peers").mkdir(exist_ok=True)
    peers = {
        OURS: load_pipeline(folder / f"{OURS}-0" / "model-best"),
        "ner": load_pipeline(folder / "ner-0" / "model-best"),
        "spancat": make_spancat(folder),
        "flair": make_flair(folder),
        "stanza": make_stanza(folder),
        "sklearn-crfsuite": make_crfsuite(folder),
    }
    docs = read(folder, "test")
    result: dict[str, Any] = {
        **describe("peers", threads),
        "peers": {name: version(name) for name in PACKAGES},
        "corpus": corpus,
        "rounds": rounds,
        **throughput(peers, docs, rounds),
    }
    for name, ratio in result["crf_ner / peer"].items():
        speed = result["median words/s"][name]
        msg.text(f"{name}: {speed:.0f} words/s; crf_ner has {ratio:.2f} × as many")
    write_result(f"peers-{corpus}-{threads}-threads", result)


def throughput(peers: dict[str, Peer], docs: list[Doc], rounds: int) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Median words per second and quartiles of each peer, the
    entities that it finds, and the ratios to ours. A word is a token of the corpus,
    also for those that tokenise by themselves.
    """
    n_words = sum(map(len, docs))
    texts, words = [doc.text for doc in docs], list(map(to_words, docs))
    speeds: dict[str, list[float]] = {name: [] for name in peers}
    entities = {"gold": sum(len(doc.ents) for doc in docs)}
    for _ in range(rounds + 1):
        for name, peer in peers.items():
            gc.collect()
            start = time.perf_counter()
            entities[name] = peer.count_entities(texts if peer.reads_text else words)
            speeds[name].append(n_words / (time.perf_counter() - start))
    speeds = without_first(speeds)
    median = medians(speeds)
    return {
        "sentences": len(docs),
        "words": n_words,
        "entities": entities,
        "median words/s": median,
        "quartiles": quartiles(speeds),
        "crf_ner / peer": {
            name: median[OURS] / each for name, each in median.items() if name != OURS
        },
    }


def load_pipeline(path: Path, spans_key: str | None = None) -> Peer:
    """RETURNS (Peer): A pipeline of spaCy, whose input is raw text."""
    nlp = load(path)

    def count_entities(texts: list[str]) -> int:
        return sum(
            len(doc.spans[spans_key] if spans_key else doc.ents)
            for doc in nlp.pipe(texts)
        )

    return Peer(True, count_entities)


def make_spancat(folder: Path) -> Peer:
    """RETURNS (Peer): spaCy's spancat, over all spans of one to three tokens."""
    own = folder / "peers" / "spancat"
    if not (own / "model-last").exists():
        own.mkdir(exist_ok=True)
        for part in ("train", "dev"):
            docs = read(folder, part)
            for doc in docs:
                doc.spans[SPANS_KEY] = doc.ents
            DocBin(docs=docs).to_disk(own / f"{part}.spacy")
        config = own / "config.cfg"
        spacy("init", "config", config, "-p", "spancat", "-o", "efficiency", "-F")
        settings = {
            "paths.train": own / "train.spacy",
            "paths.dev": own / "dev.spacy",
            "training.max_steps": STEPS,
            "training.eval_frequency": STEPS,
            "training.batcher.size.start": 500,
            "training.optimizer.learn_rate": LEARN_RATE,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        spacy("train", config, "--output", own, *options)
    return load_pipeline(own / "model-last", SPANS_KEY)


def make_flair(folder: Path) -> Peer:
    """RETURNS (Peer): Flair's BiLSTM-CRF on embeddings of the words of the corpus."""
    own = folder / "peers" / "flair"
    if not (own / "final-model.pt").exists():
        flair.set_seed(0)
        docs = read(folder, "train")
        sentences = [Sentence(to_words(doc)) for doc in docs]
        for sentence, doc in zip(sentences, docs, strict=True):
            for ent in doc.ents:
                sentence[ent.start : ent.end].add_label(LABEL_TYPE, ent.label_)
        corpus = Corpus(FlairDatapointDataset(sentences), sample_missing_splits=False)
        tagger = SequenceTagger(
            OneHotEmbeddings.from_corpus(corpus, embedding_length=WIDTH),
            corpus.make_label_dictionary(LABEL_TYPE, add_unk=False),
            LABEL_TYPE,
            hidden_size=HIDDEN_WIDTH // 2,
            # The embeddings are learned, so that projecting them is but work.
            reproject_embeddings=False,
        )
        ModelTrainer(tagger, corpus).train(
            own,
            optimizer=torch.optim.Adam,
            learning_rate=LEARN_RATE,
            mini_batch_size=BATCH_SIZE,
            max_epochs=EPOCHS,
        )
    tagger = SequenceTagger.load(own / "final-model.pt")

    def count_entities(words: list[list[str]]) -> int:
        sentences = [Sentence(each) for each in words]
        # Sorts the sentences by length itself.
        tagger.predict(sentences, mini_batch_size=PREDICTED_BATCH_SIZE)
        return sum(len(sentence.get_spans(LABEL_TYPE)) for sentence in sentences)

    return Peer(False, count_entities)


def make_stanza(folder: Path) -> Peer:
    """RETURNS (Peer): Stanza's BiLSTM-CRF on embeddings of the words of the corpus,
    without the vectors and character models that it would download.
    """
    own = folder / "peers" / "stanza"
    if not (own / "model.pt").exists():
        own.mkdir(exist_ok=True)
        for part in ("train", "dev"):
            (own / f"{part}.json").write_text(
                json.dumps([to_stanza(doc) for doc in read(folder, part)]),
                encoding="utf8",
            )
        flags = ["--no_pretrain", "--no_char", "--no_input_transform", "--cpu"]
        settings = {
            "train_file": own / "train.json",
            "eval_file": own / "dev.json",
            "shorthand": "en_corpus",
            "save_dir": own,
            "save_name": "model.pt",
            "word_emb_dim": WIDTH,
            "hidden_dim": HIDDEN_WIDTH // 2,
            "optim": "adam",
            "lr": LEARN_RATE,
            "batch_size": BATCH_SIZE,
            "max_steps": STEPS,
            "eval_interval": STEPS,
        }
        options = [text for name in settings for text in (f"--{name}", settings[name])]
        ner_tagger.main([*flags, *map(str, options)])
        (own / "resources.json").write_text("{}", encoding="utf8")
    pipeline = stanza.Pipeline(
        "en",
        dir=str(own),
        processors="tokenize,ner",
        tokenize_pretokenized=True,
        ner_model_path=str(own / "model.pt"),
        ner_pretrain_path="",
        ner_forward_charlm_path="",
        ner_backward_charlm_path="",
        ner_batch_size=PREDICTED_BATCH_SIZE,
        allow_unknown_language=True,
        download_method=None,
        use_gpu=False,
        verbose=False,
    )

    tokenizer, tagger = (pipeline.processors[name] for name in ("tokenize", "ner"))

    def count_entities(words: list[list[str]]) -> int:
        return len(tagger.process(tokenizer.process(words)).ents)

    return Peer(False, count_entities)


def to_stanza(doc: Doc) -> list[dict[str, Any]]:
    """RETURNS (list[dict[str, Any]]): The tokens of a doc with their BIO tags."""
    return [
        {"id": [i + 1], "text": token.text, "ner": tag}
        for i, (token, tag) in enumerate(zip(doc, bio_tags(doc), strict=True))
    ]


def make_crfsuite(folder: Path) -> Peer:
    """RETURNS (Peer): sklearn-crfsuite with the features of its tutorial, less parts of
    speech.
    """
    own = folder / "peers" / "crfsuite.pickle"
    if not own.exists():
        docs = read(folder, "train")
        crf = sklearn_crfsuite.CRF(
            algorithm="lbfgs",
            c1=0.1,
            c2=0.1,
            max_iterations=100,
            all_possible_transitions=True,
        )
        crf.fit([features(to_words(doc)) for doc in docs], list(map(bio_tags, docs)))
        own.write_bytes(pickle.dumps(crf))
    crf = pickle.loads(own.read_bytes())

    def count_entities(sentences: list[list[str]]) -> int:
        tags = crf.predict([features(words) for words in sentences])
        return sum(tag.startswith("B-") for each in tags for tag in each)

    return Peer(False, count_entities)


def features(words: list[str]) -> list[dict[str, Any]]:
    """RETURNS (list[dict[str, Any]]): Features of each word and its two neighbours."""
    sentence = []
    for i, word in enumerate(words):
        found: dict[str, Any] = {
            "bias": 1.0,
            "lower": word.lower(),
            "suffix3": word[-3:],
            "suffix2": word[-2:],
            "upper": word.isupper(),
            "title": word.istitle(),
            "digit": word.isdigit(),
        }
        if i > 0:
            before = words[i - 1]
            found["-1:lower"] = before.lower()
            found["-1:upper"] = before.isupper()
            found["-1:title"] = before.istitle()
        else:
            found["first"] = True
        if i < len(words) - 1:
            after = words[i + 1]
            found["+1:lower"] = after.lower()
            found["+1:upper"] = after.isupper()
            found["+1:title"] = after.istitle()
        else:
            found["last"] = True
        sentence.append(found)
    return sentence


def read(folder: Path, part: str) -> list[Doc]:
    """RETURNS (list[Doc]): The documents of a part of a corpus."""
    docs = DocBin().from_disk(folder / f"{part}.spacy")
    return list(docs.get_docs(blank("en").vocab))


def to_words(doc: Doc) -> list[str]:
    """RETURNS (list[str]): The words of a doc."""
    return [token.text for token in doc]


def bio_tags(doc: Doc) -> list[str]:
    """RETURNS (list[str]): The BIO tags of a doc."""
    return [
        f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"
        for token in doc
    ]


if __name__ == "__main__":
    typer.run(main)
