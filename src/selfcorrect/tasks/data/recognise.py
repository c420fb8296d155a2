"""What a file is, by its first bytes: what isn't text is named as what it is.

Every reader of data asks here, so that a file which is something else than it is called gets the
same sentence wherever it is given.
"""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from selfcorrect.errors import UserError
from selfcorrect.regular import open_file

#: How many bytes of a file are looked at.
HEAD = 4096
PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
_BOM = b"\xef\xbb\xbf"

_UNPACK = "unpack it and give what is in it"
_SAVE = "save its rows as JSONL, CSV or Parquet"
#: How a file begins → what it is, and what to do.
_BEGINS: tuple[tuple[bytes, str, str], ...] = (
    (PARQUET, "a Parquet file", "this is read as text: give JSONL or CSV"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it with gunzip and give what is in it"),
    (b"\xfd7zXZ\0", "compressed with xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"%PDF-", "a PDF document", "give the data themselves, as JSONL or CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Office file, such as an Excel workbook", "save it as CSV"),
    (b"SQLite format 3\0", "an SQLite database", _SAVE),
    (b"ARROW1", "an Arrow file", _SAVE),
    (b"\x93NUMPY", "a NumPy array", _SAVE),
    (b"\x89HDF", "an HDF5 file", _SAVE),
    (b"Obj\x01", "an Avro file", _SAVE),
    (b"\x89PNG", "a PNG image", "give the data themselves, as JSONL or CSV"),
    (b"\xff\xd8\xff", "a JPEG image", "give the data themselves, as JSONL or CSV"),
    (b"\xff\xfe\0\0", "text in UTF-32", "save it as UTF-8"),
    (b"\0\0\xfe\xff", "text in UTF-32", "save it as UTF-8"),
    (b"\xff\xfe", "text in UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save it as UTF-8"),
    (
        b"version https://git-lfs.github.com/spec/",
        "a pointer of Git LFS in place of the file",
        "fetch the file itself with git lfs pull",
    ),
    (
        b"/annex/objects/",
        "a pointer of git-annex in place of the file",
        "fetch the file itself with git annex get",
    ),
    (b"{\\rtf", "a document in RTF", "save it as plain text"),
)
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_XML = re.compile(rb"\s*<\?xml\b", re.I)
_BZIP2 = re.compile(rb"BZh[1-9]1AY&SY")
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_WIDE = re.compile(rb"(?:[^\0]\0){2}|(?:\0[^\0]){2}")


def head_of(path: Path) -> bytes:
    """The first bytes of a file.

    Raises:
        UserError: it can't be read, or is empty.
    """
    try:
        with open_file(path) as file:
            head = file.read(HEAD)
    except OSError as problem:
        raise UserError(f"{path}: can't be read ({problem.strerror or problem})") from problem
    if not head.removeprefix(_BOM):
        raise UserError(f"{path}: the file is empty")
    return head


def begins(head: bytes) -> bytes:
    """The first byte that is no white space or byte order mark; empty where there is none."""
    return head.removeprefix(_BOM).lstrip()[:1]


def check_text(path: Path, head: bytes) -> None:
    """Raise UserError, with what it is, where a file that begins so is no text."""
    found = _what(path, head)
    if found is not None:
        what, then = found
        raise UserError(f"{path}: it is {what}; {then}")


def _what(path: Path, head: bytes) -> tuple[str, str] | None:
    """What a file is that is no text, and what to do; ``None`` if it may be text."""
    if head.startswith((ZIP, b"PK\x05\x06")):
        return _zip(path)
    for sign, what, then in _BEGINS:
        if head.startswith(sign):
            return what, then
    if _HTML.match(head):
        return (
            "a page of HTML, such as a server sends in place of a file",
            "download the raw file (on GitHub and on the hub its link says raw or resolve)",
        )
    if _XML.match(head):
        return "an XML file", _SAVE
    if _BZIP2.match(head):
        return "compressed with bzip2", _UNPACK
    if _PICKLE.match(head):
        return "a pickle of Python, which isn't opened as it may run anything", _SAVE
    if _WIDE.match(head):
        return "text in UTF-16 or UTF-32", "save it as UTF-8"
    if b"\0" in head:
        return "binary and no text: it holds NUL bytes", "give JSONL, CSV or Parquet"
    return None


def _zip(path: Path) -> tuple[str, str]:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except (BadZipFile, OSError, ValueError):
        return "a zip archive that is damaged", "get it again"
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook", "save it as CSV"
    if any(name.startswith("word/") for name in names):
        return "a Word document", "save it as plain text"
    if "content.xml" in names:
        return "an OpenDocument file", "save it as CSV or plain text"
    if "header.json" in names or "_journal/start.json" in names:
        return "an eval log of inspect", "give it to selfcorrect measure"
    return f"a zip archive with {_some(names)}", _UNPACK


def _some(names: list[str]) -> str:
    if not names:
        return "nothing in it"
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f"{names[0]:.60}{more}"
