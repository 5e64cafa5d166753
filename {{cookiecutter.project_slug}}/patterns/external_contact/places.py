{{ pattern("external_contact/places.py") }}
