"""The back office: slow work that staff start, on queue `admin`, where it starves nobody."""
