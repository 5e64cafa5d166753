"""Mail addresses as people and mail clients write them: one address in, one spelling out."""

import re
import unicodedata
from dataclasses import dataclass
from email.errors import HeaderParseError, MessageError
from email.header import decode_header, make_header
from email.headerregistry import Address
from urllib.parse import unquote

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

MAX_INPUT_LENGTH = 500  # an address (254) with a quoted name (150) around it, and room to spare
MAX_LOCAL_LENGTH = 64  # RFC 5321
# One coded word of a mail's header; Python splits longer names and puts spaces into them.
MAX_CODED_BYTES = 45
MAX_ADDRESS_LENGTH = 254  # what SMTP's 256-character path can carry

# `localhost` is nobody's mailbox on the internet, though Django's own list allows it.
_validate_syntax = EmailValidator(allowlist=[])
_BRACKETED = re.compile(r"(?P<name>.*?)<(?P<address>[^<>]*)>")
_COMMENTED = re.compile(r"(?P<address>[^\s()]+)\s+\((?P<name>[^()]*)\)")
_HINT = "An address looks like name@example.com."


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """An address in its one spelling, and the name that stood with it, which may be empty."""

    address: str
    name: str


def parse_mailbox(text: str) -> Mailbox:
    """Read what a mail client puts on the clipboard: `"O'Hara, Pat" <pat@example.com>,`.

    Raises ValidationError, with a message for the person who typed it.
    """
    text = _without_surroundings(text)
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text):
        raise ValidationError("Write the address on one line, without special characters.")
    name, address = _split(text)
    # Some clients write the address again where the name stands.
    return Mailbox(address=_validated(address), name="" if "@" in name else name)


def format_mailbox(name: str, address: str) -> str:
    """Return `"O'Hara, Pat" <pat@example.com>` for a mail's header, whatever the name holds.

    Not `formataddr`: Django 6 reads its coded words as a comma, a second address, and so on. And a
    name that looks like a coded word (`=?utf-8?q?...?=`) would be decoded, line ends and all.
    What is no address (a superuser called "root") stands alone, for the mail server to judge.
    """
    words = name.replace("=?", "= ?").split()
    while not name.isascii() and len(" ".join(words).encode()) > MAX_CODED_BYTES:
        words.pop()
    try:
        # Not its parts: a local part that is quoted already would be quoted again.
        return str(Address(display_name=" ".join(words), addr_spec=address))
    except (MessageError, ValueError, IndexError):  # each for another kind of no address
        return address


def canonical_address(address: str) -> str:
    """Return the one spelling of an address: its domain in lower-case ASCII (`xn--...`).

    The part before the @ keeps its case, for its own server alone may interpret it. Invisible
    characters go, and full-width ones become plain. What is no address stays one that
    fails validation.
    """
    visible = "".join(char for char in address.strip() if unicodedata.category(char) != "Cf")
    local, at, domain = unicodedata.normalize("NFKC", visible).rpartition("@")
    try:
        return local + at + idna.encode(domain, uts46=True).decode("ascii").lower()
    except UnicodeError:
        return local + at + domain.lower()


def _without_surroundings(text: str) -> str:
    """Drop what surrounds a pasted address: spaces, invisible marks, `mailto:`, separators."""
    text = _trimmed(text)
    if text[:7].lower() == "mailto:":
        text = unquote(text[7:].partition("?")[0])
    return _trimmed(_trimmed(text).rstrip(",;."))


def _trimmed(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while end > start and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) == "Cf"


def _split(text: str) -> tuple[str, str]:
    """Return name and address. Raises where there is more than one address."""
    found = _BRACKETED.fullmatch(text) or _COMMENTED.fullmatch(text)
    if found is None:
        _refuse_several("", text)
        return "", text
    address = _without_surroundings(found["address"])
    _refuse_several(found["name"].strip(), address)
    return _unquoted(found["name"].strip()), address


def _refuse_several(name: str, address: str) -> None:
    is_quoted = name[:1] == name[-1:] == '"'
    listed_before = not is_quoted and "@" in name and re.search("[,;<>]", name)
    listed_within = address.count("@") > 1 and not address.startswith('"')
    if listed_before or listed_within:
        raise ValidationError("Give one address only.")


def _unquoted(name: str) -> str:
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    try:
        return str(make_header(decode_header(name))).strip()
    except (HeaderParseError, LookupError, UnicodeError):
        return name


def _validated(address: str) -> str:
    local, at, domain = canonical_address(address).rpartition("@")
    if not at:
        raise ValidationError(f"The part with the @ is missing. {_HINT}")
    if not local or not domain:
        raise ValidationError(f"Something is missing beside the @. {_HINT}")
    if len(local) > MAX_LOCAL_LENGTH or len(local + at + domain) > MAX_ADDRESS_LENGTH:
        raise ValidationError("This address is longer than mail servers accept.")
    if not local.isascii():
        raise ValidationError("Before the @, use unaccented letters, digits and signs only.")
    if domain.startswith("["):
        raise ValidationError(f"Give the name of a domain, not its number. {_HINT}")
    _validate_syntax_of(local + at + domain)
    return local + at + domain


def _validate_syntax_of(address: str) -> None:
    try:
        if not address.isascii():  # a domain that no registry would have
            raise ValidationError("")
        _validate_syntax(address)
    except ValidationError:
        raise ValidationError(f"This is not a mail address. {_HINT}") from None
