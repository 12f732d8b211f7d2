"""A file's bytes to its text and title: txt, md, html, pdf and docx, each by a library.

Headings survive as markdown `#` lines, so that chunks know what they stand under. Whatever is wrong with a file becomes
`DocumentUnreadable`, which names the file, the reason and what to do. Nothing here reads the disk or stores anything.
"""

import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import PurePosixPath

import docx
from bs4 import BeautifulSoup
from charset_normalizer import from_bytes
from docx.table import Table
from markdown_it import MarkdownIt
from markdownify import MarkdownConverter
from pypdf import PasswordType, PdfReader

from assistant.errors import DocumentUnreadable

MAX_FILE_BYTES = 50_000_000
MAX_UNPACKED_BYTES = 300_000_000
"""Of all parts of a docx file together: more is a mistake or a zip bomb."""
MAX_CHARACTERS = 5_000_000
MAX_TITLE_CHARACTERS = 200
MAX_NAME_CHARACTERS = 150
MAX_CONTROL_SHARE = 0.05
"""A "text" with more control characters than this is binary data."""

_NEWLINE = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BOMS = (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_SIGNATURES = (b"%PDF-", "a PDF"), (_ZIP, "a zip archive or an office file"), (_OLE, "an office file")


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a file says. `markdown` tells whether `#` lines of the text are headings."""

    name: str
    title: str
    text: str
    markdown: bool


def parse(name: str, data: bytes) -> Parsed:
    """Read a file of any supported type. Raises `DocumentUnreadable`."""
    name = display_name(name)
    reader = _READERS.get(PurePosixPath(name).suffix.lower())
    if reader is None:
        raise _unreadable(name, "its type is not known", "Convert it to .txt, .md, .html, .pdf or .docx.")
    if not data:
        raise _unreadable(name, "it is empty", "Upload the file again once it has text.")
    if len(data) > MAX_FILE_BYTES:
        reason = f"it has {len(data) / 1e6:.0f} MB and the limit is {MAX_FILE_BYTES / 1e6:.0f} MB"
        raise _unreadable(name, reason, "Split it into smaller files.")
    try:
        text, title = reader(name, data)
    except DocumentUnreadable:
        raise
    except Exception as exc:  # parsers fail on broken files with errors of every kind
        reason = f"it is damaged or nested too deeply ({type(exc).__name__})"
        raise _unreadable(name, reason, "Open it in its own program and save it anew.") from exc
    text = normalise(text)
    if not text.strip():
        raise _unreadable(name, "it contains no text", "Upload a version with text in it.")
    if len(text) > MAX_CHARACTERS:
        reason = f"its text has {len(text):,} characters and the limit is {MAX_CHARACTERS:,}"
        raise _unreadable(name, reason, "Split it into smaller files.")
    markdown = is_markdown(name)
    if markdown:
        title = next((heading.text for heading in headings(text) if heading.text), title)
    return Parsed(name=name, title=_one_line(title)[:MAX_TITLE_CHARACTERS] or name, text=text, markdown=markdown)


def normalise(text: str) -> str:
    """Unicode NFC, `\\n` line ends, no control characters. Nothing is trimmed, so that offsets can be mapped."""
    return unicodedata.normalize("NFC", _CONTROL.sub("", _NEWLINE.sub("\n", text)))


def display_name(name: str) -> str:
    """A file name that is safe to show and to store: no folders, no control or direction characters, not too long."""
    name = _BIDI.sub("", _one_line(re.split(r"[/\\]", name)[-1])).strip()
    if name.strip(".") == "":
        name = "document"
    path = PurePosixPath(name)
    suffix = path.suffix[:20]
    return path.stem[: MAX_NAME_CHARACTERS - len(suffix)] + suffix


def is_markdown(name: str) -> bool:
    """Whether the text of a file of this name is markdown once it is parsed."""
    return PurePosixPath(name).suffix.lower() not in (".txt", ".pdf")


@dataclass(frozen=True)
class Heading:
    """A heading of a markdown text: where its lines start and end, its level (1 is the highest) and its words."""

    start: int
    end: int
    level: int
    text: str


def headings(text: str) -> list[Heading]:
    """All headings of a markdown text in order. Lines within code fences are none."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found = []
    tokens = MarkdownIt().parse(text)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open" and token.map:
            first, last = token.map
            found.append(
                Heading(
                    starts[first], starts[last], int(token.tag[1:]), _one_line(inline.content)[:MAX_TITLE_CHARACTERS]
                )
            )
    return found


def _read_text(name: str, data: bytes) -> tuple[str, str]:
    return _decode(name, data), ""


def _read_html(name: str, data: bytes) -> tuple[str, str]:
    _refuse_other_types(name, data)
    soup = BeautifulSoup(data, "html.parser")
    title = soup.title.get_text() if soup.title else ""
    for tag in soup(["head", "script", "style", "noscript", "template", "svg", "nav"]):
        tag.decompose()
    converter = MarkdownConverter(
        heading_style="ATX",
        bullets="-",
        strip=["a", "img", "b", "i", "em", "strong"],
        escape_asterisks=False,
        escape_underscores=False,
    )
    return re.sub(r"[ \t]+\n", "\n", converter.convert_soup(soup)), title


def _read_pdf(name: str, data: bytes) -> tuple[str, str]:
    if b"%PDF-" not in data[:1024]:
        raise _unreadable(name, "it is no PDF, whatever its name says", "Correct its ending.")
    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
        raise _unreadable(name, "it is encrypted with a password", "Save a copy without the password.")
    pages: list[str] = []
    characters = 0
    for page in reader.pages:
        pages.append(page.extract_text())
        characters += len(pages[-1])
        if characters > MAX_CHARACTERS:
            raise _unreadable(name, f"its text has over {MAX_CHARACTERS:,} characters", "Split it into smaller files.")
    if not characters or not "".join(pages).strip():
        raise _unreadable(name, "its pages hold pictures but no text", "Run it through text recognition (OCR) first.")
    title = str(reader.metadata.title or "") if reader.metadata else ""
    named_by_program = title.lower() in ("untitled", "(anonymous)") or title.startswith("Microsoft Word - ")
    return _unwrap("\n\n".join(pages)), "" if named_by_program else title


def _read_docx(name: str, data: bytes) -> tuple[str, str]:
    if data.startswith(_OLE):
        reason = "it is encrypted with a password, or in the format of Word before 2007"
        raise _unreadable(name, reason, "Save it as .docx without a password.")
    if not data.startswith(_ZIP):
        raise _unreadable(
            name, "it is no Word file, whatever its name says", "Save it as .docx, or correct its ending."
        )
    with zipfile.ZipFile(BytesIO(data)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > MAX_UNPACKED_BYTES:
        reason = f"it would unpack to {unpacked / 1e6:.0f} MB and the limit is {MAX_UNPACKED_BYTES / 1e6:.0f} MB"
        raise _unreadable(name, reason, "Split it into smaller files, or leave its pictures out.")
    document = docx.Document(BytesIO(data))
    return "\n\n".join(_docx_blocks(document)), document.core_properties.title


def _docx_blocks(document: docx.document.Document) -> Iterator[str]:
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            yield "\n".join(" | ".join(_one_line(cell.text) for cell in row.cells) for row in block.rows)
            continue
        style = (block.style.name if block.style else "") or ""
        level = re.fullmatch(r"Heading ([1-6])", style)
        if not block.text.strip():
            continue
        if level or style == "Title":
            yield "#" * (int(level[1]) if level else 1) + " " + _one_line(block.text)
        else:
            yield "- " + block.text if style.startswith("List") else block.text


def _decode(name: str, data: bytes) -> str:
    """By byte order mark, else as UTF-8, else by a guess if that sees another script than Latin, else as cp1252."""
    _refuse_other_types(name, data)
    encoding = next((encoding for mark, encoding in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        guess = from_bytes(data).best()
        letters = [character for character in str(guess or "")[:10_000] if character.isalpha()]
        is_latin = all("LATIN" in unicodedata.name(letter, "") for letter in letters)
        text = data.decode("cp1252", errors="replace") if is_latin else str(guess)
    if sum(1 for _ in _CONTROL.finditer(text)) + text.count("\ufffd") > MAX_CONTROL_SHARE * len(text):
        raise _unreadable(name, "it holds binary data, not text", "Correct its ending, or save it as UTF-8 text.")
    return text


def _refuse_other_types(name: str, data: bytes) -> None:
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            raise _unreadable(name, f"it is {kind}, whatever its name says", "Correct its ending.")


def _unwrap(text: str) -> str:
    """Join the lines of a PDF that a sentence runs through, and the words that were hyphenated at their ends."""
    text = re.sub(r"(?<=[^\W\d_])-\n(?=[a-z])", "", text)
    return re.sub(r"(?<=[\w,;’')]) ?\n(?=[a-z(])", " ", text)


def _one_line(text: str) -> str:
    return " ".join(normalise(text).split())


def _unreadable(name: str, reason: str, remedy: str) -> DocumentUnreadable:
    return DocumentUnreadable(f"{name} could not be read: {reason}. {remedy}")


_READERS: dict[str, Callable[[str, bytes], tuple[str, str]]] = {
    ".txt": _read_text,
    ".md": _read_text,
    ".markdown": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
    ".docx": _read_docx,
}
