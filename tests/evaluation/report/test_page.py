"""The forms of a report: they hold all of it, need nothing else, and let nobody's text
do anything.
"""

import json
import re
from html.parser import HTMLParser

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_crf_tagger.evaluation.report.build import Pipeline, make_report
from spacy_crf_tagger.evaluation.report.errors import ErrorGroup
from spacy_crf_tagger.evaluation.report.model import Transitions
from spacy_crf_tagger.evaluation.report.page import render
from spacy_crf_tagger.evaluation.report.sentences import Mark, Sentence
from tests.helpers.browser import needs_browser, running_browser

BAD = "<script>alert('&amp;')</script>|*x*"
WIDTHS = (390, 768, 1280)
TEXTS = [
    ("Ada", "PERSON", "PERSON"),
    ("Grace", "PERSON", "PLACE"),
    ("Grace", "PERSON", "PLACE"),
    ("Oslo", "PLACE", ""),
    (BAD, "", f"LABEL{BAD}"),
]


class Tags(HTMLParser):
    """The tags and addresses of a page, and its text outside of scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.addresses, self.text, self._open = [], [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._open.append(tag)
        self.addresses += [v for name, v in attrs if name in ("src", "href", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open):
            self.text += data


def tag_of(label):
    return f"B-{label}" if label else "O"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report on a pipeline that knows some of TEXTS."""
    folder = tmp_path_factory.mktemp(BAD.replace("/", "_"))
    nlp, other = spacy.blank("en"), spacy.blank("en")
    for pipeline, known in ((nlp, TEXTS), (other, TEXTS[:1])):
        rules = [
            {"label": predicted, "pattern": [{"ORTH": text}]}
            for text, _, predicted in known
            if predicted
        ]
        pipeline.add_pipe("entity_ruler").add_patterns(rules)
    docs = [
        Doc(nlp.vocab, words=["we", "saw", text], ents=["O", "O", tag_of(gold)])
        for text, gold, _ in TEXTS
    ]
    path = folder / "test.spacy"
    DocBin(docs=docs).to_disk(path)
    made = make_report(
        Pipeline(f"ours{BAD}", nlp), path, train=path, against=Pipeline("other", other)
    )
    [section] = made.sections
    transitions = Transitions(["O", BAD], [[0.5, None], [-1.0, 2.0]], 0)
    return made._replace(sections=[section._replace(transitions=transitions)])


@pytest.fixture(scope="module")
def page(report):
    return render(report, ".html")


def test_page_needs_nothing_else(page):
    found = Tags(page)
    assert all(address.startswith(("#", "data:,")) for address in found.addresses)
    assert not re.search(r"https?:|@import|url\(", page)
    assert {"link", "style", "script"} <= set(found.tags)
    assert not {"img", "iframe", "object", "embed"} & set(found.tags)
    ids = set(re.findall(r' id="([^"]+)"', page))
    assert {a.removeprefix("#") for a in found.addresses if a[0] == "#"} <= ids


def test_nobodys_text_does_anything(page, report):
    found = Tags(page)
    assert found.tags.count("script") == 1
    shown = " ".join(found.text.split())
    assert shown.count(f"ours{BAD}") >= 2  # the pipeline
    assert f"LABEL{BAD}" in shown
    assert report.corpus in shown


def test_page_can_be_read_without_its_script(page):
    """Tables are complete and in order before anything sorts them."""
    body = page.split("<script>")[0]
    texts = re.findall(r'<tbody data-kind="[^"]+">\n<tr><td>([^<]*)', body)
    assert texts[0] == "Grace"
    assert len(texts) == 3 + 2  # errors, and changes
    assert "<button" not in body
    assert "<details><summary>1 more" in body


def test_markdown(report):
    text = render(report, ".md")
    assert "\n## Entities\n" in text
    assert "| Grace | wrong label | PERSON | PLACE | 2 |" in text
    assert "<script" not in text
    for block in re.findall(r"(?m)(?:^\|.*\n)+", text):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_json(report):
    read = json.loads(render(report, ".json"))
    assert read["pipeline"] == f"ours{BAD}"
    [section] = read["sections"]
    assert section["overall"]["right"] == 1
    assert section["errors"]["times"] == {"wrong label": 2, "missed": 1, "spurious": 1}
    sentence = section["errors"]["groups"][0]["sentences"][0]
    start, end = sentence["focus"]
    assert sentence["text"][start:end] == "Grace"
    assert section["difference"]["theirs"] == "other"


