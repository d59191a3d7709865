"""Links out of the documentation: a hook of MkDocs.

Pages link to files of the repository by their path, as `../configs/crf_ner.cfg`, so
that the links work where the repository is read. The site does not have these files:
there the links lead to the repository.
"""

import re
from pathlib import Path
from typing import Any

REPOSITORY = "https://github.com/spacy-crf-tagger/spacy-crf-tagger"
ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"\]\((?![a-z]+:|#|/)([^)#\s]+)(#[^)\s]*)?\)")


def link_outside(page: Path, link: str) -> str:
    """Find out where the site has to lead for a link.

    page (Path): The file of the page.
    link (str): A relative link, without what follows a `#`.
    RETURNS (str): The address of a file that is in the repository but not in `docs`, or
        the link itself.
    """
    target = (page.parent / link).resolve()
    if not target.exists() or not target.is_relative_to(ROOT):
        return link
    if target.is_relative_to(ROOT / "docs"):
        return link
    return f"{REPOSITORY}/blob/main/{target.relative_to(ROOT).as_posix()}"


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Rewrite the links of a page.

    markdown (str): Its text.
    page (Page): The page.
    RETURNS (str): The text with links for the site.
    """
    path = Path(page.file.abs_src_path)

    def replace(match: "re.Match[str]") -> str:
        link = link_outside(path, match[1])
        return match[0] if link == match[1] else f"]({link}{match[2] or ''})"

    return _LINK.sub(replace, markdown)
