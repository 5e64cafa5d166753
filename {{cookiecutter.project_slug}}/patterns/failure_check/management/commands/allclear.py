{{ pattern("failure_check/management/commands/allclear.py") }}
