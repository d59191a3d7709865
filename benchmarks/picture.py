"""docs/entities.png: a text with what a pipeline finds in it, drawn by displaCy.
docs/report.png: the top of the report on that pipeline.

    python -m spacy project run all
    python -m benchmarks.picture

It takes Chromium to turn pages into pictures.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import matplotlib.image
import numpy as np
import spacy
from spacy import displacy

from benchmarks.harness.training import ROOT
from spacy_crf_tagger.evaluation.display import displacy_ents

PIPELINE = ROOT / "training" / "astronomy" / "crf_ner" / "model-calibrated"
TEXT = (
    "On Friday 14 March at 21:40 UT Ingrid Halvorsen found NGC 2903 with her 10-inch "
    "Dobsonian at Torvik Observatory. She then showed us Saturn, low over the harbour."
)
COLOURS = {
    "PERSON": "#f7d1a8",
    "OBJECT": "#bfd9f2",
    "INSTRUMENT": "#d8cdf0",
    "PLACE": "#c7e5c0",
    "TIME": "#e4e4e4",
}
REPORT = ROOT / "metrics" / "astronomy" / "report.html"
SCALE, MARGIN = 2, 16


def render(pipeline: str) -> str:
    """RETURNS a page with the text and its entities."""
    doc = spacy.load(pipeline)(TEXT)
    options = {"colors": COLOURS}
    ents = displacy_ents(doc)
    page = displacy.render(
        ents, style="ent", manual=True, page=True, options=options, jupyter=False
    )
    # An entity stays on its line.
    return str(page).replace("<body", "<style>mark {white-space: nowrap}</style><body")


def crop(path: Path) -> None:
    """Cut off what is white around the text, but for a margin."""
    picture = matplotlib.image.imread(path)
    seen = (picture[..., :3] < 1.0).any(axis=2)
    margin = SCALE * MARGIN
    parts = []
    for axis in (1, 0):
        found = np.flatnonzero(seen.any(axis=axis))
        parts.append(slice(max(found[0] - margin, 0), found[-1] + 1 + margin))
    matplotlib.image.imsave(path, np.ascontiguousarray(picture[tuple(parts)]))


def photograph(page: Path, output: Path, size: tuple[int, int], scale: int) -> None:
    """Turn the top of a page into a picture."""
    browser = next(filter(shutil.which, ("chromium", "google-chrome", "chrome")), None)
    if browser is None:
        raise SystemExit("There is no Chromium: apt-get install chromium")
    if not page.exists():
        raise SystemExit(f"There is no {page}: python -m spacy project run all")
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu"),
        *("--hide-scrollbars", f"--force-device-scale-factor={scale}"),
        f"--window-size={size[0]},{size[1]}",
        f"--screenshot={output.resolve()}",
        page.resolve().as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", default=str(PIPELINE))
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(render(args.pipeline), "utf8")
        picture = args.folder / "entities.png"
        photograph(page, picture, (900, 500), SCALE)
    crop(picture)
    photograph(args.report, args.folder / "report.png", (1000, 1520), 1)


if __name__ == "__main__":
    main()
