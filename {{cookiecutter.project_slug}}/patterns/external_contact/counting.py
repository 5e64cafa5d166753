{{ pattern("external_contact/counting.py") }}
