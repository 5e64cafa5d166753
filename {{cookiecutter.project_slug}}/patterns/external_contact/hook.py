{{ pattern("external_contact/hook.py") }}
