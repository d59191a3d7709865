"""Write the page of the project's workflows, from `project.yml`:

    python -m docs.extensions.workflows

`weasel document` writes links as a page in the root of the project needs them. Here
they are made to lead there from `docs`.
"""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from weasel.cli.document import project_document

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "workflows.md"
_RELATIVE_LINK = re.compile(r"\]\((?![a-z]+:|#|/)")


def document_workflows(project: Path) -> str:
    """Describe the commands, workflows and assets of a project.

    project (Path): The folder with its `project.yml`.
    RETURNS (str): A page in its folder `docs`.
    """
    with redirect_stdout(io.StringIO()) as printed:
        project_document(project, Path("-"), no_emoji=True)
    return _RELATIVE_LINK.sub("](../", printed.getvalue())


if __name__ == "__main__":
    PAGE.write_text(document_workflows(ROOT), "utf8")
