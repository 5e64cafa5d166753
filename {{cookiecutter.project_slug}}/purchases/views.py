"""The pages of the catalogue and of a customer's own orders."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from purchases import progress
from purchases.forms import PurchaseForm
from purchases.models import Order, Product
from purchases.placing import NotForSale, place_order

ORDERS_A_PAGE = 20  # one screen of a table


class CustomerRequest(HttpRequest):
    """A request behind `login_required`."""

    user: User


@require_safe
@never_cache  # a page from a cache would carry purchase tokens that are spent
def catalogue(request: HttpRequest) -> HttpResponse:
    """Show what is sold, each with its own buy button."""
    products = Product.objects.filter(is_active=True)
    offers = [(product, PurchaseForm.of(product)) for product in products]
    return render(request, "purchases/catalogue.html", {"offers": offers})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one product; on POST buy it, and show the order.

    Who is not logged in comes back from there by GET, and sees the product and its button again.
    Duplicate: the same form posted again, by a double click or a reload, shows the same order.
    """
    product = get_object_or_404(Product, slug=slug)
    if request.method != "POST":
        context = {"product": product, "form": PurchaseForm.of(product)}
        return render(request, "purchases/product.html", context)
    if not request.user.is_authenticated:
        return redirect_to_login(product.get_absolute_url())
    form = PurchaseForm(request.POST)
    if not form.is_valid():
        messages.error(request, "That did not come through. Nothing was bought: please try again.")
        return redirect(product)
    return _placed(request, request.user, product, form)


@never_cache
@login_required
@require_safe
def orders(request: CustomerRequest) -> HttpResponse:
    """List the customer's own orders, the newest first."""
    pages = Paginator(Order.objects.filter(customer=request.user), ORDERS_A_PAGE)
    page = pages.get_page(request.GET.get("page"))
    return render(request, "purchases/orders.html", {"page": page})


@never_cache
@login_required
@require_safe
def order(request: CustomerRequest, order_id: UUID) -> HttpResponse:
    """Show one of the customer's own orders; somebody else's does not exist."""
    own = get_object_or_404(Order, pk=order_id, customer=request.user)
    return render(request, "purchases/order.html", {"order": own, **progress.as_json(own)})


@never_cache
@require_safe
def order_status(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Return how far the order has come, as JSON; 403 to a visitor who has been logged out."""
    if not request.user.is_authenticated:
        # A redirect to the login page would look like a good answer to the polling page.
        return JsonResponse({"error": "log in to see this order"}, status=403)
    own = get_object_or_404(Order, pk=order_id, customer=request.user)
    return JsonResponse(progress.as_json(own))


def _placed(
    request: HttpRequest, customer: User, product: Product, form: PurchaseForm
) -> HttpResponse:
    try:
        placed = place_order(
            customer=customer,
            product=product,
            purchase_token=form.cleaned_data["purchase_token"],
            seen_price_cents=form.cleaned_data["price_cents"],
        )
    except NotForSale as refusal:
        messages.error(request, str(refusal))
        return redirect(product)
    return redirect(placed)
