"""Recognise files that are no text, so that messages can name them."""

import zipfile
from typing import BinaryIO, List, Optional, Tuple

_ZIP = b"PK\x03\x04"
_MARKS: List[Tuple[bytes, str]] = [
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!", "a rar archive; unpack it first"),
    (b"%PDF-", "a PDF; export its text first, and annotate that"),
    (
        b"\xd0\xcf\x11\xe0",
        "a document of an old Excel or Word; save a table as CSV in UTF-8, a text as "
        "plain text",
    ),
    (
        b"SQLite format 3\0",
        "a database of SQLite, as Prodigy has one; export it: prodigy db-out DATASET > "
        "export.jsonl",
    ),
    (
        b"ARROW1",
        "an Arrow file; in Python, datasets.Dataset.from_file(…).to_parquet(…) makes "
        "Parquet of it",
    ),
]
# What is in a zip archive that is the document of an office.
_MEMBERS = {
    "xl/workbook.xml": "an Excel file; save the table as CSV in UTF-8",
    "word/document.xml": "a Word file; save it as plain text, and annotate that",
    "content.xml": "a file of LibreOffice; save a table as CSV in UTF-8, a text as "
    "plain text",
}
_MOST_NAMES = 3


def name_binary(head: bytes, file: BinaryIO) -> Optional[str]:
    """Name the format of a file that is no text.

    head (bytes): Its beginning.
    file (BinaryIO): The open file.
    RETURNS (Optional[str]): What it is and what to do about it, if that is known.
    """
    if head.startswith(_ZIP):
        return _name_archive(file)
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def _name_archive(file: BinaryIO) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a zip archive that is broken off; download or export it again"
    document = next((_MEMBERS[name] for name in names if name in _MEMBERS), None)
    if document is not None:
        return document
    more = [] if len(names) <= _MOST_NAMES else ["…"]
    listed = ", ".join([*names[:_MOST_NAMES], *more])
    return f"a zip archive of {listed or 'nothing'}; unpack it, and name the folder"
