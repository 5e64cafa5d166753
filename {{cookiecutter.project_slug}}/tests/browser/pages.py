"""Every page of the shop that has an address of its own, and what is on it."""

from collections import Counter
from html.parser import HTMLParser

from django.urls import URLPattern, URLResolver, get_resolver, reverse

OTHERS = {"admin", "flower", None}  # Django's pages, Flower's pages, names of nothing
CONTROLS = {"input", "select", "textarea"}
EMPTY_ELEMENTS = {"input", "img", "meta", "link", "br", "hr"}


def addresses() -> list[str]:
    """List the pages whose address needs no arguments, of every app of the shop."""
    found = []
    for resolver in get_resolver().url_patterns:
        if isinstance(resolver, URLResolver) and resolver.app_name not in OTHERS:
            found += [_address(resolver.app_name, each) for each in resolver.url_patterns]
    return sorted(address for address in found if address)


def _address(app: str | None, pattern: URLPattern | URLResolver) -> str | None:
    if not isinstance(pattern, URLPattern) or pattern.pattern.converters:
        return None
    return reverse(f"{app}:{pattern.name}")


class Page(HTMLParser):
    """What a page is made of, as far as these tests ask."""

    def __init__(self, html: str) -> None:
        """Read the whole page."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY_ELEMENTS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Add text to the element that it stands in."""
        if self._open:
            self.texts[self._open[-1]] = self.texts.get(self._open[-1], "") + data

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element of these kinds."""
        return [attrs for tag, attrs in self.tags if tag in tags]

    def faults(self) -> list[str]:
        """List what a reader, a screen reader or a strict browser would stumble over."""
        ids = Counter(attrs["id"] for _, attrs in self.tags if attrs.get("id"))
        labelled = {attrs.get("for") for attrs in self.all("label")}
        faults = [f"id {each} occurs {n} times" for each, n in ids.items() if n > 1]
        faults += [] if self.texts.get("title", "").strip(" ·\n") else ["no title"]
        faults += [] if len(self.all("h1")) == 1 else ["not one h1"]
        faults += [] if self.all("html")[0].get("lang") else ["no language"]
        faults += [f"no alt: {attrs}" for attrs in self.all("img") if "alt" not in attrs]
        for attrs in self.all(*CONTROLS):
            is_named = attrs.get("id") in labelled or attrs.get("aria-label")
            if attrs.get("type") != "hidden" and not is_named:
                faults.append(f"no label: {attrs}")
        for tag, attrs in self.tags:
            described_by = (attrs.get("aria-describedby") or "").split()
            faults += [f"{tag} is described by nothing" for each in described_by if each not in ids]
            faults += [
                f"inline: <{tag} {key}>" for key in attrs if key == "style" or key[:2] == "on"
            ]
        faults += ["inline script"] * sum("src" not in attrs for attrs in self.all("script"))
        return faults + ["inline style"] * len(self.all("style"))

    def files(self) -> set[str]:
        """Return the addresses of the styles, scripts and pictures that the page loads."""
        found = [attrs.get("href") for attrs in self.all("link")]
        found += [attrs.get("src") for attrs in self.all("script", "img")]
        return {address for address in found if address}
