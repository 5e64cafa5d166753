"""The page of the back office."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from backoffice import starting
from backoffice.access import StaffRequest, staff_only
from backoffice.customers import customers
from backoffice.models import CustomerIndex, IndexRebuild
from backoffice.progress import progress
from patterns.durable_tasks.errors import QueueFull

INDEXES_A_PAGE = 25  # a screen or two of a table
REBUILDS_SHOWN = 5  # enough to see whether it has been failing
QUERY_LENGTH = 254  # the longest address there is; what is longer finds nobody


@never_cache
@require_safe
@staff_only
def index(request: StaffRequest) -> HttpResponse:
    """Show the button, how far the rebuild is, the last ones, and the customers' indexes."""
    query = searched_for(request)
    newest = IndexRebuild.objects.select_related("started_by").first()
    ended = IndexRebuild.objects.exclude(finished_at=None).select_related("started_by")
    context = {
        "query": query,
        "query_length": QUERY_LENGTH,
        "newest": newest,
        "progress": progress(newest),
        "ended": ended[:REBUILDS_SHOWN],
        "customer_count": customers().count(),
        "page": Paginator(found(query), INDEXES_A_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "backoffice/index.html", context)


@require_POST
@staff_only
def rebuild(request: StaffRequest) -> HttpResponse:
    """Start a rebuild, unless one is running or the queue is full.

    Duplicate: the second click says so.
    """
    try:
        starting.start(by=request.user)
    except starting.RebuildIsRunning:
        messages.warning(request, "A rebuild is already running. No second one was started.")
    except QueueFull as error:
        messages.error(request, f"The rebuild was not started. {error}")
    else:
        messages.success(request, "The rebuild has started.")
    return redirect("backoffice:index")


@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Return how far the rebuild is, as JSON; 403 where the visitor is not staff (any more)."""
    if not (request.user.is_authenticated and request.user.is_staff):
        # A redirect to the login page would look like a good answer to the polling page.
        return JsonResponse({"error": "log in as staff to see this"}, status=403)
    return JsonResponse(progress(IndexRebuild.objects.first()))


def searched_for(request: HttpRequest) -> str:
    """Return what the visitor looks for. PostgreSQL refuses the NUL character: left out."""
    return request.GET.get("q", "").replace("\0", "").strip()[:QUERY_LENGTH]


def found(query: str) -> QuerySet[CustomerIndex]:
    """Return the indexes of the customers whose name or address contains `query`."""
    indexes = CustomerIndex.objects.select_related("customer")
    if not query:
        return indexes
    matching = Q(customer__email__icontains=query) | Q(customer__name__icontains=query)
    return indexes.filter(matching)
