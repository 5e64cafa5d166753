{{ pattern("external_contact/apps.py") }}
