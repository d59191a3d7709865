"""Recognise the formats of other tools, so that messages can name them."""

import re
from typing import Any, Collection, Dict, Optional

_SPANS = "spans of Doccano (--format doccano)"
# In this order: what is most telling comes first.
_KEYS = {
    "paragraphs": "the JSON format of spaCy 2 (--format spacy-json)",
    "rasa_nlu_data": "training data of Rasa",
    "ner_tags": "token classification of Hugging Face datasets (--format hf)",
    "completions": "an export of Label Studio (--format label-studio)",
    "predictions": "an export of Label Studio (--format label-studio)",
    "result": "an export of Label Studio (--format label-studio)",
    "from_name": "an export of Label Studio (--format label-studio)",
    "annotations": "an export of Label Studio, or training data of spaCy 2",
    "annotation": "an export of Dataturks, or of Label Studio",
    "entities": _SPANS,
    "labels": _SPANS,
    "label": _SPANS,
    "tags": "tokens with tags",
    "ner": "tokens with tags, or spans by sentence",
    "ents": "entities of spaCy's Doc.to_json or displaCy",
    "data": "a task of Label Studio",
    "tokens": "tokens with tags",
}
_STARTS = {
    "start",
    "start_offset",
    "start_char",
    "begin",
    "offset",
    "from",
    "from_char",
}
# What a text begins with that has its annotation in markup.
_MARKUPS = {
    "xmi": "UIMA CAS XMI; in INCEpTION, export WebAnno TSV v3.3",
    "TEI": "TEI in XML, which is not read",
    "html": "HTML; export the annotation in a format of the list in the documentation",
    "rtf": "RTF; save it as plain text, and annotate that",
    "xml": "XML, which is not read; export JSON or columns",
}
_MARKUP = re.compile(r"\s*(<\?xml|<!DOCTYPE|<html|<xmi:|<TEI|\{\\rtf)", re.IGNORECASE)
_CELLS = re.compile(r'[,;\t"]+')
# Columns of an export of Label Studio, of tokens as in Kaggle's corpus, and of texts
# with a category.
_LABEL_STUDIO_COLUMNS = {"annotator", "annotation_id", "lead_time"}
_WORDS, _TAGS = {"word", "token", "words", "tokens"}, {"tag", "ner", "ner_tag", "label"}
_TEXTS, _CATEGORIES = {"text", "data"}, {"label", "labels", "category"}
_PRODIGY_TOKEN = {"text", "start", "end"}
_MARKUP_HEAD = 2000


def name_table(first_line: str) -> Optional[str]:
    """Name a table of another tool.

    first_line (str): The names of its columns.
    RETURNS (Optional[str]): What it is and what to do about it, if it is such a table.
    """
    if first_line.lstrip().startswith(("{", "[")):
        return None  # JSON, whose keys are no columns
    columns = {cell.strip().lower() for cell in _CELLS.split(first_line)}
    if columns >= _LABEL_STUDIO_COLUMNS:
        return (
            "the CSV or TSV of Label Studio, which is not read. Export JSON or "
            "JSON-MIN there"
        )
    if columns & _WORDS and columns & _TAGS and "," in first_line:
        return (
            "a table of tokens with commas. Write columns with tabs, and an empty line "
            "after each sentence"
        )
    if columns & _TEXTS and columns & _CATEGORIES and not columns & _STARTS:
        return (
            "a table of texts with categories, as Doccano and others have it for text "
            "classification. For entities, export JSON lines"
        )
    return None


def name_markup(head: str) -> Optional[str]:
    """Name a file of markup.

    head (str): The beginning of its content.
    RETURNS (Optional[str]): What it is and what to do about it, if it is markup.
    """
    if _MARKUP.match(head) is None:
        return None
    beginning = head[:_MARKUP_HEAD]
    found = [key for key in _MARKUPS if re.search(rf"[<{{\\]{key}", beginning, re.I)]
    return _MARKUPS[found[0] if found else "xml"]


def name_format(keys: Collection[str]) -> Optional[str]:
    """Name the format that keys come from.

    keys (Collection[str]): The keys of an object.
    RETURNS (Optional[str]): What they look like, if it is known.
    """
    lowered = {key.lower() for key in keys}
    return next((name for key, name in _KEYS.items() if key in lowered), None)


def find_annotation(record: Dict[str, Any]) -> Optional[str]:
    """Find annotation under another key than `spans`.

    record (Dict[str, Any]): An object.
    RETURNS (Optional[str]): Under which key, and what it looks like.
    """
    others = {
        key: value
        for key, value in record.items()
        if key != "spans" and value is not None
    }
    if _is_prodigy_tokens(others.get("tokens")):
        del others["tokens"]
    category = _find_category(others)
    if category is not None:
        return category
    name = name_format(others)
    key = next((key for key, value in others.items() if holds_spans(value)), None)
    if name is None:
        return None if key is None else f"{key!r} holds spans"
    if key is None:
        key = next(key for key in others if name_format([key]) == name)
    return f"{key!r} is there: it looks like {name}"


def find_spans(record: Dict[str, Any]) -> Optional[str]:
    """Find a list of what can only be spans under another key than `spans`.

    record (Dict[str, Any]): An object.
    RETURNS (Optional[str]): Under which key.
    """
    for key, value in record.items():
        if key not in ("spans", "tokens") and holds_spans(value):
            return f"{key!r} holds spans"
    return None


def holds_spans(value: object) -> bool:
    """Find out whether something is a list of spans, in whatever form.

    value (object): What a key holds.
    RETURNS (bool): Whether the first item has an offset, and something else.
    """
    if not isinstance(value, list) or not value:
        return False
    first = value[0]
    if isinstance(first, dict):
        return len(first) > 1 and any(str(key).lower() in _STARTS for key in first)
    return (
        isinstance(first, list)
        and len(first) >= 3
        and sum(type(each) is int for each in first) >= 2
        and any(isinstance(each, str) for each in first)
    )


def _find_category(record: Dict[str, Any]) -> Optional[str]:
    """RETURNS (Optional[str]): Where the category of a whole text is, if any."""
    if isinstance(record.get("label"), str):
        return "'label' is a category of the text, as Prodigy's textcat writes it"
    if isinstance(record.get("options"), list) and "accept" in record:
        return "'accept' has categories of the text, as Prodigy's textcat writes them"
    if isinstance(record.get("cats"), dict):
        return "'cats' has categories of the text"
    return None


def _is_prodigy_tokens(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and each.keys() >= _PRODIGY_TOKEN for each in value
    )
