{{ pattern("failure_check/kept_in_file.py") }}
