"""Read files of annotated text for a command, and count what is in them."""

from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..data.formats import Format
from ..data.readers import Options, read_file
from ..data.reading import MAX_KEPT, Log
from ..data.source import Source
from .content import Content

_DOCS_PER_UPDATE = 100


class Reading:
    """Reads files one after another, and counts what is in them.

    files (Sequence[Path]): The files, and folders of brat.
    file_format (Format): Their format.
    nlp (Language): The pipeline whose tokenizer splits texts.
    log (Log): Where to report what could not be read.
    options (Options): What the user says about the files.
    md5 (Optional[str]): The checksum that the only file must have.
    """

    def __init__(
        self,
        files: Sequence[Path],
        file_format: Format,
        nlp: Language,
        log: Log,
        options: Options,
        md5: Optional[str],
    ) -> None:
        self.content = Content()
        self.formats: List[str] = []
        self.without_entities: List[Path] = []
        self._files = files
        self._format = file_format
        self._nlp = nlp
        self._log = log
        self._options = options
        self._md5 = md5
        self._source: Optional[Source] = None

    def docs(self) -> Iterator[Doc]:
        """Read all, and show how far it is.

        YIELDS (Doc): The documents.
        """
        sizes = [path.stat().st_size for path in self._files if path.is_file()]
        total = sum(sizes)
        with tqdm(total=total, unit="B", unit_scale=True, disable=None) as progress:
            for path in self._files:
                self._log.path = path if len(self._files) > 1 else None
                n_entities = self.content.n_entities
                before = progress.n
                for doc in self._read(path):
                    self._fill_group(doc)
                    self.content.add(doc)
                    if self.content.n_docs % _DOCS_PER_UPDATE == 0 and self._source:
                        position = before + self._source.position
                        progress.update(position - progress.n)
                    yield doc
                if self.content.n_entities == n_entities:
                    self.without_entities.append(path)
        self._log.path = None

    def report_missing(self) -> None:
        """Warn of files without any entity."""
        if self.without_entities:
            names = ", ".join(map(str, self.without_entities[:MAX_KEPT]))
            more = len(self.without_entities) - MAX_KEPT
            and_more = f" and {more} more" if more > 0 else ""
            msg.warn(f"No entity in {names}{and_more}")

    def _read(self, path: Path) -> Iterator[Doc]:
        def watch(found: Format, source: Optional[Source]) -> None:
            self._source = source
            if source is not None:
                _check_md5(source, self._md5)
            if found.value not in self.formats:
                self.formats.append(found.value)

        return read_file(
            path, self._format, self._nlp, self._log, self._options, watch=watch
        )

    def _fill_group(self, doc: Doc) -> None:
        """Put entities into the span group that is wanted, where a format has no spans
        that overlap.
        """
        key = self._options.spans_key
        if key is not None and key not in doc.spans:
            doc.spans[key] = list(doc.ents)


def _check_md5(source: Source, md5: Optional[str]) -> None:
    if md5 is not None:
        actual = source.md5()
        if md5.strip().lower() != actual:
            msg.fail(f"The MD5 of {source.path} is not {md5} but {actual}", exits=1)