def test_the_same_report_is_the_same_file(report, page):
    assert render(report, ".html") == page


def test_other_endings(report):
    with pytest.raises(ValueError, match=r"not in '\.pdf'"):
        render(report, ".pdf")


def test_page_stays_small(report):
    """Thousands of errors in long sentences of other scripts."""
    text = "Ѫ<" * 200
    marks = [Mark(n, n + 5, "LABEL", 0.5) for n in range(0, 200, 10)]
    sentence = Sentence("test.spacy, document 1", text, (0, 5), marks, marks)
    groups = [
        ErrorGroup("missed", f"text {n}", "LABEL", "", 3, 0.5, [sentence] * 3)
        for n in range(2000)
    ]
    [section] = report.sections
    errors = section.errors._replace(groups=groups)
    large = report._replace(sections=[section._replace(errors=errors)] * 2)
    page = render(large, ".html")
    assert 1_000_000 < len(page.encode()) < 5_000_000
    assert "less frequent groups are left out of this page" in page


# In a browser


@pytest.fixture(scope="module")
def browser():
    with running_browser() as running:
        yield running


def open_page(browser, path, width=1280, **settings):
    page = browser.new_page(viewport={"width": width, "height": 900}, **settings)
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.complaints.append(request.url))
    page.goto(path.as_uri())
    # The page itself, and nothing that it asks for.
    assert [url for url in page.complaints if not url.startswith("data:,")] == [
        path.as_uri()
    ]
    page.complaints.clear()
    return page


def shown_texts(page, table="#s1-table"):
    return page.eval_on_selector_all(
        f"{table} tbody:not([hidden]) tr:first-child td:first-child",
        "cells => cells.map(cell => cell.textContent)",
    )


@needs_browser
def test_sorting_and_searching(browser, page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page, "utf8")
    opened = open_page(browser, path)
    assert sorted(shown_texts(opened)) == sorted(["Grace", "Oslo", BAD])
    text = opened.locator("#s1-table thead button", has_text="Text")
    text.focus()
    opened.keyboard.press("Enter")
    up = shown_texts(opened)
    head = opened.locator("#s1-table thead th").first
    assert head.get_attribute("aria-sort") == "ascending"
    text.click()
    assert shown_texts(opened) == up[::-1]
    times = opened.locator("#s1-table thead button", has_text="Times")
    times.click()
    assert shown_texts(opened)[0] == "Grace"
    times.click()
    assert shown_texts(opened)[-1] == "Grace"
    tools = opened.locator("[data-table=s1-table]")
    tools.locator("input").fill("PLACE missed")
    assert shown_texts(opened) == ["Oslo"]
    assert tools.locator("output").text_content() == "1 of 3 shown"
    tools.locator("input").fill("")
    tools.locator("select").select_option("spurious")
    assert shown_texts(opened) == [BAD]
    labels = opened.locator("table.sort").first
    labels.locator("thead button", has_text="Annotated").click()
    assert labels.locator("tbody th").first.text_content() == "PERSON"
    assert opened.complaints == []
    opened.close()


@needs_browser
@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_the_screen(browser, page, tmp_path, width):
    path = tmp_path / "report.html"
    path.write_text(page, "utf8")
    for scheme in ("light", "dark"):
        opened = open_page(browser, path, width, color_scheme=scheme)
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        back = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(255, 255, 255)") == (scheme == "light")
        assert opened.complaints == []
        opened.close()


@needs_browser
def test_printing_opens_what_is_closed(browser, page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page, "utf8")
    opened = open_page(browser, path)
    closed = "document.querySelectorAll('details:not([open])').length"
    before = opened.evaluate(closed)
    assert before > 0
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.evaluate(closed) == 0
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.evaluate(closed) == before
    opened.close()
