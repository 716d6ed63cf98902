"""Attestations that come late, and those that are made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.client.test_attestations import attested
from tests.client.test_staging import Recorder
from tests.index.attesting import attestation, statement

from hatch_staged.client.publication import Step
from hatch_staged.client.sending import POST_BYTES, Execution
from hatch_staged.client.staging import stage
from hatch_staged.errors import ArtifactError, NotAllowedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.conftest import MakeRelease
    from tests.client.upload_server import UploadServer

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.staging import StagedOutcome
    from hatch_staged.client.upload_api import Client

WHEEL = "foo-1.0-py3-none-any.whl"
SDIST = "foo-1.0.tar.gz"


class FakeSigner:
    """Signs with nothing, and remembers what."""

    def __init__(self) -> None:
        self.opened = 0
        self.signed: list[str] = []

    def open(self) -> FakeSigner:
        """Find credentials."""
        self.opened += 1
        return self

    def sign(self, artifact: Artifact) -> bytes:
        """Sign."""
        self.signed.append(artifact.filename)
        return json.dumps(attestation(statement(artifact.filename, artifact.hashes["sha256"]))).encode()


@pytest.fixture
def signer() -> FakeSigner:
    """Return a signer."""
    return FakeSigner()


def staged(client: Client, make_release: MakeRelease, signer: FakeSigner | None = None) -> StagedOutcome:
    reporter = Recorder()
    outcome = stage(
        make_release(),
        client,
        jobs=1,
        reporter=reporter,
        senders={"http-post-bytes": Execution(POST_BYTES, "ours", reporter.notice)},
        make_signer=signer.open if signer else None,
    )
    assert not reporter.notices
    return outcome


def steps(outcome: StagedOutcome) -> dict[str, Step]:
    return {decision.artifact.filename: decision.step for decision in outcome.plan.decisions}


def test_attestations_that_come_late_have_their_files_sent_again(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.attesting = True
    staged(client, make_release)
    path = attested(make_release().artifacts[0].path)

    assert steps(staged(client, make_release)) == {WHEEL: Step.REPLACE, SDIST: Step.KEEP}
    assert json.loads(index.files[WHEEL].attestations) == [json.loads(path.read_bytes())]
    assert index.removed == [WHEEL]

    sent = len(index.asked("POST", "/b/"))
    assert steps(staged(client, make_release)) == {WHEEL: Step.KEEP, SDIST: Step.KEEP}
    assert len(index.asked("POST", "/b/")) == sent, "the third run sends nothing"


@pytest.mark.parametrize(
    ("attesting", "version", "looks"),
    [(False, "1.3", 1), (True, "1.2", 0), (True, "1.x", 0), (True, f"1.{'9' * 5000}", 0)],
    ids=["takes none", "does not tell", "nor so", "nor so long"],
)
def test_files_are_kept_where_sending_them_again_would_change_nothing(
    index: UploadServer, client: Client, make_release: MakeRelease, *, attesting: bool, version: str, looks: int
) -> None:
    index.page_version = version
    staged(client, make_release)
    index.attesting = attesting
    attested(make_release().artifacts[0].path)

    assert steps(staged(client, make_release)) == {WHEEL: Step.KEEP, SDIST: Step.KEEP}
    assert len(index.asked("GET", "/f/")) == looks
    assert index.removed == []


def test_what_has_no_attestation_is_signed_and_what_is_kept_is_not(
    index: UploadServer, client: Client, make_release: MakeRelease, signer: FakeSigner
) -> None:
    index.attesting = True
    made_before = attested(make_release().artifacts[0].path)
    before = made_before.read_bytes()

    staged(client, make_release, signer)

    assert signer.signed == [SDIST]
    assert made_before.read_bytes() == before
    sdist = make_release().artifacts[1]
    assert sdist.attestations[0].path.name == f"{SDIST}.publish.attestation"
    for artifact in make_release().artifacts:
        assert json.loads(index.files[artifact.filename].attestations) == [json.loads(artifact.attestations[0].raw)]
    assert sorted(path.name for path in sdist.path.parent.iterdir() if path.name.startswith(".")) == []

    staged(client, make_release, signer)
    assert signer.signed == [SDIST], "each is on record for ever, so none is made twice"
    assert signer.opened == 1, "nothing to sign needs no credentials"


def test_files_that_were_completed_without_are_signed_and_sent_again(
    index: UploadServer, client: Client, make_release: MakeRelease, signer: FakeSigner
) -> None:
    index.attesting = True
    staged(client, make_release)

    assert steps(staged(client, make_release, signer)) == {WHEEL: Step.REPLACE, SDIST: Step.REPLACE}
    assert signer.signed == [WHEEL, SDIST]
    assert signer.opened == 1
    assert all(file.attestations for file in index.files.values())


def test_an_attestation_that_was_made_meanwhile_is_taken(
    index: UploadServer, client: Client, make_release: MakeRelease, signer: FakeSigner
) -> None:
    """As by the attempt before this one, in the same run."""
    index.attesting = True
    release = make_release(WHEEL)
    attested(release.artifacts[0].path)

    stage(release, client, jobs=1, reporter=Recorder(), make_signer=signer.open)

    assert signer.opened == 0
    assert index.files[WHEEL].attestations


def test_without_credentials_nothing_is_sent(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    def nobody() -> FakeSigner:
        raise NotAllowedError("there are none")

    with pytest.raises(NotAllowedError):
        stage(make_release(), client, jobs=1, reporter=Recorder(), make_signer=nobody)

    assert not index.asked("POST", "/u$")
    assert index.status == "canceled", "the new session, of which nothing came"


def test_an_attestation_that_cannot_be_kept(
    tmp_path: Path, client: Client, make_release: MakeRelease, signer: FakeSigner
) -> None:
    release = make_release(WHEEL)
    (tmp_path / "dist" / f"{WHEEL}.publish.attestation").mkdir()

    with pytest.raises(ArtifactError, match="cannot be written"):
        stage(release, client, jobs=1, reporter=Recorder(), make_signer=signer.open)

    assert sorted(path.name for path in (tmp_path / "dist").iterdir()) == [WHEEL, f"{WHEEL}.publish.attestation"]
