"""`spacy crf debug-data`: check the data of a config before training."""

from pathlib import Path
from typing import Annotated, Any, Dict, List, NamedTuple, Optional

import srsly
import typer
from spacy.cli._util import import_code, parse_config_overrides
from spacy.util import load_config
from tqdm import tqdm
from wasabi import msg
from wasabi.printer import Printer

from ..data.corpus_reading import read_located
from ..data.entity_checks import check_entities
from ..data.entity_comparison import compare_entities
from ..data.entity_counts import EntityCounts
from ..data.findings import Finding
from ..data.saving import check_file, replacing_file
from ..data.tag_checks import TagCounts, check_tags, compare_tags
from .debug_config import Component, DataConfig, read_data_config
from .debug_report import print_report
from .errors import explained

_CANT_WRITE = "Can't write the report"
_STDOUT = Path("-")


class DataReport(NamedTuple):
    """What is known of the data of a config.

    components (List[Component]): The components that are trained on it.
    entities (List[EntityCounts]): The entities of train and dev; none, if no component
        predicts entities.
    tags (List[TagCounts]): The tags of train and dev, likewise.
    n_docs (List[int]): The number of documents of train and dev.
    findings (List[Finding]): What to know before training, first what does harm.
    """

    components: List[Component]
    entities: List[EntityCounts]
    tags: List[TagCounts]
    n_docs: List[int]
    findings: List[Finding]

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The report in plain values."""
        report: Dict[str, Any] = {
            "components": {each.name: each.factory for each in self.components},
            "n_docs": dict(zip(("train", "dev"), self.n_docs, strict=True)),
        }
        if self.entities:
            report["entities"] = {each.part: each.to_dict() for each in self.entities}
            report["comparison"] = compare_entities(*self.entities)
        if self.tags:
            report["tags"] = compare_tags(*self.tags)
        report["findings"] = [finding.to_dict() for finding in self.findings]
        return report


def debug_data_cli(
    ctx: typer.Context,
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Config for training")
    ],
    output: Annotated[
        Optional[Path],
        typer.Option(
            "--output", "-o", help="JSON file to write the report to; - for the screen"
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit with 1 if anything is found that does harm"
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-V", help="Print more places, all labels, and advice"
        ),
    ] = False,
    code: Annotated[
        Optional[Path],
        typer.Option(
            "--code",
            "-c",
            help="Python file with functions that the config refers to",
        ),
    ] = None,
) -> None:
    """Check the annotated documents that a config trains on and evaluates on. Settings
    of the config can be replaced as for `spacy train`. Example:

    python -m spacy crf debug-data config.cfg --paths.train train.spacy
    """
    # Of Click, which Typer brings along in a copy that does not know it.
    with explained("Can't read the options", Exception):
        overrides = parse_config_overrides(ctx.args)
    import_code(code)
    debug_data(config, overrides, output=output, strict=strict, verbose=verbose)


def debug_data(
    config: Path,
    overrides: Optional[Dict[str, Any]] = None,
    *,
    output: Optional[Path] = None,
    strict: bool = False,
    verbose: bool = False,
) -> None:
    """Check the annotated documents that a config trains on and evaluates on, and print
    what is found.

    config (Path): The config.
    overrides (Optional[Dict[str, Any]]): Values in the place of those in the config, by
        their names with dots.
    output (Optional[Path]): A JSON file to write all of it to; `-` for the screen, to
        which nothing else is printed then.
    strict (bool): Whether to exit with 1 if anything is found that does harm.
    verbose (bool): Whether to print more.
    """
    if output is not None and output != _STDOUT:
        with explained(_CANT_WRITE, OSError):
            check_file(output, [config])
    # Of a config that is wrong, whatever is wrong with it may be raised.
    with explained(f"Can't use the config {config}", Exception):
        data = read_data_config(load_config(config, overrides=overrides or {}))
    with explained("Can't read the data", ValueError, OSError, KeyError):
        report = check_data(data)
    if output == _STDOUT:
        print(srsly.json_dumps(report.to_dict(), indent=2))
    else:
        print_report(Printer(), report.to_dict(), verbose=verbose)
    if output is not None and output != _STDOUT:
        with explained(_CANT_WRITE, OSError), replacing_file(output) as temporary:
            srsly.write_json(temporary, report.to_dict())
        msg.good(f"Saved report to {output}")
    if strict and any(finding.harm for finding in report.findings):
        raise typer.Exit(1)


def check_data(data: DataConfig) -> DataReport:
    """Check the documents that a config trains on and evaluates on. They are read once,
    one by one.

    data (DataConfig): What the config says of its data.
    RETURNS (DataReport): What is known of them.
    RAISES (ValueError): If a file cannot be read.
    """
    for_entities = [each for each in data.components if each.has_entities]
    for_tags = [
        each
        for each in data.components
        if not each.has_entities and each.attribute in ("TAG", "POS")
    ]
    windows = [each.window for each in for_entities if each.window is not None]
    entities = [EntityCounts(p, min(windows, default=None)) for p in ("train", "dev")]
    attribute = for_tags[0].attribute if for_tags else "TAG"
    tags = [TagCounts(part, attribute) for part in ("train", "dev")]
    readers = (data.train, data.dev)
    for number, (counts, of_tags, reader) in enumerate(
        zip(entities, tags, readers, strict=True)
    ):
        # Of dev, texts are looked for in train.
        others = entities[0].texts if number else None
        documents = read_located(reader, data.nlp, counts.part)
        for located in tqdm(documents, unit="doc", disable=None, leave=False):
            counts.add(located, others)
            if for_tags:
                of_tags.add(located)
    findings: List[Finding] = []
    if for_entities:
        findings += check_entities(
            *entities,
            knows_sentences=any(each.knows_sentences for each in for_entities),
            configured=_together(for_entities),
            learned=[label for each in for_entities for label in each.learned],
        )
    if for_tags:
        findings += check_tags(*tags)
    return DataReport(
        data.components,
        entities if for_entities else [],
        tags if for_tags else [],
        [counts.n_docs for counts in entities],
        sorted(findings, key=lambda finding: not finding.harm),
    )


def _together(components: List[Component]) -> Optional[List[str]]:
    """RETURNS (Optional[List[str]]): The labels that the config gives all of them."""
    given = [each.configured for each in components if each.configured is not None]
    return [label for labels in given for label in labels] if given else None
