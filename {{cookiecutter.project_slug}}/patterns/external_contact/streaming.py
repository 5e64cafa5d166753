{{ pattern("external_contact/streaming.py") }}
