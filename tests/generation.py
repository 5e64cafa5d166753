"""A project made in this process, with nothing read from or left in somebody's home."""

import json
from pathlib import Path

from cookiecutter.main import cookiecutter


def generated(template: Path, folder: Path, output: Path, **answers: object) -> Path:
    """Make a project in `output` and return its folder; what cookiecutter keeps is in `folder`."""
    config = folder / "cookiecutter.yml"
    kept = {f"{kind}_dir": str(folder / kind) for kind in ("cookiecutters", "replay")}
    config.write_text(json.dumps(kept))
    return Path(
        cookiecutter(
            str(template),
            no_input=True,
            extra_context=answers,
            output_dir=str(output),
            config_file=str(config),
        )
    )
