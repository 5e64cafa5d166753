"""The crash lab: a generated shop on real servers, whose processes are killed while it sells."""
