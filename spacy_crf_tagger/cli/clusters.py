"""`spacy crf clusters`: word clusters from texts, or from spacy-lookups-data."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, List, Optional, Sequence

import typer
from spacy.language import Language
from wasabi import msg

from ..clusters.numbers import words_of_numbers
from ..clusters.paths import ClusteredWord, write_paths
from ..data.lookups import PACKAGE, read_cluster_numbers
from ..data.saving import check_file, replacing_file
from ..data.shards.inputs import Input, Kind
from .bars import progress_bar
from .errors import explained
from .loading import blank_pipeline, find_texts, load_pipeline, reading_files

if TYPE_CHECKING:
    from ..clusters.bigrams import Bigrams
    from ..clusters.clustering import Clusters

N_CLASSES = 1000
MIN_COUNT = 2
_CANT_WRITE = "Can't write the clusters"


def clusters_cli(
    *,
    texts: Annotated[
        Optional[List[str]],
        typer.Argument(
            metavar="TEXT",
            help="Files, folders or patterns of .txt (a text on each line), .jsonl, "
            ".parquet or .spacy",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="File of paths to write")
    ],
    n_classes: Annotated[
        int, typer.Option("--classes", "-c", min=1, help="How many classes to make")
    ] = N_CLASSES,
    min_count: Annotated[
        int,
        typer.Option(
            "--min-count", "-m", min=1, help="Leave out words that occur less often"
        ),
    ] = MIN_COUNT,
    lower: Annotated[
        bool, typer.Option("--lower", help="Put words into lower case")
    ] = False,
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language, whose tokenizer splits texts")
    ] = "en",
    pipeline: Annotated[
        Optional[str],
        typer.Option(
            "--pipeline",
            "-p",
            help="Pipeline whose tokenizer splits texts, instead of that of --lang",
        ),
    ] = None,
    input_format: Annotated[
        Optional[Kind],
        typer.Option("--input-format", help="What inputs are, if names do not tell"),
    ] = None,
    text_field: Annotated[
        str, typer.Option("--text-field", "-t", help="Column that has the text")
    ] = "text",
    lookups: Annotated[
        Optional[str],
        typer.Option(
            "--lookups",
            metavar="LANG",
            help="Take the clusters that spacy-lookups-data has of a language, instead "
            "of making some",
        ),
    ] = None,
) -> None:
    """Put the words of texts into classes by the words beside them, and write the path
    of each word in the tree of classes: its Brown cluster.

    The texts need no annotation. Each line of OUT has a path in bits, a word and its
    count. Words in whose paths the first bits are the same are used alike.
    """
    if lookups is not None:
        if texts:
            msg.fail("Give texts or --lookups, not both", exits=1)
        convert_lookups(lookups, output)
        return
    make_clusters(
        texts or [],
        output,
        n_classes=n_classes,
        min_count=min_count,
        lower=lower,
        lang=lang,
        pipeline=pipeline,
        input_format=input_format,
        text_field=text_field,
    )


def make_clusters(
    texts: Sequence[str],
    output: Path,
    *,
    n_classes: int = N_CLASSES,
    min_count: int = MIN_COUNT,
    lower: bool = False,
    lang: str = "en",
    pipeline: Optional[str] = None,
    input_format: Optional[Kind] = None,
    text_field: str = "text",
) -> "Clusters":
    """Make clusters of the words of texts, write their paths, and print what came of
    it.

    texts (Sequence[str]): Files, folders or patterns.
    output (Path): The file of paths.
    n_classes (int): How many classes to make.
    min_count (int): Words that occur less often are left out.
    lower (bool): Whether to put words into lower case.
    lang (str): The language, whose tokenizer splits texts.
    pipeline (Optional[str]): The name of a package, or a path, whose tokenizer splits
        texts instead.
    input_format (Optional[Kind]): What inputs are, if their names do not tell.
    text_field (str): The column that has the text.
    RETURNS (Clusters): The clusters.
    """
    if not texts:
        msg.fail("No texts", "Give files of texts, or --lookups.", exits=1)
    inputs = find_texts(texts, input_format)
    _check_output(output, inputs)
    nlp = blank_pipeline(lang) if pipeline is None else load_pipeline(pipeline)
    with explained("Can't make clusters", ValueError):
        bigrams = _count(inputs, nlp, text_field, min_count, lower=lower)
        clusters = _cluster(bigrams, n_classes)
    _write(clusters.words, output)
    if clusters.n_classes < n_classes:
        msg.warn(f"There are {clusters.n_classes:,} words, and so no more classes")
    msg.good(
        f"Wrote {len(clusters.words):,} words in {clusters.n_classes:,} classes to "
        f"{output}: {clusters.information:.3f} bits of average mutual information"
    )
    return clusters


def convert_lookups(lang: str, output: Path) -> None:
    """Write the clusters that spacy-lookups-data has of a language as paths.

    lang (str): The code of the language.
    output (Path): The file of paths.
    """
    _check_output(output)
    with explained(f"Can't take clusters from {PACKAGE}", ValueError):
        words = words_of_numbers(read_cluster_numbers(lang))
    _write(words, output)
    n_classes = len({word.path for word in words})
    msg.good(f"Wrote {len(words):,} words in {n_classes:,} classes to {output}")


def _check_output(output: Path, inputs: Sequence[Input] = ()) -> None:
    with explained(_CANT_WRITE, OSError):
        check_file(output, [Path(each.path) for each in inputs])


def _count(
    inputs: Sequence[Input],
    nlp: Language,
    text_field: str,
    min_count: int,
    *,
    lower: bool,
) -> "Bigrams":
    # Only the tokenizer runs, which takes texts of any length.
    nlp.max_length = sys.maxsize
    # Needs more than spaCy's commands do.
    from .counting import TextCounter
    from .text_reader import TextReader

    reader = TextReader(nlp, text_field)
    counter = TextCounter(nlp, reader, lower=lower)
    n_bytes = sum(each.size for each in inputs)
    with (
        reading_files(" ".join(each.name for each in inputs)),
        progress_bar("Counting words", n_bytes) as bar,
    ):
        counter.count(inputs, bar.update)
    reader.warn_of_failures()
    bigrams = counter.counter.bigrams(min_count)
    if not bigrams.words:
        raise ValueError(
            f"there are {counter.counter.n_words:,} words in {reader.n_texts:,} texts,"
            f" none of which occurs {min_count} times (--min-count)"
        )
    n_left_out = counter.counter.n_words - len(bigrams.words)
    msg.info(
        f"{counter.n_tokens:,} words in {reader.n_texts:,} texts: "
        f"{len(bigrams.words):,} different ones, and {n_left_out:,} that are left out "
        f"(--min-count {min_count})"
    )
    return bigrams


def _cluster(bigrams: "Bigrams", n_classes: int) -> "Clusters":
    from ..clusters.clustering import cluster

    with _Bars() as bars:
        return cluster(bigrams, n_classes, bars.report)


def _write(words: Sequence[ClusteredWord], output: Path) -> None:
    with explained(_CANT_WRITE, OSError), replacing_file(output) as temporary:
        write_paths(words, temporary)


class _Bars:
    """A progress bar for each step, one after another."""

    def __init__(self) -> None:
        self._doing = ""
        self._bar: Any = None

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def report(self, doing: str, done: int, total: int) -> None:
        if doing != self._doing:
            self.__exit__()
            self._doing, self._bar = doing, progress_bar(doing, total)
        self._bar.update(done)
