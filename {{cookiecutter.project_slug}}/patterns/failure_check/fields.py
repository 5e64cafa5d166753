{{ pattern("failure_check/fields.py") }}
