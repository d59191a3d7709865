"""`spacy crf find-errors`: what is probably wrong in the annotation of a corpus."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Iterator, List, NamedTuple, Optional, Set

import typer
from spacy.tokens import Doc
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

from ..data.read_spacy import SUFFIX, find_spacy_files, read_docs
from ..data.saving import (
    check_file,
    check_folder,
    refuse_inside,
    replacing_folder,
)
from ..data.writing import write_docs
from .errors import explained
from .loading import load_pipeline, reading_files, use_gpu

# Every `python -m spacy` process imports this file: what needs more than spaCy is
# imported where it is used.
if TYPE_CHECKING:
    from thinc.api import Config

    from ..evaluation.annotation_errors.search import Search

_CANT_WRITE = "Can't write the output"
_CANT_FIND = "Can't look for errors"
_CANT_TRAIN = "Can't train the models of the folds"
_FACTORY = "crf_ner"


class Options(NamedTuple):
    """How to look for errors.

    config (Optional[Path]): The config for training; None for that of `init-config`.
    model (Optional[str]): A pipeline that has not learned the corpus; no folds then.
    component (Optional[str]): The name of the component; None for the only one.
    folds (int): Parts that the corpus is divided into.
    seeds (int): Models that judge each part.
    seed (int): Of the random numbers for dividing, and of the first model.
    least (float): The least score of a finding that is written.
    limit (int): The most findings that are written.
    on_page (int): How many of them the page shows.
    lang (str): The language of the pipeline, without a config.
    gpu_id (int): The GPU, or -1.
    """

    config: Optional[Path] = None
    model: Optional[str] = None
    component: Optional[str] = None
    folds: int = 3
    seeds: int = 1
    seed: int = 0
    least: float = 0.1
    limit: int = 10_000
    on_page: int = 500
    lang: str = "en"
    gpu_id: int = -1


DEFAULT = Options()


def find_errors_cli(
    corpus: Annotated[
        Path,
        typer.Argument(
            metavar="CORPUS", help="The annotated .spacy file, or a folder of them"
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="Folder to write what is found to; with --apply the .spacy file",
        ),
    ],
    config: Annotated[
        Optional[Path],
        typer.Option(
            "--config", "-f", help="Config to train with; that of init-config if none"
        ),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option(
            "--model",
            "-m",
            help="Pipeline that has not learned the corpus; nothing is trained then",
        ),
    ] = None,
    component: Annotated[
        Optional[str],
        typer.Option(
            "--component",
            "-c",
            help="Name of the crf_ner; by default the only one that there is",
        ),
    ] = None,
    folds: Annotated[
        int,
        typer.Option(
            "--folds",
            "-k",
            min=2,
            help="Parts of the corpus; each is judged by models of the others",
        ),
    ] = DEFAULT.folds,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", "-s", min=1, help="Models that judge each part together"
        ),
    ] = DEFAULT.seeds,
    seed: Annotated[
        int, typer.Option("--seed", help="Of the parts and of the first model")
    ] = DEFAULT.seed,
    least: Annotated[
        float,
        typer.Option("--least", min=0.0, max=1.0, help="Least score of a finding"),
    ] = DEFAULT.least,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Most findings that are written")
    ] = DEFAULT.limit,
    on_page: Annotated[
        int, typer.Option("--on-page", min=1, help="How many of them the page shows")
    ] = DEFAULT.on_page,
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language, if there is no --config")
    ] = DEFAULT.lang,
    gpu_id: Annotated[
        int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")
    ] = DEFAULT.gpu_id,
    code: Annotated[
        Optional[Path],
        typer.Option(
            "--code", help="Python file with functions that the config refers to"
        ),
    ] = None,
    apply: Annotated[
        Optional[Path],
        typer.Option(
            "--apply",
            "-a",
            metavar="DECISIONS",
            help="What reviewers decided; writes the corrected corpus to OUT",
        ),
    ] = None,
) -> None:
    """Find what is probably wrong in the annotation of entities: those that are none,
    that are missing, or that have the wrong label or borders.

    Models are trained on parts of the corpus (folds) and judge the part that they have
    not seen. Writes a folder with findings.jsonl (for Prodigy), label-studio.json,
    findings.html (a page to decide on, without any tool) and documents.jsonl (scores of
    documents and tokens). Example:

    python -m spacy crf find-errors train.spacy errors

    and, after review:

    python -m spacy crf find-errors train.spacy corrected.spacy --apply decisions.jsonl
    """
    if apply is not None:
        if model is not None or config is not None:
            msg.fail("--apply needs neither --model nor --config", exits=1)
        apply_decisions(corpus, output, apply)
        return
    if code is not None:
        from spacy.cli._util import import_code

        import_code(code)
    options = Options(
        config=config,
        model=model,
        component=component,
        folds=folds,
        seeds=seeds,
        seed=seed,
        least=least,
        limit=limit,
        on_page=on_page,
        lang=lang,
        gpu_id=gpu_id,
    )
    find_errors(corpus, output, options)


def find_errors(corpus: Path, output: Path, options: Options = DEFAULT) -> None:
    """Find what is probably wrong in the annotation of a corpus, and write it to a
    folder.

    corpus (Path): The annotated `.spacy` file, or a folder of them.
    output (Path): The folder to write to.
    options (Options): How to look for errors.
    """
    from ..evaluation.annotation_errors.results import FILES, write_results
    from ..evaluation.annotation_errors.search import Search
    from ..evaluation.annotation_errors.usage import Usage

    if options.model is not None and options.config is not None:
        msg.fail("Give --config or --model, not both", exits=1)
    with reading_files(corpus):
        paths = find_spacy_files(corpus)
        with explained(_CANT_WRITE, OSError):
            check_folder(output, FILES, [corpus, *paths])
            refuse_inside(output, [corpus])
        usage, is_annotated = Usage(), False
        labels: Set[str] = set()
        for doc in _docs_of(paths):
            usage.add(doc)
            labels |= {ent.label_ for ent in doc.ents}
            is_annotated |= doc.has_annotation("ENT_IOB")
        if not is_annotated:
            msg.fail(_CANT_FIND, "no entity is annotated in the corpus.", exits=1)
        search = Search(usage, options.limit, options.least)
        if options.model is not None:
            _ask_model(paths, search, options, labels)
        else:
            _ask_folds(paths, search, options, labels)
        with explained(_CANT_WRITE, OSError), replacing_folder(output, FILES) as folder:
            counts = write_results(
                search,
                _docs_of(paths),
                folder,
                corpus=corpus.name,
                on_page=options.on_page,
            )
    rows = sorted(counts.items(), key=lambda row: -row[1])
    if rows:
        msg.table(rows, header=("Finding", "n"), aligns=("l", "r"), divider=True)
    else:
        msg.info(f"No finding has a score of {options.least:g} or more (--least)")
    msg.good(f"Saved findings to {output}")


def apply_decisions(corpus: Path, output: Path, decisions: Path) -> None:
    """Write a corpus as reviewers have corrected it.

    corpus (Path): The annotated `.spacy` file, or a folder of them, that the findings
        are of.
    output (Path): The `.spacy` file to write.
    decisions (Path): The findings with their answers.
    """
    from ..evaluation.annotation_errors.decisions import Corrector, read_decisions

    if output.suffix != SUFFIX:
        msg.fail(f"Output file must end with {SUFFIX} with --apply", output, exits=1)
    with reading_files(corpus):
        paths = find_spacy_files(corpus)
        with explained("Can't apply the decisions", OSError, ValueError):
            check_file(output, [*paths, decisions])
            refuse_inside(output, [corpus])
            found = read_decisions(decisions)
            corrector = Corrector(found.accepted)
            write_docs(corrector.correct(_docs_of(paths)), output)
    msg.good(
        f"Saved corrected corpus to {output} (documents changed: {corrector.n_docs}, "
        f"entities removed: {corrector.n_removed}, added: {corrector.n_added})"
    )
    msg.info(
        f"Decisions accepted: {len(found.accepted)}, left as annotated: {found.n_left}"
    )
    if not found.accepted:
        msg.warn("Nothing was accepted", "The corpus is as it was.")


def _ask_model(
    paths: List[Path], search: "Search", options: Options, annotated: Set[str]
) -> None:
    from ..evaluation.annotation_errors.pooling import Judges
    from ..evaluation.calibration import find_component

    assert options.model is not None
    use_gpu(options.gpu_id, silent=True)
    nlp = load_pipeline(options.model)
    with explained(_CANT_FIND, ValueError):
        name, component = find_component(nlp, options.component)
        unknown = sorted(annotated.difference(component.labels))
        if unknown:
            msg.warn(
                f"'{name}' does not know the labels {unknown}",
                "It cannot judge entities with these labels, and takes them as not "
                "annotated. Use a pipeline that has learned them.",
            )
        judges = Judges([nlp], name)
        docs = enumerate(tqdm(_docs_of(paths), unit="doc", disable=None))
        search.run(docs, judges)


def _ask_folds(
    paths: List[Path], search: "Search", options: Options, annotated: Set[str]
) -> None:
    import spacy

    from ..evaluation.annotation_errors.folds import (
        assign_dev,
        assign_parts,
        keys_of,
        write_fold,
    )
    from ..evaluation.annotation_errors.pooling import Judges
    from ..evaluation.annotation_errors.search import of_fold
    from ..evaluation.annotation_errors.training import fold_config, train_fold

    config, labels = _read_config(options), sorted(annotated)
    with explained(_CANT_FIND, ValueError):
        name = _component_of(config, options.component)
        if not annotated:
            raise ValueError("no entity is annotated in the corpus.")
        n_folds, n_seeds = options.folds, options.seeds
        keys = keys_of(doc.text for doc in _docs_of(paths))
        folds = assign_parts(keys, n_folds, options.seed)
        is_dev = assign_dev(keys, folds, options.seed + 1)
    use_gpu(options.gpu_id, silent=True)
    for fold in range(n_folds):
        with TemporaryDirectory() as folder, _training():
            files = write_fold(_docs_of(paths), folds, is_dev, fold, Path(folder))
            pipelines = []
            for number in range(n_seeds):
                msg.info(
                    f"Training on all but part {fold + 1} of {n_folds}, model "
                    f"{number + 1} of {n_seeds}"
                )
                own = fold_config(config, files, options.seed + number, {name: labels})
                best = train_fold(own, Path(folder) / str(number), options.gpu_id)
                pipelines.append(spacy.load(best))
            judges = Judges(pipelines, name)
        bar = tqdm(
            of_fold(_docs_of(paths), folds, fold),
            total=folds.count(fold),
            unit="doc",
            disable=None,
            leave=False,
        )
        with explained(_CANT_FIND, ValueError):
            search.run(bar, judges)


def _read_config(options: Options) -> "Config":
    from spacy.util import load_config

    from .recipes import recipe_config

    if options.config is None:
        with explained(f"Can't use language {options.lang!r}", ImportError):
            return recipe_config([_FACTORY], lang=options.lang)
    # A config may be malformed in any way.
    with explained(f"Can't read the config {options.config}", Exception):
        return load_config(options.config, interpolate=False)


def _component_of(config: "Config", name: Optional[str]) -> str:
    """RETURNS (str): The name of the component that is to judge."""
    components = config.get("components", {})
    found = [n for n, each in components.items() if each.get("factory") == _FACTORY]
    if name is None and len(found) == 1:
        return str(found[0])
    if name is None or name not in found:
        raise ValueError(
            f"the config has the {_FACTORY} components {found}. Name one of them "
            "(--component), or make a config by `python -m spacy crf init-config`."
        )
    return name


@contextmanager
def _training() -> Iterator[None]:
    # Whatever a config asks for may fail.
    with explained(_CANT_TRAIN, Exception):
        yield


def _docs_of(paths: List[Path]) -> Iterator[Doc]:
    for path in paths:
        # Its own, which keeps the words of a file while it is read.
        yield from read_docs(path, Vocab())
