{{ pattern("external_contact/reporting.py") }}
