"""The payment provider, an outside service that is spoken to over HTTP."""
