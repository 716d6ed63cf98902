"""URLs, text of any origin, and environment variables, as others may have them: without passwords and tokens."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# These patterns are compiled where they are used: a run in which nothing is shown does without.

# Session tokens are capabilities that sit in the path (PEP 694, "Publishing Session Token").  They cannot be told
# from the rest by their place, which is the index's choice, so by their shape: 128 bits or more in one run
# (of base64, too, whose slashes are quoted in a path).
_LONG_RUN = r"[A-Za-z0-9_~+/=-]{22,}"
# Two shapes that are as long and no tokens: what an index calls a file, and a normalized project name (words in lower
# case, perhaps with a number, as in "opentelemetry-instrumentation-urllib3").  A token of words would pass for one.
_FILE_NAME = r"[A-Za-z0-9._+!-]+\.(whl|tar\.gz)(\.metadata)?"
_PROJECT_NAME = r"[a-z]{1,21}[0-9]{0,2}(-[a-z]{1,21}[0-9]{0,2})*"

_URL = r"https?://[^\s\"'<>]+"

# What this process knows and must not show.  One set for all, because a traceback, or what an index echoes, passes
# through code that has no idea whose secret may be in it.
_HIDDEN: set[str] = set()
#: A shorter one (characters) is a part of too many words: it is hidden where it is one itself.
_SHORTEST = 8


#: Hatch's variables for credentials, and ours for a stage.
_SECRET_VARIABLES = ("HATCH_INDEX_", "HATCH_STAGE_TOKEN", "HATCH_STAGE_URL")


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment `variables` for a program that runs other people's code: none that has a secret of ours."""
    return {name: value for name, value in variables.items() if not name.startswith(_SECRET_VARIABLES)}


def hide(*secrets: str | None) -> None:
    """Let `scrub` remove `secrets` from now on, wherever they turn up."""
    _HIDDEN.update(filter(None, secrets))


def scrub(text: str) -> str:
    """Return `text` with `***` in the place of all hidden secrets, and with its URLs redacted.

    A secret is found as it is, and as a URL, JSON or Python's `repr` writes it.
    """
    forms = {form for secret in tuple(_HIDDEN) for form in _written(secret)}
    for form in sorted(forms, key=len, reverse=True):
        if form in text:
            text = re.sub(_pattern(form), "***", text)
    return re.sub(_URL, lambda match: redact(match.group()), text)


@lru_cache
def _written(secret: str) -> frozenset[str]:
    return frozenset({secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]})


def _pattern(form: str) -> str:
    exact = re.escape(form)
    return exact if len(form) >= _SHORTEST else rf"(?<!\w){exact}(?!\w)"


def redact(url: str) -> str:
    """Return `url` without its user information, query and fragment, and with token-like path segments masked.

    So are those with what is hidden in them: a wrong token may look like any word.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it: "user:pass?word@host" has none
    except ValueError:  # what is no URL is not shown: who knows what it is
        return "***"
    if not parts.netloc:
        # "user:password@host/path" without a scheme is all path, or has the user for its scheme
        return _masked(re.split("[?#]", url, maxsplit=1)[0].rpartition("@")[2])
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], _masked(parts.path), "", ""))


def _masked(path: str) -> str:
    return "/".join("***" if _is_token_like(unquote(segment)) else segment for segment in path.split("/"))


def _is_token_like(segment: str) -> bool:
    if any(secret == segment or (len(secret) >= _SHORTEST and secret in segment) for secret in tuple(_HIDDEN)):
        return True
    if re.fullmatch(_FILE_NAME, segment) or re.fullmatch(_PROJECT_NAME, segment):
        return False
    return re.search(_LONG_RUN, segment) is not None
