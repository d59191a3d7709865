"""`spacy crf select`: what to annotate next."""

from enum import Enum
from pathlib import Path
from random import Random
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

from ..data.export.annotation import NOTES_KEY, Losses
from ..data.export.writers import ExportFormat, check_export, write_export
from ..data.pool import Places, Pool, PooledText, sentences_of, text_number
from ..data.read_spacy import find_spacy_files, read_docs
from ..data.saving import check_file
from ..data.shards.inputs import Kind
from ..data.writing import write_docs
from .errors import explained
from .export import report_losses
from .loading import (
    ComponentOption,
    ModelArgument,
    find_texts,
    load_pipeline,
    reading_files,
)

if TYPE_CHECKING:
    from ..evaluation.selection import Chosen, Scored, ScoredPool

_SUFFIX = ".spacy"
_CANT_WRITE = "Can't write the output"
_DIGITS = 4


class Strategy(str, Enum):
    """What texts are chosen by."""

    entropy = "entropy"
    mnlp = "mnlp"
    change = "change"
    random = "random"


class SelectFormat(str, Enum):
    """What chosen texts are written as."""

    prodigy = "prodigy"
    doccano = "doccano"
    label_studio = "label-studio"
    conll = "conll"
    brat = "brat"
    spacy = "spacy"


class How(NamedTuple):
    """How texts are chosen.

    strategy (Strategy): What they are chosen by.
    diversity (float): How much of a word's score is gone when it was asked about.
    per_token (bool): Whether scores count by the cost of annotating a text.
    by_sentence (bool): Whether each sentence is a text of its own.
    seed (int): Of the random numbers.
    """

    strategy: Strategy = Strategy.entropy
    diversity: float = 0.5
    per_token: bool = True
    by_sentence: bool = False
    seed: int = 0


_USUAL = How()


def select_cli(
    model: ModelArgument,
    pool: Annotated[
        str,
        typer.Argument(
            metavar="POOL",
            help="Texts to choose from: a file, folder or pattern of .txt (a text on "
            "each line), .jsonl, .parquet or .spacy",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The file to write, or the folder (brat)"),
    ],
    n_texts: Annotated[
        Optional[int],
        typer.Option("--texts", "-n", min=1, help="Choose so many texts"),
    ] = None,
    n_tokens: Annotated[
        Optional[int],
        typer.Option(
            "--tokens", min=1, help="Choose texts of so many tokens together, at most"
        ),
    ] = None,
    strategy: Annotated[
        Strategy,
        typer.Option("--by", "-b", help="What to choose by"),
    ] = Strategy.entropy,
    diversity: Annotated[
        float,
        typer.Option(
            "--diversity",
            "-d",
            min=0.0,
            max=1.0,
            help="Share of its score that a word loses each time it is asked about",
        ),
    ] = 0.5,
    per_text: Annotated[
        bool,
        typer.Option("--per-text", help="Do not divide scores by the tokens of a text"),
    ] = False,
    by_sentence: Annotated[
        bool, typer.Option("--sentences", "-s", help="Choose sentences, not documents")
    ] = False,
    output_format: Annotated[
        Optional[SelectFormat],
        typer.Option(
            "--format", "-f", help="What to write; spacy or prodigy, if not given"
        ),
    ] = None,
    exclude: Annotated[
        Optional[List[Path]],
        typer.Option(
            "--exclude",
            "-x",
            help="What is annotated already: .spacy file or folder; may be given "
            "several times",
        ),
    ] = None,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate", help="Write the annotation that the pool has, as an annotator"
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="For --by random")] = 0,
    text_field: Annotated[
        str, typer.Option("--text-field", "-t", help="Column that has the text")
    ] = "text",
    input_format: Annotated[
        Optional[Kind],
        typer.Option("--input-format", help="What the pool is, if names do not tell"),
    ] = None,
    component: ComponentOption = None,
) -> None:
    """Choose the texts that a pipeline would learn most from if somebody annotated
    them, and write them with what it finds in them, for an annotation tool.

    A pool of any size is read twice, and only numbers are kept of it. Example:

    python -m spacy crf select model texts.jsonl next.jsonl -n 200 --format prodigy
    """
    if (n_texts is None) == (n_tokens is None):
        msg.fail("Say how much to choose: either -n 200 or --tokens 5000", exits=1)
    if output_format is None:
        is_spacy = output.suffix == _SUFFIX
        output_format = SelectFormat.spacy if is_spacy else SelectFormat.prodigy
    select(
        model,
        pool,
        output,
        n_texts=n_texts,
        n_tokens=n_tokens,
        how=How(strategy, diversity, not per_text, by_sentence, seed),
        output_format=output_format,
        exclude=exclude or (),
        simulate=simulate,
        text_field=text_field,
        input_format=input_format,
        component=component,
    )


