"""Attestations made with what the machine is known by: ambient credentials, as CI services have them, and Sigstore.

The only importer of pypi_attestations and sigstore, which take a second to be imported.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from hatch_staged.client.answers import printable
from hatch_staged.errors import ConfigurationError, NotAllowedError, StagedError
from hatch_staged.redaction import hide

if TYPE_CHECKING:
    from sigstore.oidc import IdentityToken
    from sigstore.sign import Signer as SigstoreSigner

    from hatch_staged.client.artifacts import Artifact


class Signer(Protocol):
    """Makes attestations."""

    def sign(self, artifact: Artifact) -> bytes:
        """Return an attestation that `artifact` was published by us, as JSON; raise `StagedError` if that fails."""


#: Gives a signer, or raises `StagedError`: that takes time, and only a release with something to sign needs one.
MakeSigner = Callable[[], Signer]


def require_extra() -> None:
    """Raise `ConfigurationError` without the extra ``attestations``."""
    if find_spec("pypi_attestations") is None:
        raise ConfigurationError(
            "-o attest=true needs the extra `attestations`",
            hint="install hatch-staged[attestations] in the environment that Hatch is in",
        )


def ambient_signer() -> Signer:
    """Return a signer with this machine's ambient credentials.

    Raises `ConfigurationError` without the extra ``attestations``, `NotAllowedError` without such credentials.
    """
    require_extra()
    from sigstore.oidc import IdentityError, IdentityToken, detect_credential  # noqa: PLC0415 - see above

    try:
        token = detect_credential()
        hide(token)
        identity = None if token is None else IdentityToken(token)
    except Exception as error:  # as in trusted publishing, it lets pass what urllib3, json and subprocess raise
        told = printable(str(error)) if isinstance(error, IdentityError) else type(error).__name__
        raise NotAllowedError(f"the ambient credentials cannot be used: {told}") from error
    if identity is None:
        raise NotAllowedError(
            "-o attest=true needs ambient credentials, and there are none on this machine",
            hint="run it in CI with an identity: on GitHub, with `permissions: id-token: write`",
        )
    try:
        return Sigstore(_signer(identity))
    except Exception as error:  # the network, a root of trust that has changed: none of it is documented
        raise _failed(error) from error


def _signer(identity: IdentityToken) -> SigstoreSigner:
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - see above
    from sigstore.sign import Signer as SigstoreSigner  # noqa: PLC0415
    from sigstore.sign import SigningContext  # noqa: PLC0415

    trust = ClientTrustConfig.production()
    # As pypi-attestations has it: an attestation has no place for what the second version of the log gives.
    trust.force_tlog_version = 1
    return SigstoreSigner(identity, SigningContext.from_trust_config(trust))


class Sigstore:
    """A `Signer` with Sigstore's, which has the identity and one certificate for all that it signs."""

    def __init__(self, signer: SigstoreSigner) -> None:
        self._signer = signer

    def sign(self, artifact: Artifact) -> bytes:
        """Return an attestation of publication; it is in the public log then."""
        from pypi_attestations import Attestation, Distribution  # noqa: PLC0415 - see above

        try:
            distribution = Distribution(name=artifact.filename, digest=artifact.hashes["sha256"])
            return bytes(Attestation.sign(self._signer, distribution).model_dump_json().encode())
        except Exception as error:
            raise _failed(error) from error


def _failed(error: Exception) -> StagedError:
    told = printable(str(error)) or type(error).__name__
    return StagedError(f"the attestation cannot be made: {told}", hint="try again, or leave out -o attest=true")
