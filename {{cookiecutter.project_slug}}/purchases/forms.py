"""What the buy button sends."""

from uuid import uuid4

from django import forms

from purchases.models import Product


class PurchaseForm(forms.Form):
    """The hidden fields of one rendered buy button: pressed twice, it buys once."""

    purchase_token = forms.UUIDField(widget=forms.HiddenInput)
    # So that nobody pays a price which they have not seen.
    price_cents = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    @classmethod
    def of(cls, product: Product) -> "PurchaseForm":
        """Return the form of one button of one page, with a token of its own."""
        initial = {"purchase_token": uuid4(), "price_cents": product.price_cents}
        return cls(initial=initial, auto_id=False)