def select(
    model: str,
    pool: str,
    output: Path,
    *,
    n_texts: Optional[int] = None,
    n_tokens: Optional[int] = None,
    how: How = _USUAL,
    output_format: SelectFormat = SelectFormat.prodigy,
    exclude: Sequence[Path] = (),
    simulate: bool = False,
    text_field: str = "text",
    input_format: Optional[Kind] = None,
    component: Optional[str] = None,
) -> None:
    """Choose texts to annotate, and write them with what a pipeline finds in them.

    model (str): Name of an installed pipeline package, or a path.
    pool (str): The texts.
    output (Path): Where to write those that are chosen.
    n_texts (Optional[int]): How many to choose.
    n_tokens (Optional[int]): Or how many tokens they have together, at most.
    how (How): How they are chosen.
    output_format (SelectFormat): What to write.
    exclude (Sequence[Path]): What is annotated already.
    simulate (bool): Whether to write the annotation of the pool.
    text_field (str): The column that has the text.
    input_format (Optional[Kind]): What the pool is, if names do not tell.
    component (Optional[str]): The name of the component; None for `crf_ner`, or else
        the only one that there is.
    """
    from ..evaluation.calibration import find_component
    from ..evaluation.selection import Wanted

    inputs = find_texts([pool], input_format)
    with reading_files(pool):
        files = [Path(each.path) for each in inputs]
        with explained(_CANT_WRITE, OSError):
            _check(output, output_format, [*files, *exclude])
        annotated = _texts_of(exclude)
        nlp = load_pipeline(model)
        cant_choose = f"Can't choose by {model}"
        with explained(cant_choose, ValueError):
            name, _ = find_component(nlp, component)
        texts = Pool(inputs, nlp, text_field=text_field, by_sentence=how.by_sentence)
        scored, places = _score(texts, nlp, name, how, annotated)
        repeated = 1.0 - (how.diversity if how.strategy != "random" else 0.0)
        chosen = scored.choose(Wanted(n_texts, n_tokens), repeated)
        if not chosen:
            msg.fail(cant_choose, _nothing(pool, len(scored), n_tokens), exits=1)
        found = texts.find({places[each.number] for each in chosen})
        pooled = [found[places[each.number]] for each in chosen]
        with explained(cant_choose, ValueError):
            docs = _annotate(nlp, pooled, simulate=simulate)
    _note(docs, chosen, how)
    _write(docs, output, output_format)
    n_chosen = sum(map(len, docs))
    msg.good(
        f"Chose {len(chosen)} of {len(scored)} texts ({n_chosen} of "
        f"{scored.n_tokens} tokens), written to {output}"
    )


def _check(output: Path, output_format: SelectFormat, inputs: List[Path]) -> None:
    if output_format is SelectFormat.spacy:
        check_file(output, inputs)
    else:
        check_export(output, ExportFormat(output_format.value), inputs)


def _texts_of(paths: Iterable[Path]) -> Set[int]:
    """RETURNS (Set[int]): The numbers of the texts of annotated documents, and of
    their sentences.
    """
    numbers: Set[int] = set()
    for path in paths:
        for file in find_spacy_files(path):
            for doc in read_docs(file, Vocab()):
                numbers.add(text_number(doc.text))
                numbers.update(text_number(sent.text) for sent in sentences_of(doc))
    return numbers


def _score(
    pool: Pool, nlp: Language, name: str, how: How, annotated: Set[int]
) -> "Tuple[ScoredPool, Places]":
    """RETURNS (Tuple[ScoredPool, Places]): The scores of the texts that are not
    annotated yet, and where each one is.
    """
    from ..evaluation.selection import ScoredPool

    scored = ScoredPool(per_token=how.per_token and how.strategy != "random")
    places = Places()
    random = Random(how.seed)
    msg.info(f"Choosing by {how.strategy.value} of {name}")
    with tqdm(
        total=pool.size, unit="B", unit_scale=True, disable=None, leave=False
    ) as bar:
        for batch in pool.batches(bar.update):
            numbers = [text_number(text.doc.text) for text in batch]
            left = [n for n, each in enumerate(numbers) if each not in annotated]
            docs = [batch[n].doc for n in left]
            for n, one in zip(left, _scores(nlp, name, docs, how, random), strict=True):
                scored.add(one, len(batch[n].doc), numbers[n])
                places.add(batch[n].place)
    return scored, places


def _scores(
    nlp: Language, name: str, docs: List[Doc], how: How, random: Random
) -> "Iterator[Scored]":
    from ..evaluation.selection import random_score, score_docs
    from ..evaluation.uncertainty import Measure

    if how.strategy is Strategy.random:
        return (random_score(random) for _ in docs)
    return score_docs(nlp, name, docs, Measure(how.strategy.value))


def _annotate(nlp: Language, pooled: List[PooledText], *, simulate: bool) -> List[Doc]:
    """RETURNS (List[Doc]): The texts with what the pipeline finds in them, or with the
    annotation that they have.
    """
    if simulate:
        docs = [text.annotated for text in pooled]
        attributes = ("ENT_IOB", "TAG", "POS")
        if not any(doc.has_annotation(attr) for doc in docs for attr in attributes):
            msg.warn(
                "None of the chosen texts has annotation",
                "--simulate writes what the pool has: give annotated .spacy files.",
            )
        return docs
    return list(nlp.pipe(text.doc for text in pooled))


def _note(docs: "Sequence[Doc]", chosen: "Sequence[Chosen]", how: How) -> None:
    """Let annotators see why a text was chosen."""
    for rank, (doc, each) in enumerate(zip(docs, chosen, strict=True), start=1):
        notes: Dict[str, Any] = {"rank": rank, "by": how.strategy.value}
        if how.strategy is not Strategy.random:
            notes["score"] = round(each.score, _DIGITS)
        doc.user_data[NOTES_KEY] = notes


def _write(docs: List[Doc], output: Path, output_format: SelectFormat) -> None:
    with explained(_CANT_WRITE, OSError):
        if output_format is SelectFormat.spacy:
            write_docs(docs, output)
            return
        losses, export_format = Losses(), ExportFormat(output_format.value)
        write_export(docs, output, export_format, losses)
        report_losses(losses, export_format)


def _nothing(pool: str, n_texts: int, n_tokens: Optional[int]) -> str:
    if not n_texts:
        return f"{pool} has no text, or none that is not annotated already (--exclude)."
    return f"none of the {n_texts} texts has as few tokens as {n_tokens} (--tokens)."
