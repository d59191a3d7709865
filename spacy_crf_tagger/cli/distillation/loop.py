"""The loop of `spacy train`, made of spaCy's own parts, with texts beside the corpus,
and pipelines that are saved whole.
"""

import sys
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.loop import (
    DIR_MODEL_BEST,
    DIR_MODEL_LAST,
    create_before_to_disk_callback,
    create_evaluation_callback,
    create_train_batches,
    train_while_improving,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed
from wasabi import msg

from ...data.saving import replacing_pipeline

OUTPUTS = (DIR_MODEL_BEST, DIR_MODEL_LAST)
# Of a corpus that never ends, as `spacy train` takes of it to find labels.
_SAMPLE = 100

Corpus = Callable[[Language], Iterable[Example]]


def resolve_training(nlp: Language) -> Dict[str, Any]:
    """Make what the section [training] of a pipeline's config names.

    nlp (Language): The pipeline.
    RETURNS (Dict[str, Any]): The values and functions, by their names; of the corpora
        the functions that read them.
    RAISES (ValueError): If there is a mistake in the config.
    """
    config = nlp.config.interpolate()
    training: Dict[str, Any] = registry.resolve(
        config["training"], schema=ConfigSchemaTraining
    )
    names = ["train_corpus", "dev_corpus"]
    found = resolve_dot_names(config, [training[name] for name in names])
    return {**training, **dict(zip(names, found, strict=True))}


def sample_corpus(nlp: Language) -> Iterator[Example]:
    """Read what there is to learn, for its labels.

    nlp (Language): The pipeline, which need not be initialised.
    YIELDS (Example): The examples, or the first ones of a corpus that never ends.
    """
    training = resolve_training(nlp)
    is_endless = training["max_epochs"] == -1
    for number, example in enumerate(training["train_corpus"](nlp)):
        if is_endless and number == _SAMPLE:
            return
        yield example


def train(nlp: Language, texts: List[Example], output: Path) -> None:
    """Train an initialised pipeline as `spacy train` does. Whenever it has been
    evaluated, it is written to `model-last`, and to `model-best` if it is the best.

    nlp (Language): The pipeline.
    texts (List[Example]): What is learned beside the training corpus.
    output (Path): The folder that both are written to.
    RAISES (ValueError): If there is nothing to learn, or a mistake in the config.
    RAISES (OSError): If a pipeline cannot be written.
    """
    seed = nlp.config.interpolate()["training"]["seed"]
    if seed is not None:
        fix_random_seed(seed)
    training = resolve_training(nlp)
    optimizer = training["optimizer"]
    frozen = training["frozen_components"]
    before_to_disk = create_before_to_disk_callback(training["before_to_disk"])

    def save(*names: str) -> None:
        with nlp.use_params(optimizer.averages):
            for name in names:
                with replacing_pipeline(output / name) as temporary:
                    before_to_disk(nlp).to_disk(temporary)

    steps = train_while_improving(
        nlp,
        optimizer,
        create_train_batches(
            nlp,
            _beside(training["train_corpus"], texts),
            training["batcher"],
            training["max_epochs"],
        ),
        create_evaluation_callback(
            nlp, training["dev_corpus"], training["score_weights"]
        ),
        dropout=training["dropout"],
        accumulate_gradient=training["accumulate_gradient"],
        patience=training["patience"],
        max_steps=training["max_steps"],
        eval_frequency=training["eval_frequency"],
        exclude=frozen,
        annotating_components=training["annotating_components"],
        before_update=training["before_update"],
    )
    msg.info(f"Pipeline: {nlp.pipe_names}")
    if frozen:
        msg.info(f"Frozen components: {frozen}")
    msg.info(f"Initial learn rate: {optimizer.learn_rate}")
    with nlp.select_pipes(disable=frozen):
        log_step, finish_log = training["logger"](nlp, sys.stdout, sys.stderr)
    try:
        for _, info, is_best in steps:
            if is_best is None:
                log_step(None)
                continue
            with nlp.select_pipes(disable=frozen):
                update_meta(training, nlp, info)
            save(*(OUTPUTS if is_best else (DIR_MODEL_LAST,)))
            log_step({**info, "output_path": str(output / DIR_MODEL_LAST)})
    except KeyboardInterrupt:
        save(DIR_MODEL_LAST)
        raise
    finally:
        finish_log()
    save(DIR_MODEL_LAST)


def _beside(corpus: Corpus, texts: List[Example]) -> Corpus:
    def read(nlp: Language) -> Iterator[Example]:
        return chain(corpus(nlp), texts)

    return read
