{{ pattern("failure_check/models.py") }}
