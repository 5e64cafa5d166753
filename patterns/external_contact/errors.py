"""What is raised where a request contacts the outside."""


class ExternalContact(BaseException):
    """A request, or a test, was about to contact something that is not declared.

    No `Exception`, as pytest's own failures are none: urllib3 and botocore try again after an
    exception of theirs, requests and aiohttp wrap what is an `OSError`, and `except Exception`
    around a call that "may fail" would hide what was to be found. The middleware makes an ordinary
    answer with status 500 of it, so no server ever sees it.
    """

    def __init__(self, message: str, *, address: str, place: str) -> None:
        """Keep what was to be contacted ("host:port"), and the project's own lines."""
        super().__init__(message)
        self.address = address
        self.place = place
