"""How the demo speaks: a line when a chapter begins, its evidence, and whether it holds."""

import time
import traceback
from collections.abc import Callable, Iterator

import httpx

from demo.client import ClaimFailed, Visitor
from demo.shop import Addresses, DemoFailed, Shop

# A chapter yields evidence a line at a time, and raises ClaimFailed where a claim fails.
Chapter = Callable[[Shop, Visitor], Iterator[str]]


def say(line: str) -> None:
    """Print at once, also into a pipe: somebody watches this."""
    print(line, flush=True)


def tell(number: int, chapter: Chapter, shop: Shop, staff: Visitor) -> bool:
    """Play one chapter and tell its evidence; return whether it passed."""
    title = (chapter.__doc__ or "").splitlines()[0]
    say(f"\n{number}. {title}")
    started = time.monotonic()
    try:
        for evidence in chapter(shop, staff):
            say(f"     {evidence}")
    except (ClaimFailed, DemoFailed, httpx.HTTPError) as error:
        say(f"   ✗ FAILED: {error or type(error).__name__}")
        say("     " + traceback.format_exc(limit=-2).strip().replace("\n", "\n     "))
        say(f"     The shop's own words: {shop.log}")
        return False
    say(f"   ✓ holds ({time.monotonic() - started:.1f} s)")
    return True


def tell_end(outcomes: list[bool], seconds: float) -> None:
    """Print the closing line, in the form that test runners use."""
    passed = sum(outcomes)
    say(f"\nThe story took {seconds:.0f} s.")
    say("All clear!" if passed == len(outcomes) else "Not all clear.")
    say(f"{passed} passed, {len(outcomes) - passed} failed")


def tell_addresses(addresses: Addresses) -> None:
    """Print where to look, and as whom."""
    say("\nThe shop stays open. Look around:")
    for name in ("shop", "admin", "flower", "mails"):
        say(f"  {name.capitalize():8}{getattr(addresses, name)}")
    say(f"  Staff   {addresses.staff_email}, password {addresses.staff_password}")
    say("Ctrl-C stops everything.")
