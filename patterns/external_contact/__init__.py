"""A tripwire: a request that contacts what is not its database, cache or broker is told where.

Why: what is contacted in a request is waited for by a customer, fails when it fails, and is done
    although the transaction rolls back. No reading of code finds it for certain: a library does it,
    or a line that was written for a task.
Guarantees: while a request (or a test) is watched, opening a connection, or looking up a name, of
    something undeclared raises `ExternalContact` before anything is sent, with the address and the
    project's own lines, whatever library did it and whatever catches exceptions on the way; in
    production it is counted and logged, and nothing else changes. WSGI and ASGI, `sync_to_async`
    and streamed bodies included. Costs a request some microseconds.
Not for: security; it is a tripwire. It does not see new threads and executors, other processes,
    what connects in C (pycurl, libpq, uvloop), connections that were open before, and datagrams.
Copy: this folder.
Needs: django>=5.2 (up to 6.1), with asgiref.
    Optional: pytest>=8 and pytest-django>=4.11, for the fixture.
Settings, with defaults:
    EXTERNAL_CONTACT_MODE = "raise" if DEBUG else "log": "off" takes the middleware out.
    EXTERNAL_CONTACT_BROKERS = (): names of the settings with brokers' URLs.
    EXTERNAL_CONTACT_ALLOWED = (): what every request may wait for, "host:port" or a socket's path.
    Of Django's: DATABASES, CACHES, MIDDLEWARE, DEBUG.
Wiring:
    1. In settings.py, the middleware first, since it sees what follows it:
           INSTALLED_APPS += ["<this package>"]
           MIDDLEWARE.insert(0, "<this package>.middleware.ExternalContactMiddleware")
    2. `total()` from `.counting` among your metrics.
Testing: `from <this package>.testing import no_external_contact` in conftest.py, and a
    fixture with `autouse=True` that asks for it: no test then leaves this machine, and a test whose
    request contacts anything fails.
Version: 0.1.0
"""
