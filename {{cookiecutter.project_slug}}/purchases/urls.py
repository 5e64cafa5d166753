"""The addresses of the catalogue and of the orders."""

from django.urls import path

from purchases import views

app_name = "purchases"
urlpatterns = [
    path("", views.catalogue, name="catalogue"),
    path("buy/<slug:slug>/", views.buy, name="buy"),
    path("orders/", views.orders, name="orders"),
    path("orders/<uuid:order_id>/", views.order, name="order"),
    path("orders/<uuid:order_id>/status.json", views.order_status, name="order_status"),
]
