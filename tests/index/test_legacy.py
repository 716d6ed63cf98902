"""Uploads with the legacy API, as a use case."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.index import attesting, forms, uploading
from tests.index.building import build, metadata_of

from hatch_staged.index import catalogue, legacy, projects, sessions, tokens
from hatch_staged.index.configuration import Limits
from hatch_staged.index.objects import MemoryObjects
from hatch_staged.index.records import Permission
from hatch_staged.index.refusals import (
    ConflictingError,
    ForbiddenError,
    InvalidRequestError,
    RefusedError,
    TooLargeError,
    UnknownError,
)
from hatch_staged.protocol.states import SessionState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.index.conftest import Clock
    from tests.index.forms import Field

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.multipart import Part
    from hatch_staged.index.records import Artifact

WHEEL = build()
SDIST = build("foo-1.0.tar.gz")


def upload(index: Index, principal: Principal, fields: list[Field] | None = None) -> Artifact:
    """Upload a form; by default the one with `WHEEL`."""
    return asyncio.run(legacy.upload(index, principal, forms.parts(fields or forms.form(WHEEL))))


def refused(index: Index, principal: Principal, fields: list[Field], kind: type[RefusedError]) -> RefusedError:
    """Expect that a form is refused and leaves nothing."""
    before = list(index.objects.list())
    with pytest.raises(kind) as caught:
        upload(index, principal, fields)
    assert list(index.objects.list()) == before
    return caught.value


def source(index: Index, principal: Principal, fields: list[Field]) -> str:
    """Return the field that a form is refused for."""
    [error] = refused(index, principal, fields, InvalidRequestError).errors
    return error.source


@pytest.mark.parametrize("filename", ["foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"])
def test_file_is_published_at_once(index: Index, alice: Principal, clock: Clock, filename: str) -> None:
    built = build(filename)
    upload(index, alice, forms.form(built))
    assert catalogue.projects(index) == ("foo",)
    [artifact] = catalogue.published(index, "foo").artifacts
    assert (artifact.filename, artifact.size, artifact.hashes) == (filename, len(built.data), {"sha256": built.sha256})
    assert (artifact.version, artifact.requires_python, artifact.upload_time) == ("1.0", ">=3.8", clock.now)
    assert artifact == catalogue.published_file(index, built.sha256, filename)
    assert catalogue.core_metadata(index, artifact) == built.metadata
    with index.objects.open(artifact.object_key) as stored:
        assert stored.read() == built.data


def test_result_is_what_is_published(index: Index, alice: Principal) -> None:
    assert upload(index, alice) == catalogue.published(index, "foo").artifacts[0]


def test_several_files_of_a_release(index: Index, alice: Principal) -> None:
    for filename in ("foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl", "foo-1.1.tar.gz"):
        upload(index, alice, forms.form(build(filename)))
    assert len(catalogue.published(index, "foo").artifacts) == 3


def test_project_belongs_to_whoever_uploads_first(index: Index, alice: Principal, bob: Principal) -> None:
    upload(index, alice)
    refused(index, bob, forms.form(build("foo-1.1.tar.gz")), ForbiddenError)
    with pytest.raises(ForbiddenError):
        sessions.create(index, bob, name="foo", version="1.1")
    sessions.create(index, alice, name="foo", version="1.1")


@pytest.mark.parametrize("published", ["legacy", "session"])
@pytest.mark.parametrize("spelling", ["foo-1.0-py3-none-any.whl", "Foo-1.0.0-py3-none-any.whl"])
def test_published_name_is_taken(index: Index, alice: Principal, published: str, spelling: str) -> None:
    if published == "legacy":
        upload(index, alice)
    else:
        session = sessions.create(index, alice, name="foo", version="1.0").session
        uploading.stage(index, alice, session, WHEEL)
        sessions.publish(index, alice, session.id)
    error = refused(index, alice, forms.form(build(spelling, content=b"other")), ConflictingError)
    assert error.detail == "foo-1.0-py3-none-any.whl is published; published files cannot be replaced."


@pytest.mark.parametrize(("overtaker", "kind"), [("alice", ConflictingError), ("bob", ForbiddenError)])
def test_name_that_is_taken_while_the_bytes_come(
    index: Index, principal: Callable[..., Principal], overtaker: str, kind: type[RefusedError]
) -> None:
    alice, faster = principal("alice"), principal(overtaker)

    async def overtaken(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in content:
            yield chunk
        await legacy.upload(index, faster, forms.parts(forms.form(WHEEL)))

    async def slow() -> AsyncIterator[Part]:
        async for part in forms.parts(forms.form(build(content=b"other"))):
            yield replace(part, content=overtaken(part.content)) if part.name == "content" else part

    with pytest.raises(kind):
        asyncio.run(legacy.upload(index, alice, slow()))
    assert len(list(index.objects.list())) == 1
    [artifact] = catalogue.published(index, "foo").artifacts
    assert artifact.hashes == {"sha256": WHEEL.sha256}


def test_name_that_a_publication_in_processing_has_reserved_is_taken(index: Index, alice: Principal) -> None:
    deferring = replace(index, limits=Limits(immediate_files=0))
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, WHEEL)
    assert sessions.publish(deferring, alice, session.id).session.state is SessionState.PROCESSING
    for spelling in (WHEEL.filename, "Foo-1.0.0-py3-none-any.whl"):
        error = refused(index, alice, forms.form(build(spelling, content=b"other")), ConflictingError)
        assert error.detail == "foo-1.0-py3-none-any.whl is published; published files cannot be replaced."
    upload(index, alice, forms.form(build("foo-1.0.tar.gz")))
    assert [each.filename for each in catalogue.published(index, "foo").artifacts] == ["foo-1.0.tar.gz"]


def test_members_of_a_project_may_upload(index: Index, alice: Principal, bob: Principal) -> None:
    upload(index, alice)
    projects.add_member(index, "foo", "bob")
    upload(index, bob, forms.form(build("foo-1.1.tar.gz")))


def test_published_files_of_a_project_have_a_limit_together(index: Index, alice: Principal) -> None:
    small = replace(index, limits=Limits(project_size=len(WHEEL.data)))
    upload(small, alice)
    refused(small, alice, forms.form(build("foo-1.1.tar.gz")), ConflictingError)


def test_file_that_is_only_staged_is_no_conflict(index: Index, alice: Principal) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, WHEEL)
    upload(index, alice)
    with pytest.raises(ConflictingError, match="Published files cannot be replaced"):
        sessions.publish(index, alice, session.id)


def test_reserved_project_is_its_owners(index: Index, alice: Principal, bob: Principal) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    refused(index, bob, forms.form(WHEEL), ForbiddenError)
    upload(index, alice)
    sessions.cancel(index, alice, session.id)
    assert catalogue.projects(index) == ("foo",)


def test_reservation_by_an_expired_session_is_none(
    index: Index, alice: Principal, bob: Principal, clock: Clock
) -> None:
    sessions.create(index, alice, name="foo", version="1.0")
    clock.advance(seconds=index.limits.session_lifetime)
    upload(index, bob)


@pytest.mark.parametrize("allowed", [Permission.STAGE, Permission.PUBLISH])
def test_token_needs_both_permissions(index: Index, principal: Callable[..., Principal], allowed: Permission) -> None:
    refused(index, principal("alice", permissions=[allowed]), forms.form(WHEEL), ForbiddenError)
    assert catalogue.projects(index) == ()
    upload(index, principal("alice", permissions=[Permission.ADMIN]))


def test_token_that_is_revoked_while_the_bytes_come_publishes_nothing(index: Index, alice: Principal) -> None:
    async def revoking(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in content:
            tokens.revoke(index, alice.token_id)
            yield chunk

    async def form() -> AsyncIterator[Part]:
        async for part in forms.parts(forms.form(WHEEL)):
            yield replace(part, content=revoking(part.content)) if part.name == "content" else part

    with pytest.raises(ForbiddenError, match="was revoked"):
        asyncio.run(legacy.upload(index, alice, form()))
    assert catalogue.projects(index) == ()
    assert list(index.objects.list()) == []


def test_stranger_learns_nothing_of_what_is_published(index: Index, alice: Principal, bob: Principal) -> None:
    upload(index, alice)
    refused(index, bob, forms.form(WHEEL), ForbiddenError)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"action": "submit"}, ":action"),
        ({"without": ":action"}, ":action"),
        ({"protocol_version": "2"}, "protocol_version"),
        ({"without": "protocol_version"}, "protocol_version"),
        ({"name": "bar"}, "name"),
        ({"without": "name"}, "name"),
        ({"version": "1.1"}, "version"),
        ({"version": "one"}, "version"),
        ({"version": "1" * 5000}, "version"),
        ({"without": "version"}, "version"),
        ({"filetype": "sdist"}, "filetype"),
        ({"filetype": "bdist_egg"}, "filetype"),
        ({"without": "filetype"}, "filetype"),
        ({"md5_digest": "0" * 32}, "md5_digest"),
        ({"sha256_digest": "0" * 64}, "sha256_digest"),
        ({"blake2_256_digest": ""}, "blake2_256_digest"),
        ({"attestations": "{}"}, "attestations"),
        ({"attestations": "no JSON"}, "attestations"),
        ({"attestations": json.dumps([attesting.of(SDIST)])}, "attestations"),
        ({"without": "content"}, "content"),
    ],
)
def test_wrong_form_names_the_field(index: Index, alice: Principal, change: dict[str, str], wrong: str) -> None:
    fields = forms.form(WHEEL, **change)
    if change.get("without") == "content":
        fields.pop()
    assert source(index, alice, fields) == wrong


def test_order_of_the_fields_does_not_matter(index: Index, alice: Principal) -> None:
    fields = forms.form(WHEEL)
    assert source(index, alice, [*fields[::-1][:-1], (":action", b"submit", None)]) == ":action"
    upload(index, alice, fields[::-1])


def test_other_spellings_of_name_version_and_digests(index: Index, alice: Principal) -> None:
    upload(index, alice, forms.form(WHEEL, name="FOO", version="1", sha256_digest=WHEEL.sha256.upper()))


def test_one_digest_is_needed_and_is_enough(index: Index, alice: Principal) -> None:
    fields = [each for each in forms.form(WHEEL) if not each[0].endswith("digest")]
    assert source(index, alice, fields) == "sha256_digest"
    upload(index, alice, [*fields, ("sha256_digest", WHEEL.sha256.encode(), None)])


def test_attestations_and_signatures_are_taken(index: Index, alice: Principal) -> None:
    fields = forms.form(WHEEL, attestations="[]")
    assert not upload(index, alice, [*fields, ("gpg_signature", b"signature", "foo.asc")]).attested
    attested = upload(index, alice, forms.form(SDIST, attestations=json.dumps([attesting.of(SDIST)])))
    assert attested.attested
    assert catalogue.published_file(index, SDIST.sha256, SDIST.filename) == attested
    [bundle] = json.loads(catalogue.provenance(index, attested))["attestation_bundles"]
    assert bundle["attestations"] == [attesting.of(SDIST)]


@pytest.mark.parametrize("filename", [None, "", "foo.zip", "../foo-1.0.tar.gz", "foo-1.0-1.tar.gz\0"])
def test_file_needs_the_name_of_a_distribution(index: Index, alice: Principal, filename: str | None) -> None:
    assert source(index, alice, [*forms.form(WHEEL)[:-1], ("content", WHEEL.data, filename)]) in {"content", "filename"}


def test_fields_that_say_a_file_come_once(index: Index, alice: Principal) -> None:
    fields = forms.form(WHEEL)
    for each in fields:
        if each[0] != "description":
            assert source(index, alice, [*fields, each]) == each[0]
    upload(index, alice, [*fields, fields[-2]])


def test_file_that_is_not_valid(index: Index, alice: Principal) -> None:
    lying = build(metadata=metadata_of("foo", "1.1"))
    assert source(index, alice, forms.form(lying)) == lying.filename
    with pytest.raises(UnknownError):
        catalogue.published(index, "foo")
    # and the name is nobody's
    with index.database.reading() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM projects").scalar() == 0


def test_limits(index: Index, alice: Principal) -> None:
    small = replace(index, limits=Limits(file_size=len(WHEEL.data), form_size=1000, request_size=200))
    upload(small, alice)
    other = build("foo-1.1-py3-none-any.whl", content=b"content.")
    for fields in (
        forms.form(other),
        forms.form(build("foo-1.0.tar.gz"), description="x" * 1000),
        forms.form(build("foo-1.0.tar.gz"), name="x" * 201),
        [*forms.form(build("foo-1.0.tar.gz")), *[("classifiers", b"", None)] * 10_000],
    ):
        refused(small, alice, fields, TooLargeError)


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_names_of_fields_are_bounded(index: Index, alice: Principal, name: str) -> None:
    refused(index, alice, [(name, b"", None), *forms.form(WHEEL)], InvalidRequestError)


def test_name_is_refused_before_the_bytes_come(index: Index, alice: Principal, bob: Principal) -> None:
    upload(index, alice)

    async def never() -> AsyncIterator[bytes]:
        assert not WHEEL.data, "nobody needs to send this"
        yield b""

    async def begun() -> AsyncIterator[Part]:
        async for part in forms.parts(forms.form(WHEEL)):
            yield replace(part, content=never()) if part.name == "content" else part

    for principal, kind in ((alice, ConflictingError), (bob, ForbiddenError)):
        with pytest.raises(kind):
            asyncio.run(legacy.upload(index, principal, begun()))


def test_upload_that_is_given_up_leaves_nothing(index: Index, alice: Principal) -> None:
    async def until_given_up() -> None:
        stored = asyncio.Event()

        async def begun() -> AsyncIterator[Part]:
            async for part in forms.parts(forms.form(WHEEL)):
                yield part
            stored.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(legacy.upload(index, alice, begun()))
        await stored.wait()
        assert len(list(index.objects.list())) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(until_given_up())
    assert list(index.objects.list()) == []


def test_refusal_keeps_nobody_waiting_while_the_bytes_are_deleted(index: Index, alice: Principal) -> None:
    here, deleting = threading.get_ident(), []

    class Slow(MemoryObjects):
        def delete(self, key: str) -> None:
            deleting.append(threading.get_ident())
            super().delete(key)

    refused(replace(index, objects=Slow()), alice, forms.form(WHEEL, version="2.0"), InvalidRequestError)
    assert len(deleting) == 1
    assert here not in deleting
