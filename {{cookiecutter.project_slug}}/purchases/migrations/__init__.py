"""The tables of the purchases, and the first catalogue."""
