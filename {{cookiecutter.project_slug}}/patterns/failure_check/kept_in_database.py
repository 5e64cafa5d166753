{{ pattern("failure_check/kept_in_database.py") }}
