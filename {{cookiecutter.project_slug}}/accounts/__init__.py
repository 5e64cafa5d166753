"""People: signing up, logging in, their addresses and names, and the mails about that."""
