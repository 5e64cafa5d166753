"""Start everything: `uv run start.py`; stop it with Ctrl-C. `--help` lists the options."""

import sys

try:
    from development.start import main
except ModuleNotFoundError as missing:
    sys.exit(f"start.py: the package {missing.name} is not installed. Run `uv run start.py`.")

if __name__ == "__main__":
    sys.exit(main())
