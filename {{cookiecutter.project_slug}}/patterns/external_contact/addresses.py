{{ pattern("external_contact/addresses.py") }}
