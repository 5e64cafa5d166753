"""The demo: a generated shop, started whole, to which the story is played over HTTP."""
