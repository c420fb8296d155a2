"""Files that are something else than they are called, for everything that reads data."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from selfcorrect.concepts.data import from_file
from selfcorrect.concepts.words import read_words
from selfcorrect.errors import UserError
from selfcorrect.runs.labels import read_labels
from selfcorrect.tasks import make
from written import indented, parquet, table

GOOD = [
    {"question": "Which is even?", "choices": ["three", "four"], "answer": "four"},
    {"question": "Which is odd?", "choices": ["five", "six"], "answer": "five"},
]


HEAD = "question,choice_a,choice_b,answer\n"


def zipped(**members: str) -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return held.getvalue()


def as_parquet() -> bytes:
    held = BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(held)
    return held.getvalue()


TEXT = '{"text": "x", "label": 1}\n'
DISGUISED = {
    "gzip": (gzip.compress(TEXT.encode()), "compressed with gzip"),
    "xz": (b"\xfd7zXZ\0rest", "compressed with xz"),
    "zstd": (b"\x28\xb5\x2f\xfdrest", "compressed with zstd"),
    "zip": (zipped(a_dot_jsonl=TEXT), r"a zip archive with a\.jsonl"),
    "broken zip": (b"PK\x03\x04rest", "a zip archive that is damaged"),
    "excel": (zipped(xl__workbook_dot_xml="<x/>"), "an Excel workbook; save it as CSV"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "a pointer of Git LFS in place of the file; fetch the file itself with git lfs pull",
    ),
    "html": (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a page of HTML"),
    "xml": (b'<?xml version="1.0"?><rows/>', "an XML file"),
    "utf-16": (TEXT.encode("utf-16"), "text in UTF-16; save it as UTF-8"),
    "utf-16 without a mark": (TEXT.encode("utf-16-le"), "text in UTF-16"),
    "utf-32": (TEXT.encode("utf-32"), "text in UTF-32"),
    "pickle": (b"\x80\x04\x95\x10\0\0\0", "a pickle of Python"),
    "sqlite": (b"SQLite format 3\0", "an SQLite database"),
    "image": (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    "nothing": (b"\xef\xbb\xbf", "the file is empty"),
    "NUL bytes": (b"abc\0def\n", "it holds NUL bytes"),
}


READERS: dict[str, Callable[[Path], object]] = {
    "choices": lambda p: make("choices", data=str(p)),
    "bbq": lambda p: make("bbq", data=str(p)),
    "dialogues": lambda p: make("dialogues", data=str(p)),
    "reasoning": lambda p: make("reasoning", data=str(p)),
    "harmful": lambda p: make("harmful", data=str(p)),
    "over-refusal": lambda p: make("over-refusal", data=str(p)),
    "truthful": lambda p: make("truthful", data=str(p)),
    "jailbreak": lambda p: make("jailbreak", data=str(p)),
    "prompts": lambda p: make("prompts", data=str(p)),
    "toxicity": lambda p: make("toxicity", data=str(p)),
    "commongen": lambda p: make("commongen", data=str(p)),
    "winogender": lambda p: make("winogender", data=str(p)),
    "concept": lambda p: from_file(p, "toxic"),
    "words": read_words,
    "labels": read_labels,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", DISGUISED)
def test_what_a_file_is(tmp_path: Path, reader: str, kind: str) -> None:
    content, says = DISGUISED[kind]
    names = ["d.jsonl", "d.csv", "d.json", "d.txt"]
    if reader == "winogender":  # wants its second file beside the first
        (tmp_path / "occupations-stats.tsv").write_text("occupation\tbls_pct_female\nx\t1\n")
        names = ["all_sentences.tsv"]
    for name in names:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}: .*{says}") as caught:
            READERS[reader](path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", ["words", "commongen"])
def test_parquet_where_text_is_read(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "d.txt"
    path.write_bytes(as_parquet())
    with pytest.raises(UserError, match=r"d\.txt: it is a Parquet file; this is read as text"):
        READERS[reader](path)


def test_nul_bytes_further_down_are_a_bad_line(tmp_path: Path) -> None:
    for name, text in (
        ("d.jsonl", "".join(f"{json.dumps(row)}\n" for row in GOOD * 200)),
        ("d.csv", HEAD + "".join(f"q{n},{'x' * 20},y,a\n" for n in range(300))),
    ):
        path = tmp_path / name
        path.write_bytes(text.encode() + b"bad\0,x,y,a\n")
        with pytest.raises(UserError, match=r":\d+: the line holds NUL bytes"):
            make("choices", data=str(path))
        assert len(make("choices", data=str(path), skip_bad=True).skipped) == 1


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("d.parquet", b"PAR1rest", r"d\.parquet: it is called Parquet and can't be read"),
        ("d.jsonl", b"\n \n", "its data hold no lines"),
        ("d.json", b'{"a": {"0": 1}, "b": {"0": 2}}', r"orient='records', lines=True"),
        ("d.json", b"[]", "the list is empty"),
        ("d.json", b"[1]", "entry 1: expected a JSON object, found 1"),
        (
            "d.csv",
            "question,choice_a\nGr\xfc\xdfe,x\n".encode("latin-1"),
            "Latin-1 or Windows-1252",
        ),
        ("d.jsonl", '{"question": "Gr\xfc"}\n'.encode("latin-1"), "Latin-1 or Windows-1252"),
    ],
)
def test_what_else_can_be_wrong(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        make("choices", data=str(path))


def test_an_empty_parquet_file_says_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pl.DataFrame({"question": []}, schema={"question": pl.String}).write_parquet(path)
    with pytest.raises(UserError, match=r"has no rows \(its columns are question\)"):
        make("choices", data=str(path))


def test_the_other_readers_read_every_format(tmp_path: Path) -> None:
    texts = [{"text": f"t{n}", "toxic": n % 2} for n in range(4)]
    labels = [{"example": "e", "round": n, "label": n % 2} for n in (1, 2)]
    for name, write in (("d.parquet", parquet), ("d.csv", table), ("d.json", indented)):
        path = tmp_path / name
        write(path, texts)  # type: ignore[operator]
        assert len(from_file(path, "toxic").items) == 4
        assert len(make("harmful", data=str(path)).examples()) == 4
        write(path, labels)  # type: ignore[operator]
        assert read_labels(path)["label"].to_list() == [1, 0]
