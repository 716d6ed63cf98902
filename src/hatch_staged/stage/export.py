"""What a stage file says, in the words of other tools.  Pure: values in, text out.

Each text carries session tokens, and says so.  What an index may have written into a URL or a notice is quoted for the
tool that will read it.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import quote, urldefrag, urlsplit

from rich.filesize import decimal

from hatch_staged.errors import one_line
from hatch_staged.redaction import redact
from hatch_staged.stage import lock_documents, session_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hatch_staged.stage.model import StagedArtifact, StagedRelease

#: The one that pip and uv take a lock document by.
PYLOCK_NAME = "pylock.stage.toml"
_PYLOCK_NAMES = re.compile(r"pylock(\.[^.]+)?\.toml")

#: For Markdown: nothing but these is shown as it is, outside of code.
_PLAIN = re.compile(r"[^A-Za-z0-9 ]")


@dataclass(frozen=True)
class Available:
    """A release as it can be had: `urls` of its files by their names, `index_url` of a simple index that shows it.

    `status` is ``published`` for one that is public, and then there is no stage any more; `notices` are the index's.
    """

    release: StagedRelease
    urls: Mapping[str, str]
    index_url: str | None
    status: str
    notices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its name and version."""
        return self.release.label

    @property
    def public(self) -> bool:
        """Whether it is published."""
        return self.status == "published"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What gives access to it: the session token as it is, and as URLs have it; the URLs, where it is not known."""
        if self.public:
            return ()
        token = self.release.session_token
        if token is None:
            return tuple(dict.fromkeys(url for url in (self.index_url, *self.urls.values()) if url is not None))
        return tuple(dict.fromkeys((token, quote(token), quote(token, safe=""))))


def is_pylock_name(name: str) -> bool:
    """Whether a lock document may be called so: "pylock.toml" or "a file name must match" this pattern (PEP 751)."""
    return _PYLOCK_NAMES.fullmatch(name) is not None


def pylock(found: Sequence[Available]) -> str:
    """Return a lock document (PEP 751) of the releases, and of nothing that they depend on."""
    tables = [lock_documents.package_table(each.release, each.urls) for each in found]
    return lock_documents.lock_document(_header(found), tables)


def requirements(chosen: Iterable[tuple[Available, StagedArtifact]], python: str | None) -> str:
    """Return a file of requirements: for each release the URL of one file, with its hash.

    `python` is the version of the interpreter that the files are for, None if they are for any.  The hash is a part of
    the URL, which pip and uv verify, because ``--hash`` would oblige every dependency to have one, too.
    """
    pairs = list(chosen)
    lines = [f"# {_header([each for each, _ in pairs])}"]
    if python is not None:
        lines.append(f"# The files are those for Python {python} on this kind of machine.")
    for each, artifact in pairs:
        url = _literal(each.urls[artifact.filename])
        lines.append(f"{each.release.project} @ {url}#sha256={artifact.sha256}")
    return "".join(f"{line}\n" for line in lines)


def _literal(url: str) -> str:
    """Return `url` as pip and uv take it from a file of requirements: without variables, which they would fill in."""
    parts = urlsplit(urldefrag(url).url)
    path, query = (quote(text, safe="/%:=&?~+!,;'()*@-._") for text in (parts.path, parts.query))
    return parts._replace(netloc=quote(parts.netloc, safe=":[]"), path=path, query=query).geturl()


def as_json(found: Sequence[Available]) -> str:
    """Return a JSON document for scripts."""
    return f"{json.dumps({'releases': [_release(each) for each in found]}, indent=2)}\n"


def _release(each: Available) -> dict[str, object]:
    release = each.release
    return {
        "project": release.project,
        "version": str(release.version),
        "requires-python": None if release.requires_python is None else str(release.requires_python),
        "index": release.index,
        "session": release.session,
        "status": each.status,
        "expires-at": _zulu(release.expires_at),
        "digest": release.digest,
        "stage": release.stage,
        "session-token": release.session_token,
        "index-url": each.index_url,
        "files": [
            {
                "filename": artifact.filename,
                "kind": artifact.distribution.kind.value,
                "url": each.urls[artifact.filename],
                "size": artifact.size,
                "upload-time": _zulu(artifact.upload_time),
                "hashes": dict(sorted(artifact.hashes.items())),
            }
            for artifact in release.artifacts
        ],
    }


def env(found: Sequence[Available]) -> str:
    """Return lines for a POSIX shell that let pip and uv look into the stages, before wherever they looked already."""
    urls = " ".join(dict.fromkeys(each.index_url for each in found if each.index_url is not None))
    lines = [
        f"# {_header(found)}",
        *(_put_first(variable, urls) for variable in ("PIP_EXTRA_INDEX_URL", "UV_INDEX") if urls),
    ]
    tokens = {each.release.project: each.release.session_token for each in found if not each.public}
    for project, token in tokens.items():
        if token is not None:
            variable = session_tokens.VARIABLE if len(tokens) == 1 else session_tokens.variable_of(project)
            lines.append(f"export {variable}={shlex.quote(token)}")
    return "".join(f"{line}\n" for line in lines)


def _put_first(variable: str, value: str) -> str:
    return f'export {variable}={shlex.quote(value)}"${{{variable}:+ ${variable}}}"'


def github_masks(found: Sequence[Available]) -> str:
    """Return the workflow commands that let GitHub show ``***`` in the place of all that is secret."""
    lines = dict.fromkeys(line for each in found for secret in each.secrets for line in secret.splitlines() if line)
    return "".join(f"::add-mask::{_command_value(line)}\n" for line in lines)


def _command_value(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def github_outputs(found: Sequence[Available], delimiter: str) -> str:
    """Return what makes step outputs of it; `delimiter` is a line that nobody could guess."""
    values = {"releases": json.dumps([_release(each) for each in found])}
    if len(found) == 1:
        told = _release(found[0])
        keys = ("project", "version", "index", "status", "expires-at", "digest", "session-token")
        values |= {key: str(told[key] or "") for key in keys}
        values["stage-url"] = str(told["stage"] or "")
    return "".join(f"{key}<<{delimiter}\n{value}\n{delimiter}\n" for key, value in values.items())


def github_summary(found: Sequence[Available]) -> str:
    """Return a summary in Markdown, without any secret: everybody who sees the job may read it."""
    return "\n".join(line for each in found for line in _summary(each)) + "\n"


def _summary(each: Available) -> Iterable[str]:
    release = each.release
    yield f"### {each.label} is {'published' if each.public else 'staged, not published'}"
    yield ""
    until = "" if release.expires_at is None or each.public else f", until {release.expires_at:%Y-%m-%d %H:%M} UTC"
    yield f"{_markdown(each.status)}{until}, at {_markdown(redact(release.index))}"
    yield ""
    yield "| file | size | sha256 |"
    yield "| --- | ---: | --- |"
    for artifact in release.artifacts:
        # neither a file name that is one nor a hash has anything to escape
        yield f"| `{artifact.filename}` | {decimal(artifact.size)} | `{artifact.sha256}` |"
    yield ""
    yield f"Digest of all: `{release.digest}`"
    yield ""
    for notice in each.notices:
        yield f"- {_markdown(notice)}"
    if each.notices:
        yield ""
    if each.public:
        yield f"To install it: `pip install {release.project}=={release.version}` from that index."
    else:
        yield "To install exactly these bytes, with the stage file: `hatch-staged install --python PYTHON`"
    yield ""


def _markdown(text: str) -> str:
    """Return `text` so that it is shown as it is, on one line, wherever it stands."""
    return _PLAIN.sub(lambda found: f"&#{ord(found[0])};", one_line(text))


def _header(found: Sequence[Available]) -> str:
    private = [each.label for each in found if not each.public]
    if not private:
        return "Written by hatch-staged."
    return f"Written by hatch-staged. Session tokens are in it: whoever holds it can install {', '.join(private)}."


def _zulu(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
