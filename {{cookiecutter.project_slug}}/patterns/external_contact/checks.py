{{ pattern("external_contact/checks.py") }}
