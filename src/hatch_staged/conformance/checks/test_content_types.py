"""PEP 694, "Content Types"."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from hatch_staged.conformance import legacy, steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.wire import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.conversation import Conversation
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_STRUCTURE = re.compile(r"application/vnd\.pypi\.upload\.v[0-9]+\+[a-z]+")
# Wherever it is mentioned: in Accept-Post, in a Link, in a text.
_MENTIONED = re.compile(r"application/vnd\.pypi\.upload\.[\w.]+(?:\+\w+)?")


@covers("CONTENT-01", "all requests and responses from this upload API will have a standard content type")
@covers("CONTENT-13", "all HTTP requests and responses in this document are assumed to include the HTTP header")
def test_every_success_has_the_content_type(conversation: Conversation) -> None:
    others = [answer for answer in conversation.successes if answer.media_type != MEDIA_TYPE]
    assert not others, "; ".join(f"{answer.media_type or 'no content type'} in {answer}" for answer in others)


@covers("CONTENT-03", "application/vnd.pypi.upload.$version+$format")
def test_content_types_name_version_and_format(conversation: Conversation) -> None:
    # Errors have a media type of their own, which is a SHOULD of its own.
    types = {answer.media_type for answer in conversation.successes}
    assert types, "no answer has a content type of this API"
    malformed = sorted(each for each in types if not _STRUCTURE.fullmatch(each))
    assert not malformed, f"malformed: {malformed}"


@covers("CONTENT-04", "only the major version is included in the content type")
def test_content_types_have_the_major_version_only(conversation: Conversation) -> None:
    mentioned = {found for answer in conversation.successes for found in _MENTIONED.findall(answer.media_type)}
    assert mentioned == {MEDIA_TYPE}, f"these occur: {sorted(mentioned)}"


@covers("CONTENT-04", "the version number is prefixed with a v.")
@pytest.mark.parametrize("version", ["v2.0", "2", "2.0"])
def test_a_content_type_with_another_form_of_version_is_refused(
    owner: Principal, index: Target, release: Release, version: str
) -> None:
    answer = owner.post(index.root, release.request(), Content_Type=f"application/vnd.pypi.upload.{version}+json")
    assert answer.refused, f"{version} is taken: {answer}"
    steps.open_session(owner, index.root, release)


@covers("CONTENT-02", "except for requests to execute a file upload mechanism")
def test_bytes_are_sent_with_the_content_type_of_the_mechanism(
    owner: Principal, release: Release, session: Session
) -> None:
    wheel = release.wheel()
    file = steps.begin(owner, session, wheel)
    answer = owner.send(file.file_url, wheel.data)
    assert answer.ok, f"application/octet-stream is refused: {answer}"


@covers("CONTENT-02", "This standard request content type applies to all requests")
@pytest.mark.parametrize("content_type", ["text/plain", "application/json"])
def test_a_message_of_another_content_type_is_refused(
    owner: Principal, index: Target, release: Release, content_type: str
) -> None:
    answer = owner.post(index.root, release.request(), Content_Type=content_type)
    assert answer.refused, f"{content_type} is taken: {answer}"
    steps.open_session(owner, index.root, release)


@covers("CONTENT-01", "what version of the API it represents")
@covers("CONTENT-02", "This standard request content type applies to all requests")
def test_parameters_of_the_content_type_change_nothing(owner: Principal, index: Target, release: Release) -> None:
    answer = owner.post(index.root, release.request(), Content_Type=f"{MEDIA_TYPE}; charset=utf-8")
    assert answer.status == 201, f"a parameter is not understood: {answer}"


@covers("CONTENT-06", "host the new API described in this PEP at a different endpoint than the existing upload API.")
def test_a_legacy_upload_to_the_root_endpoint_is_refused(owner: Principal, index: Target, release: Release) -> None:
    answer = legacy.upload(owner, index.root, release, release.wheel())
    assert answer.refused, f"the root endpoint takes legacy uploads: {answer}"
    steps.open_session(owner, index.root, release)


@covers("CONTENT-06", "host the new API described in this PEP at a different endpoint than the existing upload API.")
def test_the_legacy_endpoint_creates_no_session(owner: Principal, index: Target, release: Release) -> None:
    url = index.require_legacy()
    assert url.rstrip("/") != index.root.rstrip("/"), f"both APIs are at {url}"
    answer = owner.post(url, release.request())
    assert not answer.ok, f"the legacy endpoint takes messages of this API: {answer}"


@covers("CONTENT-08", "server-driven content negotiation")
@pytest.mark.parametrize("accept", [MEDIA_TYPE, "*/*", "application/*;q=0.5"])
def test_who_accepts_the_media_type_gets_it(owner: Principal, session: Session, accept: str) -> None:
    answer = owner.get(session.url, Accept=accept)
    assert answer.ok, f"Accept: {accept} is refused: {answer}"
    assert answer.media_type == MEDIA_TYPE, f"Accept: {accept} gets {answer.media_type}: {answer}"


@covers("CONTENT-08", "server-driven content negotiation")
@pytest.mark.parametrize("accept", ["application/vnd.pypi.upload.v3+json", "application/vnd.pypi.upload.v2+xml"])
def test_who_accepts_what_there_is_not_gets_nothing_else(owner: Principal, session: Session, accept: str) -> None:
    answer = owner.get(session.url, Accept=accept)
    assert answer.status == 406 or (answer.ok and answer.media_type == MEDIA_TYPE), (
        f"Accept: {accept} gets {answer.media_type}: {answer}"
    )


@covers("CONTENT-11", "Servers MUST NOT advertise support for API versions beyond those defined in approved PEPs.")
def test_no_other_version_is_advertised(conversation: Conversation) -> None:
    texts = [f"{answer.headers}\n{answer.content.decode(errors='replace')}" for answer in conversation.answers]
    types = {found for text in texts for found in _MENTIONED.findall(text)}
    assert types <= {MEDIA_TYPE}, f"these occur: {sorted(types)}"
    documents = [each.content for each in conversation.answers if each.content and each.media_type.endswith("json")]
    versions = {version for document in documents for version in _versions(json.loads(document))}
    assert versions <= {"2.0"}, f"these occur: {versions}"


def _versions(value: Any) -> Iterator[object]:
    """Yield every ``api-version`` in a JSON value."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "api-version":
                yield from member if isinstance(member, list) else [member]
            else:
                yield from _versions(member)
    elif isinstance(value, list):
        for member in value:
            yield from _versions(member)
