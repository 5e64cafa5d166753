"""Tasks that the shop has not: poison, slow ones, and ones that end in awkward ways."""
