"""Addresses come as mail clients, contact lists and people in a hurry write them."""

import pytest
from django.core.exceptions import ValidationError

from accounts.addresses import canonical_address, format_mailbox, parse_mailbox

ACCEPTED = {
    "pat@example.com": ("pat@example.com", ""),
    "Pat O'Hara <pat+shop@Example.com>": ("pat+shop@example.com", "Pat O'Hara"),
    '"O\'Hara, Pat 🎉" <pat@example.com>': ("pat@example.com", "O'Hara, Pat 🎉"),
    "O'Hara, Pat <pat@example.com>": ("pat@example.com", "O'Hara, Pat"),
    "'Pat' <pat@example.com>": ("pat@example.com", "Pat"),
    '"Pat \\"Ace\\" O" <pat@example.com>': ("pat@example.com", 'Pat "Ace" O'),
    "=?utf-8?B?UGF0IPCfjok=?= <pat@example.com>": ("pat@example.com", "Pat 🎉"),
    "=?nonsense?Q?x?= <pat@example.com>": ("pat@example.com", "=?nonsense?Q?x?="),
    "pat@example.com (Pat)": ("pat@example.com", "Pat"),
    "<pat@example.com>": ("pat@example.com", ""),
    '"pat@example.com" <pat@example.com>': ("pat@example.com", ""),
    "mailto:pat@example.com?subject=Hello": ("pat@example.com", ""),
    "MAILTO:Pat%20%3Cpat@example.com%3E": ("pat@example.com", "Pat"),
    "Pat <mailto:pat@example.com>": ("pat@example.com", "Pat"),
    " \t\u00a0pat@example.com \n": ("pat@example.com", ""),
    "pat@example.com.": ("pat@example.com", ""),
    "Pat <pat@example.com>, ": ("pat@example.com", "Pat"),
    "pat@example.com;": ("pat@example.com", ""),
    "\u202apat@example.com\u202c": ("pat@example.com", ""),
    "pat\u200b@example.com": ("pat@example.com", ""),
    "Pat@Example.COM": ("Pat@example.com", ""),
    "pat@café.example": ("pat@xn--caf-dma.example", ""),
    "pat@CAFÉ.example": ("pat@xn--caf-dma.example", ""),
    "pat@cafe\u0301.example": ("pat@xn--caf-dma.example", ""),
    "pat@straße.example": ("pat@xn--strae-oqa.example", ""),
    "pat\uff20example\u3002com": ("pat@example.com", ""),
}

REFUSED = {
    "pat@example.com, sam@example.com": "one address only",
    "Pat <pat@example.com>, Sam <sam@example.com>": "one address only",
    "pat@example.com sam@example.com": "one address only",
    "pat@example.com;sam@example.com": "one address only",
    "mailto:pat@example.com,sam@example.com": "one address only",
    "Friends: pat@example.com, sam@example.com;": "one address only",
    "pat@example.com\nBcc: sam@example.com": "on one line",
    "pat@example.com\r\nBcc: sam@example.com": "on one line",
    "Pat\x00 <pat@example.com>": "on one line",
    "\ud800 <pat@example.com>": "on one line",
    "pat": "the @ is missing",
    "<>": "the @ is missing",
    "pat@": "beside the @",
    "@example.com": "beside the @",
    "pat@localhost": "not a mail address",
    "pat@example": "not a mail address",
    "pat@exam ple.com": "not a mail address",
    "pat ohara@example.com": "not a mail address",
    ".pat@example.com": "not a mail address",
    "Pat <pat@example.com": "not a mail address",
    "pat@\N{PILE OF POO}.example": "not a mail address",
    "pat@1.2.3.4": "not a mail address",
    "pat@[127.0.0.1]": "not its number",
    "pät@example.com": "unaccented",
    "a" * 65 + "@example.com": "longer than",
    "a@" + "b" * 300 + ".example": "longer than",
    "a@" + ".".join(["b" * 60] * 5) + ".example": "longer than",
}


@pytest.mark.parametrize(("text", "expected"), ACCEPTED.items(), ids=ascii)
def test_one_address_is_found_in_what_people_paste(text: str, expected: tuple[str, str]) -> None:
    mailbox = parse_mailbox(text)

    assert (mailbox.address, mailbox.name) == expected


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=ascii)
def test_what_is_not_one_address_is_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        parse_mailbox(text)


@pytest.mark.parametrize("text", ACCEPTED)
def test_the_spelling_that_is_kept_is_read_as_itself(text: str) -> None:
    address = parse_mailbox(text).address

    assert canonical_address(address) == address
    assert parse_mailbox(address).address == address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("pat@example.com", '"O\'Hara, Pat" <pat@example.com>'),
        ('"pat ohara"@example.com', '"O\'Hara, Pat" <"pat ohara"@example.com>'),
        ('"pat@home"@example.com', '"O\'Hara, Pat" <"pat@home"@example.com>'),
        ('"pat"@example.com', '"O\'Hara, Pat" <pat@example.com>'),
        ("root", "root"),
        ("pat..ohara@example.com", "pat..ohara@example.com"),
        ("", ""),
    ],
)
def test_an_address_stands_in_a_header_as_it_is(address: str, expected: str) -> None:
    assert format_mailbox("O'Hara, Pat", address) == expected
