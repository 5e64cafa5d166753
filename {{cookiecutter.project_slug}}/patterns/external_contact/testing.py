{{ pattern("external_contact/testing.py") }}
