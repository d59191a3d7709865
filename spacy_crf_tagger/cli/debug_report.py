"""Print what `spacy crf debug-data` has found, in the manner of `spacy debug data`."""

from typing import Any, Dict, List, Mapping, Optional

from wasabi.printer import Printer

_FEW_PLACES, _MANY_PLACES = 3, 100
_FEW_LABELS = 20


def print_report(
    printer: Printer, report: Mapping[str, Any], *, verbose: bool = False
) -> None:
    """Print a report.

    printer (Printer): What prints it.
    report (Mapping[str, Any]): The report in plain values.
    verbose (bool): Whether to print more places, all labels, and advice.
    """
    printer.divider("Training stats")
    components = (f"{name} ({f})" for name, f in report["components"].items())
    printer.text(f"Components: {', '.join(components)}")
    printer.text(f"{report['n_docs']['train']} training docs")
    printer.text(f"{report['n_docs']['dev']} evaluation docs")
    if "entities" in report:
        _print_entities(printer, report["entities"], verbose)
        _print_comparison(printer, report["comparison"])
    if "tags" in report:
        _print_tags(printer, report["tags"], verbose)
    _print_findings(printer, report["findings"], verbose)


def _print_entities(
    printer: Printer, parts: Mapping[str, Mapping[str, Any]], verbose: bool
) -> None:
    printer.divider("Named Entity Recognition")
    rows = [
        (title, *(str(part[key]) for part in parts.values()))
        for title, key in (
            ("Documents", "n_docs"),
            ("Documents without entities", "n_docs_without_entities"),
            ("Documents without annotation", "n_docs_without_annotation"),
            ("Tokens", "n_tokens"),
            ("Tokens without annotation", "n_missing_tokens"),
            ("Entities", "n_entities"),
            ("Different forms of entities", "n_forms"),
        )
    ]
    _print_table(printer, rows, ["", *parts])
    _print_labels(
        printer, {name: part["labels"] for name, part in parts.items()}, verbose
    )


def _print_labels(
    printer: Printer, parts: Mapping[str, Mapping[str, int]], verbose: bool
) -> None:
    labels = list(dict.fromkeys(label for part in parts.values() for label in part))
    shown = labels if verbose else labels[:_FEW_LABELS]
    rows = [
        (label, *(str(part.get(label, 0)) for part in parts.values()))
        for label in shown
    ]
    printer.info(f"{len(labels)} label(s)")
    if rows:
        _print_table(printer, rows, ["Label", *parts])
    if len(labels) > len(shown):
        printer.text(f"… and {len(labels) - len(shown)} more (--verbose)")


def _print_comparison(printer: Printer, comparison: Mapping[str, Any]) -> None:
    printer.divider("Train and dev")
    n, n_unseen = comparison["n_entities"], comparison["n_unseen_entities"]
    if n:
        printer.info(
            f"{n_unseen / n:.0%} of the entities of dev have a form that train does "
            f"not have ({n_unseen} of {n}; {comparison['n_unseen_forms']} of "
            f"{comparison['n_forms']} different forms)"
        )
    if comparison["label_shift"] is not None:
        printer.info(
            f"Label shift {comparison['label_shift']:.3f} (total variation distance, "
            f"from 0 to 1; {comparison['label_shift_by_chance']:.3f} by chance)"
        )
    _print_ambiguous(
        printer, comparison["ambiguous_forms"], "forms of entities with several labels"
    )


def _print_tags(printer: Printer, tags: Mapping[str, Any], verbose: bool) -> None:
    printer.divider(f"Tags ({tags['attribute']})")
    _print_labels(printer, tags["tags"], verbose)
    for key, what in (
        ("ambiguous_tokens", "of the tokens of train are words with several tags"),
        ("unseen_tokens", "of the tokens of dev are words that train does not have"),
    ):
        if tags[key] is not None:
            printer.info(f"{tags[key]:.1%} {what}")
    if tags["label_shift"] is not None:
        printer.info(
            f"Label shift {tags['label_shift']:.3f} (total variation distance, from 0 "
            "to 1)"
        )
    if verbose:
        _print_ambiguous(printer, tags["ambiguous_words"], "words with several tags")


def _print_ambiguous(printer: Printer, found: List[Dict[str, Any]], what: str) -> None:
    if not found:
        return
    printer.info(f"The most common {what}")
    rows = [
        (each["form"], ", ".join(f"{name} {n}" for name, n in each["labels"].items()))
        for each in found
    ]
    _print_table(printer, rows, ["Text", "Labels"])


def _print_findings(
    printer: Printer, findings: List[Dict[str, Any]], verbose: bool
) -> None:
    printer.divider("Findings")
    for finding in findings:
        advice = finding["advice"] if verbose else ""
        if finding["harm"]:
            printer.fail(finding["message"], advice)
        else:
            printer.warn(finding["message"], advice)
        places = finding["places"]
        shown = places[: _MANY_PLACES if verbose else _FEW_PLACES]
        for place in shown:
            printer.text(f"    {_format_place(place)}")
        if finding["count"] > len(shown) and shown:
            printer.text(f"    … and {finding['count'] - len(shown)} more")
    n_harmful = sum(finding["harm"] for finding in findings)
    if n_harmful:
        text = f"{n_harmful} finding(s) that do harm, of {len(findings)}"
        printer.fail(text, None if verbose else "--verbose says what can be done.")
    else:
        printer.good("Nothing that does harm")


def _format_place(place: Mapping[str, Any]) -> str:
    where = f"{place['file']}, document {place['document']}"
    if place["found"] == place["context"]:
        note: Optional[str] = place["label"] or None
        return f"{where}: {place['found']!r}" + (f" ({note})" if note else "")
    label = place["label"]
    return f"{where}: {place['found']!r} ({label}) in {place['context']!r}"


def _print_table(printer: Printer, rows: List[Any], header: List[str]) -> None:
    aligns = ("l", *("r" if header[0] != "Text" else "l" for _ in header[1:]))
    printer.table(rows, header=header, aligns=aligns, divider=True, max_col=60)
