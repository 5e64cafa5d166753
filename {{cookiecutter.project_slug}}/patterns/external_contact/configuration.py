{{ pattern("external_contact/configuration.py") }}
