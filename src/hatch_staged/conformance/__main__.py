"""``python -m hatch_staged.conformance`` is ``hatch-staged conformance``."""

from hatch_staged.conformance.command import conformance

conformance(prog_name="python -m hatch_staged.conformance")
