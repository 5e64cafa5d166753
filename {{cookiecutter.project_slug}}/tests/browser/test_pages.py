"""Every page of the shop, those of apps to come included: named, labelled, readable, complete."""

from http import HTTPStatus
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.http import HttpRequest, HttpResponseBase
from django.test import Client
from django.views.defaults import bad_request, permission_denied, server_error
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver import Chrome

from accounts.models import User
from tests.browser.pages import Page, addresses

PHONES = [(320, 640), (375, 740)]
PAGE_WIDTH = (  # of what is a page, and not JSON
    "return document.contentType === 'text/html' ? document.documentElement.scrollWidth : 0"
)


@pytest.fixture
def visitors() -> list[Client]:
    """A stranger, a customer and a member of the staff, with a name that is long and odd."""
    customer = User.objects.create_user("pat@example.com", name="Pat " + "O'Hara 🎉 <b>" * 10)
    staff = User.objects.create_superuser("ops@example.com")
    clients = [Client(), Client(), Client()]
    clients[1].force_login(customer)
    clients[2].force_login(staff)
    return clients


@pytest.mark.django_db
@pytest.mark.parametrize("address", addresses())
def test_every_page_is_named_labelled_and_free_of_inline_code(
    visitors: list[Client], address: str
) -> None:
    for client in visitors:
        response = client.get(address)
        if response.headers.get("Content-Type", "").startswith("text/html") and response.content:
            assert Page(response.content.decode()).faults() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/accounts/signup/", "/accounts/login/", "/accounts/password/reset/"]
)
def test_a_form_with_errors_describes_them_and_says_so_in_the_title(address: str) -> None:
    page = Page(Client().post(address).content.decode())

    assert page.faults() == []
    assert page.texts["title"].startswith("Please check: ")
    assert [attrs["aria-invalid"] for attrs in page.all("input") if "aria-invalid" in attrs]


@pytest.mark.django_db
def test_the_error_pages_are_pages_of_the_shop(client: Client) -> None:
    request = HttpRequest()
    responses: list[HttpResponseBase] = [
        client.get("/there/is/nothing/here/"),
        Client(enforce_csrf_checks=True).post("/accounts/login/"),
        permission_denied(request, PermissionError()),
        bad_request(request, ValueError()),
        server_error(request),
    ]

    assert [response.status_code for response in responses] == [404, 403, 403, 400, 500]
    for response in responses:
        page = b"".join(response).decode()
        assert Page(page).faults() == []
        assert 'href="/"' in page


@pytest.fixture
def in_production(settings: Settings, tmp_path: Path) -> None:
    """Serve collected files under their hashed names, as production does."""
    settings.STATIC_ROOT = tmp_path
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = False
    backend = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}
    call_command("collectstatic", "--no-input", stdout=StringIO())


@pytest.mark.django_db
@pytest.mark.usefixtures("in_production")
def test_every_file_that_a_page_loads_is_there_in_production(visitors: list[Client]) -> None:
    pages = [client.get(address).content for client in visitors for address in addresses()]
    pages += [Client().get("/there/is/nothing/here/").content, server_error(HttpRequest()).content]

    files = {file for page in pages for file in Page(page.decode()).files()}

    assert len(files) > 2
    for file in files:
        response = Client().get(file)
        response.close()
        assert response.status_code == HTTPStatus.OK, file
        assert "immutable" in response.headers["Cache-Control"], file


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("width", "height"), PHONES)
def test_no_page_is_wider_than_a_phone(
    browser: Chrome, live_server: LiveServer, width: int, height: int, visitors: list[Client]
) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    too_wide = []
    for client in visitors:
        browser.get(f"{live_server.url}/accounts/login/")
        browser.delete_all_cookies()
        if "sessionid" in client.cookies:
            session = client.cookies["sessionid"].value
            browser.add_cookie({"name": "sessionid", "value": session})
        for address in addresses():
            browser.get(live_server.url + address)
            needed = browser.execute_script(PAGE_WIDTH)
            too_wide += [(address, needed)] if needed > width else []

    assert too_wide == []
