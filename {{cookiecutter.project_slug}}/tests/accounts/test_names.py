"""A name is any text that does not deceive whoever reads it."""

import pytest
from django.core.exceptions import ValidationError

from accounts.fields import NameField

ACCEPTED = [
    "Pat",
    "Pat O'Hara-Smith Jr.",
    "<b>Pat</b>",
    "{{ 7*7 }}",
    "Zoë 🎉",
    "👩\u200d👩\u200d👧",
    "李小龍",
    "محمد\u200f",
    "שרה",
    "Nguye\u0302\u0303n",
    "a" * 150,
]
REFUSED = {
    "Pat\nBcc: sam@example.com": "on one line",
    "Pat\u2028Sam": "on one line",
    "Pat\x07": "on one line",
    "Pat\x00": "Null",
    "Pat \u202egnp.exe": "reverse the text",
    "Pat \u2066x": "reverse the text",
    "Pat " + chr(0xD83C): "could not be read",
    "Pat \ufffd": "could not be read",
    "Win at https://example.com": "web address",
    "Win at WWW.example.com": "web address",
    "a" * 151: "at most 150",
    "a" * 10_000: "at most 150",
}


@pytest.mark.parametrize("name", ACCEPTED, ids=ascii)
def test_a_name_in_any_script_is_kept_as_it_is(name: str) -> None:
    assert NameField(max_length=150).clean(name) == name


@pytest.mark.parametrize(("name", "message"), REFUSED.items(), ids=lambda text: ascii(text)[:30])
def test_a_name_that_deceives_is_refused_with_a_reason(name: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NameField(max_length=150).clean(name)
