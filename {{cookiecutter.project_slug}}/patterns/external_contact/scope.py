{{ pattern("external_contact/scope.py") }}
