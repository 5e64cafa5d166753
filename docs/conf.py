"""The site of the documents: `nox -s docs` builds it, and every warning is an error."""

project = "All Clear"
author = "The All Clear authors"
language = "en"

extensions = ["myst_parser"]
# The pages are read on a code host too, so they stay plain Markdown; a heading's anchor is made as
# it is there.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
exclude_patterns: list[str] = []
# Quotes and dashes stay as typed: much of them is code that somebody copies.
smartquotes = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = "All Clear"
html_show_sphinx = False
html_copy_source = False
# What a page needs comes with it: no font, script or counter of somebody else's.
html_theme_options = {"navigation_with_keys": True}

# `nox -s links` asks the addresses outside. Somebody waits for it: a server that has not answered
# in 20 seconds, asked twice, is one to look at.
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_rate_limit_timeout = 120
# Code hosts make their headings' anchors in the browser: the page is asked for, the anchor is not.
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]
