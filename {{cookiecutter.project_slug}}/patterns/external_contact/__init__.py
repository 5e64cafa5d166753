{{ pattern("external_contact/__init__.py") }}
