{{ pattern("external_contact/errors.py") }}
