{{ pattern("external_contact/middleware.py") }}
