"""Sphinx configuration."""  # noqa: INP001 - a folder of pages, no package

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
# Some pages read the package's tables, which need nothing but the standard library.
sys.path[:0] = [str(DOCS.parent / "src"), str(DOCS / "_ext")]

from hatch_staged import __version__  # noqa: E402 - found through the path above

project = "hatch-staged"
release = __version__
project_copyright = "the hatch-staged contributors"

extensions = ["myst_parser", "sphinxcontrib.mermaid", "state_machines", "unobservable"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_ext"]

html_theme = "furo"
html_title = "hatch-staged"
