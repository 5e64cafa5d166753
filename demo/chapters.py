"""The story's chapters: each plays a scene as a client would, and yields measured evidence."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx

from demo.brokers import analytics_broker, flooded, is_full
from demo.client import Visitor, claim, wait_for
from demo.counting import counted_steps
from demo.killing import kill_worker
from demo.shop import Shop

MAIL_SERVER_SECONDS = 0.8
# Longer than it takes to see the charge and kill the worker, also on a busy machine; and shorter
# than the shop waits for an answer (30 s).
PROVIDER_SECONDS = 25
SIGNUPS = 5
CUSTOMERS = 200


def signup_waits_for_no_mail_server(shop: Shop, staff: Visitor) -> Iterator[str]:
    """A signup does not wait for the mail server."""
    staff.tell_mail_server(delay_seconds=MAIL_SERVER_SECONDS)
    yield f"the mail server takes {MAIL_SERVER_SECONDS * 1000:.0f} ms for each mail"
    # A signup that waited would take that long every time. One that does not may, on a machine
    # that is busy starting everything, and so one quick answer of several is the proof.
    for number in range(1, SIGNUPS + 1):
        address = f"chris{number}@example.com"
        with Visitor(shop.addresses) as chris:
            chris.sign_up("Chris 🎉 O'Hara", address)
        yield f"the signup answered in {chris.seconds * 1000:.0f} ms"
        if chris.seconds < MAIL_SERVER_SECONDS:
            break
    claim(chris.seconds < MAIL_SERVER_SECONDS, "every signup waited for the mail server")
    yield f"and the mail arrived: {first_mail(staff, address)['subject']!r}"
    staff.tell_mail_server(delay_seconds=0)


def a_purchase_goes_through_its_steps(shop: Shop, staff: Visitor) -> Iterator[str]:
    """A purchase is confirmed, charged and packed."""
    with Visitor(shop.addresses) as pat:
        pat.sign_up("Pat", "pat@example.com")
        order = buy(pat)
        yield f"the purchase answered in {pat.seconds * 1000:.0f} ms"
        yield f"the order page showed: {', '.join(watch_until_done(pat, order))}"
    mails = [mail["subject"] for mail in staff.mails_to("pat@example.com")]
    yield f"mails to the customer: {', '.join(map(repr, mails))}"
    claim(len(mails) == 2, "a welcome and one confirmation were due")
    claim(charges_of(staff, order) == 1, "the provider's books show another number of charges")
    yield "the provider's books show one charge"


def a_failing_provider_is_tried_again(shop: Shop, staff: Visitor) -> Iterator[str]:
    """A payment provider that fails twice is tried again, and charges once."""
    before = staff.charges()["attempts"]
    staff.tell_provider(fail_next=2)
    with Visitor(shop.addresses) as kelly:
        kelly.sign_up("Kelly", "kelly@example.com")
        order = buy(kelly)
        watch_until_done(kelly, order)
    attempts = staff.charges()["attempts"] - before
    yield f"the provider was asked {attempts} times and charged {charges_of(staff, order)} time"
    claim(attempts == 3, "two failures and one success were due")
    staff.tell_provider(fail_after_charge_next=1)
    with Visitor(shop.addresses) as danny:
        danny.sign_up("Danny", "danny@example.com")
        order = buy(danny)
        watch_until_done(danny, order)
    yield f"one that charges and then fails to answer charged {charges_of(staff, order)} time"
    claim(charges_of(staff, order) == 1, "the customer was charged twice")


def a_killed_worker_charges_once(shop: Shop, staff: Visitor) -> Iterator[str]:
    """A worker killed between charge and pack-in leaves one charge and one pack-in."""
    before = staff.charges()["attempts"]
    staff.tell_provider(slow_after_charge_seconds=PROVIDER_SECONDS)
    with Visitor(shop.addresses) as robin, counted_steps(shop) as written:
        robin.sign_up("Robin", "robin@example.com")
        order = buy(robin)
        wait_for("the provider's charge", lambda: charges_of(staff, order))
        yield "the provider charged, and holds back its answer: the shop does not know yet"
        killed, started = kill_worker(shop, "purchasing"), time.monotonic()
        yield f"kill -9: {killed} processes of the worker, between the charge and the pack-in"
        claim(written("charged", id_of(order)) == 0, "the worker had heard of its charge")
        staff.tell_provider(slow_after_charge_seconds=0)
        steps = watch_until_done(robin, order)
        yield f"the order page showed {', '.join(steps)} {time.monotonic() - started:.1f} s later"
        charged, packed = (written(step, id_of(order)) for step in ("charged", "packed"))
    attempts, charges = staff.charges()["attempts"] - before, charges_of(staff, order)
    yield f"the provider was asked {attempts} times and has {charges} charge in its books"
    yield f"the shop wrote {charged} charge and {packed} pack-in"
    claim(attempts == 2, "one attempt before the kill and one after it were due")
    claim(charges == 1, "the customer was charged twice")
    claim((charged, packed) == (1, 1), "one charge and one pack-in were due")


def the_back_office_delays_no_mail(shop: Shop, staff: Visitor) -> Iterator[str]:
    """Hundreds of slow tasks of the back office do not delay a mail."""
    shop.run("manage.py", "shell", "-c", MAKE_CUSTOMERS)
    staff.log_in(shop.addresses.staff_email, shop.addresses.staff_password)
    staff.submit("/backoffice/", to="/backoffice/rebuild/")
    wait_for("the rebuild", lambda: shop.waiting_tasks("admin") > CUSTOMERS / 2)
    with Visitor(shop.addresses) as jo:
        jo.sign_up("Jo", "jo@example.com")
    before, started = shop.waiting_tasks("admin"), time.monotonic()
    first_mail(staff, "jo@example.com")
    seconds = time.monotonic() - started
    after = shop.waiting_tasks("admin")
    yield f"{before} tasks waited on queue admin when a customer signed up"
    yield f"the welcome mail arrived {seconds * 1000:.0f} ms later; {after} tasks still waited"
    claim(before - after < CUSTOMERS / 4, "the mail waited for tasks of the back office")


def a_flooded_analytics_broker_stays_alone(shop: Shop, staff: Visitor) -> Iterator[str]:
    """A flooded analytics broker does not touch the shop."""
    analytics = analytics_broker(shop)
    with flooded(analytics) as entries, Visitor(shop.addresses) as alex:
        yield f"the analytics broker is full: it took {entries:,} entries and refuses any more"
        alex.sign_up("Alex", "alex@example.com")
        order = buy(alex)
        yield f"a signup and a purchase went through, the purchase in {alex.seconds * 1000:.0f} ms"
        yield f"its order page showed: {', '.join(watch_until_done(alex, order))}"
        claim(is_full(analytics), "the analytics broker had room again: nothing was shown")


def flower_is_for_staff(shop: Shop, staff: Visitor) -> Iterator[str]:
    """Flower shows every task, to staff alone."""
    flower = f"http://127.0.0.1:{shop.servers['FLOWER_PORT']}/flower/shop/"
    analytics = f"http://127.0.0.1:{shop.servers['ANALYTICS_FLOWER_PORT']}/flower/analytics/"
    paths = ("", "metrics", "healthcheck", "api/tasks")
    closed = [f"{base}{path}" for base in (flower, analytics) for path in paths]
    with Visitor(shop.addresses) as anybody:
        answers = [anybody.http.get(url, follow_redirects=False).status_code for url in closed]
    yield f"anybody asking for its pages, metrics, health and API gets {answers}"
    claim(not any(status == httpx.codes.OK for status in answers), "Flower is open")
    staff.log_in(shop.addresses.staff_email, shop.addresses.staff_password)
    shown = wait_for("every task in Flower", partial(tasks_in_flower, staff, flower))
    yield f"staff see {len(shown)} tasks: {', '.join(sorted({task['name'] for task in shown}))}"


CHAPTERS = list(
    enumerate(
        (
            signup_waits_for_no_mail_server,
            a_purchase_goes_through_its_steps,
            a_failing_provider_is_tried_again,
            a_killed_worker_charges_once,
            the_back_office_delays_no_mail,
            a_flooded_analytics_broker_stays_alone,
            flower_is_for_staff,
        ),
        start=1,
    )
)

STEPS = ("placed", "charged", "packed", "mailed")
SEEN_IN_FLOWER = {"queued_mail.deliver", "purchases.charge", "purchases.pack_in"}
MAKE_CUSTOMERS = f"""
from accounts.models import User
User.objects.bulk_create(
    User(email=f"customer{{n}}@example.com", name=f"Customer {{n}}", password="!")
    for n in range({CUSTOMERS})
)
"""


def first_mail(staff: Visitor, address: str) -> dict[str, Any]:
    """Wait for a mail to an address."""
    return wait_for(f"a mail to {address}", lambda: staff.mails_to(address))[0]


def buy(customer: Visitor) -> str:
    """Buy the first product of the catalogue; return the path of the order's page."""
    product = customer.get("/").text.split('action="/buy/', 1)[1].split('"', 1)[0]
    answer = customer.submit(f"/buy/{product}", to=f"/buy/{product}")
    claim("/orders/" in answer.url.path, f"the purchase led to {answer.url}")
    return answer.url.path


def watch_until_done(customer: Visitor, order: str) -> list[str]:
    """Look at an order as its page does, until all is done; return the steps as they came."""
    seen: list[str] = []

    def all_done() -> bool:
        status = customer.get(f"{order}status.json").json()
        done = [step["name"] for step in status["steps"] if step["state"] == "done"]
        seen.extend(step for step in done if step not in seen)
        return bool(status["is_settled"])

    wait_for(f"every step of {order}", all_done)
    claim(sorted(seen) == sorted(STEPS), f"{order} ended with {seen} alone")
    return seen


def charges_of(staff: Visitor, order: str) -> int:
    """Count the provider's charges for an order."""
    return sum(charge["reference"] == id_of(order) for charge in staff.charges()["charges"])


def id_of(order: str) -> str:
    """Return the id of an order from the path of its page."""
    return order.strip("/").split("/")[-1]


def tasks_in_flower(staff: Visitor, flower: str) -> list[dict[str, Any]]:
    """Return the tasks that Flower knows, once each kind is among them."""
    tasks = list(staff.get(f"{flower}api/tasks").json().values())
    return tasks if {task["name"] for task in tasks} >= SEEN_IN_FLOWER else []
