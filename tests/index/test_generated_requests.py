"""Requests that are made up from the index's own description of itself: no 500, no leak, nothing undescribed.

`HATCH_STAGED_FUZZ` says how many a method gets; some for each run of the tests, more for a long one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import checks
from tests.index.building import build

from hatch_staged.index import openapi, urls
from hatch_staged.index.app import create_app

if TYPE_CHECKING:
    from schemathesis import BaseSchema, Case
    from starlette.types import Receive, Scope, Send
    from tests.index.conftest import Api

    from hatch_staged.index.core import Index

EXAMPLES = int(os.environ.get("HATCH_STAGED_FUZZ", "5"))
OPERATIONS = [(path, method) for path, methods in openapi.OPERATIONS.items() for method in methods]
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


@pytest.fixture
def schema(index: Index) -> BaseSchema:
    """Return the description, with the application that it is of."""
    app = create_app(index)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            # Whoever starts it here does not end it before the database is gone.
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await app(scope, receive, send)

    return schemathesis.openapi.from_asgi(urls.OPENAPI, served)


@pytest.fixture
def existing(api: Api) -> dict[str, list[str]]:
    """Return what stands in the paths of what is there: an open session, one that was published, and their files."""
    published, opened = api.create(), api.create(version="1.1")
    for session, version in ((published, "1.0"), (opened, "1.1")):
        for filename in (f"foo-{version}-py3-none-any.whl", f"foo-{version}.tar.gz"):
            api.stage(session, build(filename))
    pending = api.post(opened["links"]["upload"], build("foo-1.1-1-py3-none-any.whl").declared()).json()
    assert api.post(published["links"]["publish"]).status_code == 201
    return {
        "session_id": [each["links"]["session"].split("/")[-2] for each in (opened, published)],
        "session_token": [opened["session-token"], published["session-token"]],
        "file_id": [
            link.split("/")[-2]
            for link in (
                pending["links"]["file-upload-session"],
                *(file["link"] for file in api.get(opened["links"]["session"]).json()["files"].values()),
            )
        ],
        "project": ["foo", "Foo", "bar"],
        "sha256": [build("foo-1.0.tar.gz").sha256],
        "filename": ["foo-1.0.tar.gz", "foo-1.0.tar.gz.metadata", "foo-1.1.tar.gz"],
    }


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_are_as_described(  # noqa: PLR0917 - fixtures
    schema: BaseSchema, api: Api, existing: dict[str, list[str]], path: str, method: str, tmp_path: Path
) -> None:
    operation = schema[path][method]
    # No literals: Hypothesis takes those in the code for interesting input, which is echoed.
    secrets = [api.secret, str(tmp_path), *(str(Path(str(each.__file__)).parent) for each in (openapi, schemathesis))]

    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize="HATCH_STAGED_FUZZ" not in os.environ,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(), data=st.data())
    def run(case: Case[Any], data: Any) -> None:
        for name in case.path_parameters or {}:
            known = data.draw(st.sampled_from([None, *existing[name]]))
            if known is not None:
                case.path_parameters[name] = known
        headers = data.draw(st.sampled_from([{"Authorization": f"Bearer {api.secret}"}] * 4 + [{}]))
        answer = case.call(headers=headers, allow_redirects=False)
        case.validate_response(answer, checks=CHECKS)
        told = answer.content + str(answer.headers).encode()
        assert [secret for secret in secrets if secret.encode() in told] == []

    run()
