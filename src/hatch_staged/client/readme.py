"""Whether a project's description is one that PyPI renders; the only importer of readme_renderer.

PyPI refuses a file whose description it cannot render, and only reStructuredText can fail: Markdown and plain text
always render.  docutils takes a quarter of a second to be imported, so it is only where there is such a description.
"""

from __future__ import annotations

import io
import re
from email.message import EmailMessage
from functools import lru_cache

from packaging.metadata import parse_email

#: what a description is that does not say
_DEFAULT = "text/x-rst"
_UNRENDERED = "its description cannot be rendered as reStructuredText"
_REPORT = re.compile(r"^<string>:(?P<line>\d*): \([A-Z]+/\d\) (?P<message>.*)", re.MULTILINE)


def fault(metadata: bytes) -> str:
    """Return why the description in `metadata` (METADATA or PKG-INFO) would not be rendered, or nothing."""
    fields, _ = parse_email(metadata)
    message = EmailMessage()
    message["content-type"] = fields.get("description_content_type") or _DEFAULT
    description = fields.get("description", "")
    # what setuptools wrote for want of one
    if message.get_content_type() != _DEFAULT or description.strip() in {"", "UNKNOWN"}:
        return ""
    return _fault(description)


@lru_cache(maxsize=1)  # all files of a release have the same
def _fault(description: str) -> str:
    from readme_renderer import rst  # noqa: PLC0415 - see above

    said = io.StringIO()
    try:
        if rst.render(description, stream=said) is not None:
            return ""
    except Exception as error:  # noqa: BLE001 - of a description that is nested deep, for one: PyPI's docutils is no wiser
        return f"{_UNRENDERED}: docutils gives up with {type(error).__name__}"
    reports = [f"line {found['line']}: {found['message'].strip()}" for found in _REPORT.finditer(said.getvalue())]
    return f"{_UNRENDERED}: {'; '.join(reports) or said.getvalue().strip()}"
