{{ pattern("external_contact/declared.py") }}
