"""``python -m hatch_staged`` is ``hatch-staged``."""

from hatch_staged.cli import main

main()
