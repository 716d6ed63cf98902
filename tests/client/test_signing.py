"""Attestations with ambient credentials, of which there are none here."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.client.upload_server import Reply, UploadServer, reply
from tests.hiding import hidden

from hatch_staged.client.signing import Sigstore, ambient_signer, require_extra
from hatch_staged.errors import ConfigurationError, NotAllowedError, StagedError

if TYPE_CHECKING:
    from tests.client.conftest import MakeRelease

_CI = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypi_attestations", None)

    for attempt in (require_extra, ambient_signer):
        with pytest.raises(ConfigurationError, match="needs the extra `attestations`") as caught:
            attempt()
        assert caught.value.exit_code == 2


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypi_attestations")
    for name in _CI:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    require_extra()

    with pytest.raises(NotAllowedError, match="ambient credentials, and there are none") as caught:
        ambient_signer()

    assert caught.value.exit_code == 4
    assert "id-token: write" in caught.value.hint


def test_credentials_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypi_attestations")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name in ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(NotAllowedError, match="the ambient credentials cannot be used"):
        ambient_signer()


@pytest.mark.parametrize("answer", [Reply(500, b"\xff"), reply(500, "s3cret-of-the-job at https://u:pw@i.example/")])
def test_a_service_that_fails(index: UploadServer, monkeypatch: pytest.MonkeyPatch, answer: Reply) -> None:
    pytest.importorskip("pypi_attestations")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret-of-the-job")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{index.origin}/proof?v=1")
    index.script("GET", "/proof", replace(answer, headers={"Connection": "close"}))

    with (
        hidden("s3cret-of-the-job"),
        pytest.raises(NotAllowedError, match="the ambient credentials cannot be used") as caught,
    ):
        ambient_signer()

    assert "s3cret" not in caught.value.what
    assert "pw" not in caught.value.what


def test_credentials_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypi_attestations")
    for name in _CI:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "verysecret")

    with pytest.raises(NotAllowedError, match="the ambient credentials cannot be used") as caught:
        ambient_signer()

    assert "verysecret" not in str(caught.value)


def test_what_is_signed_and_that_it_can_fail(make_release: MakeRelease) -> None:
    pytest.importorskip("pypi_attestations")
    artifact = make_release().artifacts[0]
    statements: list[Any] = []

    class Expired:
        def sign_dsse(self, statement: Any) -> None:
            statements.append(json.loads(statement._contents))  # noqa: SLF001 # it has no other way to be read
            raise RuntimeError("the identity\nhas expired")

    with pytest.raises(StagedError, match="the attestation cannot be made: the identity has expired") as caught:
        Sigstore(cast("Any", Expired())).sign(artifact)

    assert "leave out -o attest=true" in caught.value.hint
    [said] = statements
    assert said["subject"] == [{"name": artifact.filename, "digest": dict(artifact.hashes)}]
    assert said["predicateType"] == "https://docs.pypi.org/attestations/publish/v1"
