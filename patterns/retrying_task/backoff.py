"""How long a task waits before each retry, at most, and how long its retries last in all."""

from itertools import accumulate, count

# Long enough for an outage that begins in the evening and is seen to in the morning.
RETRY_FOR_SECONDS = 24 * 3600
BASE_SECONDS = 2
# A provider that is back is noticed within half an hour.
CAP_SECONDS = 1800
# 2**40 seconds are beyond any cap; an unbounded power would overflow a float.
MOST_DOUBLINGS = 40


def ceiling_seconds(retry: int, *, base_seconds: float, cap_seconds: float) -> float:
    """Return the longest wait before a retry; the first is number 0. The mean is half of it."""
    return min(cap_seconds, base_seconds * 2.0 ** min(retry, MOST_DOUBLINGS))


def retries_lasting(seconds: float, *, base_seconds: float, cap_seconds: float) -> int:
    """Return how many retries it takes to wait `seconds` on average."""
    ceilings = (
        ceiling_seconds(n, base_seconds=base_seconds, cap_seconds=cap_seconds) for n in count()
    )
    return next(n for n, sum_ in enumerate(accumulate(ceilings), start=1) if sum_ / 2 >= seconds)


def lasting_seconds(retries: int, *, base_seconds: float, cap_seconds: float) -> float:
    """Return how long so many retries wait on average."""
    ceilings = [
        ceiling_seconds(n, base_seconds=base_seconds, cap_seconds=cap_seconds)
        for n in range(MOST_DOUBLINGS + 1)
    ]
    return (sum(ceilings[:retries]) + max(0, retries - len(ceilings)) * ceilings[-1]) / 2
