"""Write what has been found in a corpus to the files of a folder."""

import json
from pathlib import Path
from typing import Dict, Iterable, Iterator, Sequence

from spacy.tokens import Doc
from spacy.vocab import Vocab

from .groups import Group, by_score
from .page import render_page
from .search import Search
from .tasks import to_label_studio, to_prodigy

FINDINGS = "findings.jsonl"
LABEL_STUDIO = "label-studio.json"
PAGE = "findings.html"
DOCUMENTS = "documents.jsonl"
# Names of all files that are written.
FILES = (FINDINGS, LABEL_STUDIO, PAGE, DOCUMENTS)


def write_results(
    search: Search, docs: Iterable[Doc], folder: Path, *, corpus: str, on_page: int
) -> Dict[str, int]:
    """Write all files.

    search (Search): What has been found.
    docs (Iterable[Doc]): All documents of the corpus, which are not kept in memory.
    folder (Path): The folder.
    corpus (str): What the corpus is called.
    on_page (int): How many findings the page shows at least, if there are as many.
    RETURNS (Dict[str, int]): How many findings of each kind were written.
    """
    groups = search.ranking.groups()
    counts: Dict[str, int] = {}
    for group in groups:
        kind = group.tasks[0].finding.change.kind
        counts[kind] = counts.get(kind, 0) + len(group.tasks)
    _write(folder / FINDINGS, _prodigy_lines(groups))
    _write(folder / LABEL_STUDIO, _label_studio_pieces(groups))
    n_docs = _write(folder / DOCUMENTS, _document_lines(search, docs))
    page = render_page(
        groups,
        corpus=corpus,
        n_docs=n_docs,
        n_findings=search.ranking.n_seen,
        limit=on_page,
    )
    _write(folder / PAGE, [page])
    return counts


def _prodigy_lines(groups: Sequence[Group]) -> Iterator[str]:
    nothing = Doc(Vocab())
    for group, task in by_score(groups):
        yield _dump(to_prodigy(task, group.number, nothing)) + "\n"


def _label_studio_pieces(groups: Sequence[Group]) -> Iterator[str]:
    nothing = Doc(Vocab())
    before = "["
    for number, (group, task) in enumerate(by_score(groups), start=1):
        record = to_label_studio(number, task, group.number, nothing)
        yield f"{before}\n{_dump(record)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _document_lines(search: Search, docs: Iterable[Doc]) -> Iterator[str]:
    ranks = search.doc_ranks()
    for number, doc in enumerate(docs):
        record = {
            "doc": number,
            "rank": ranks.get(number),
            "score": search.doc_score(number),
            "findings": search.n_findings(number),
            "text": doc.text,
            "tokens": [[token.idx, token.idx + len(token)] for token in doc],
            "token_scores": search.token_scores(number),
        }
        yield _dump(record) + "\n"


def _write(path: Path, pieces: Iterable[str]) -> int:
    """RETURNS (int): How many pieces there were."""
    n_pieces = 0
    # Line ends of a text are its own.
    with path.open("w", encoding="utf8", newline="") as file:
        for piece in pieces:
            file.write(piece)
            n_pieces += 1
    return n_pieces


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
