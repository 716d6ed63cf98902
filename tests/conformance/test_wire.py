"""What the suite sends, what it keeps of an answer, and how many requests it may make."""

from __future__ import annotations

import base64
import json

import pytest
from tests.conformance.fake_index import TOKEN, FakeIndex, Reply, reply

from hatch_staged.conformance.wire import META, Answer, NoAnswerError, Principal, Wire


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def answered(fake: FakeIndex, owner: Principal, answer: Reply) -> Answer:
    fake.script["GET", "/it"] = [answer]
    return owner.get(f"{fake.origin}/it")


# Requests


def test_the_token_is_sent_as_the_password_of_the_token_user(fake: FakeIndex, owner: Principal) -> None:
    owner.get(f"{fake.origin}/it")
    assert fake.seen[0].headers["authorization"] == basic("__token__", TOKEN)


def test_the_token_is_sent_as_a_bearer_if_that_is_the_scheme(fake: FakeIndex, wire: Wire) -> None:
    Principal(wire, TOKEN, "Bearer").get(f"{fake.origin}/it")
    assert fake.seen[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_the_token_may_be_the_password_of_another_user(fake: FakeIndex, wire: Wire) -> None:
    Principal(wire, TOKEN, user="alice").get(f"{fake.origin}/it")
    assert fake.seen[0].headers["authorization"] == basic("alice", TOKEN)


def test_without_a_token_there_are_no_credentials(fake: FakeIndex, wire: Wire) -> None:
    assert Principal(wire).get(f"{fake.origin}/it").status == 401
    assert "authorization" not in fake.seen[0].headers


def test_every_request_but_one_with_bytes_has_the_standard_content_type(fake: FakeIndex, owner: Principal) -> None:
    url = f"{fake.origin}/it"
    owner.get(url)
    owner.delete(url)
    owner.post(url)
    owner.send(url, b"bytes")
    kinds = [(seen.method, seen.headers["content-type"]) for seen in fake.seen]
    standard = "application/vnd.pypi.upload.v2+json"
    assert kinds == [
        ("GET", standard),
        ("DELETE", standard),
        ("POST", standard),
        ("POST", "application/octet-stream"),
    ]


def test_a_message_is_sent_as_json_and_nothing_to_say_is_only_meta(fake: FakeIndex, owner: Principal) -> None:
    owner.post(f"{fake.origin}/it", {})
    owner.post(f"{fake.origin}/it")
    assert [json.loads(seen.body) for seen in fake.seen] == [{}, {"meta": META}]


def test_further_headers_are_added_or_replace_ours(fake: FakeIndex, owner: Principal) -> None:
    owner.get(f"{fake.origin}/it", Accept_Language="de", Content_Type="text/plain")
    assert fake.seen[0].headers["accept-language"] == "de"
    assert fake.seen[0].headers["content-type"] == "text/plain"


def test_nobody_is_taken_for_somebody_else_by_a_cookie(fake: FakeIndex, owner: Principal, wire: Wire) -> None:
    answered(fake, owner, Reply(200, headers={"Set-Cookie": "who=the-owner; Path=/"}))
    Principal(wire).get(f"{fake.origin}/it")
    assert "cookie" not in fake.seen[1].headers


# Answers


def test_an_answer_is_kept_in_the_journal(fake: FakeIndex, owner: Principal) -> None:
    answer = answered(fake, owner, reply(200, {"a": 1}))
    assert owner.wire.journal == [answer]
    assert answer.json() == {"a": 1}


@pytest.mark.parametrize(
    ("status", "ok", "refused"), [(200, True, False), (302, False, False), (409, False, True), (500, False, False)]
)
def test_an_answer_is_a_success_or_a_refusal_or_neither(
    fake: FakeIndex, owner: Principal, status: int, *, ok: bool, refused: bool
) -> None:
    answer = answered(fake, owner, Reply(status))
    assert (answer.ok, answer.refused) == (ok, refused)


def test_redirects_are_not_followed(fake: FakeIndex, owner: Principal) -> None:
    assert answered(fake, owner, Reply(302, headers={"Location": "/elsewhere"})).status == 302
    assert len(fake.seen) == 1


def test_redirects_are_followed_if_that_is_asked_for_but_not_for_ever(fake: FakeIndex, owner: Principal) -> None:
    fake.script["GET", "/a"] = [Reply(302, headers={"Location": "/b"})]
    fake.script["GET", "/b"] = [Reply(307, headers={"Location": f"{fake.origin}/c"})]
    fake.script["GET", "/c"] = [Reply(200, b"there")]
    fake.script["GET", "/round"] = [Reply(301, headers={"Location": "/round"})]
    assert owner.follow(f"{fake.origin}/a", Accept="text/html").content == b"there"
    assert [seen.headers["accept"] for seen in fake.seen] == ["text/html"] * 3
    assert owner.follow(f"{fake.origin}/round").status == 301


def test_the_token_does_not_follow_to_another_origin_and_back(fake: FakeIndex, owner: Principal) -> None:
    with FakeIndex() as another:
        fake.script["GET", "/a"] = [Reply(302, headers={"Location": f"{another.origin}/b"})]
        another.script["GET", "/b"] = [Reply(302, headers={"Location": f"{fake.origin}/c"})]
        fake.script["GET", "/c"] = [Reply(200)]
        assert owner.follow(f"{fake.origin}/a").ok
    assert ["authorization" in seen.headers for seen in (*fake.seen, *another.seen)] == [True, False, False]


def test_the_media_type_is_without_parameters(fake: FakeIndex, owner: Principal) -> None:
    assert answered(fake, owner, Reply(200, headers={"Content-Type": "Text/HTML; a=b"})).media_type == "text/html"
    assert answered(fake, owner, Reply(200)).media_type == ""


def test_a_relative_location_is_made_absolute(fake: FakeIndex, owner: Principal) -> None:
    answer = answered(fake, owner, Reply(201, headers={"Location": "sessions/1"}))
    assert answer.location == f"{fake.origin}/sessions/1"


def test_an_absolute_location_is_left_as_it_is(fake: FakeIndex, owner: Principal) -> None:
    url = "HTTP://Index.test:80/sessions/%7Ea/../1"
    assert answered(fake, owner, Reply(201, headers={"Location": url})).location == url


def test_a_location_that_is_not_there_fails_the_check(fake: FakeIndex, owner: Principal) -> None:
    answer = answered(fake, owner, Reply(201))
    with pytest.raises(AssertionError, match="there is no Location header"):
        answer.location  # noqa: B018 - it is a property


def test_retry_after_is_read_in_seconds(fake: FakeIndex, owner: Principal) -> None:
    assert answered(fake, owner, Reply(202, headers={"Retry-After": "3"})).retry_after == 3
    assert (
        answered(fake, owner, Reply(202, headers={"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})).retry_after is None
    )
    assert answered(fake, owner, Reply(202)).retry_after is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[]"])
def test_a_body_that_is_no_json_object_fails_the_check(fake: FakeIndex, owner: Principal, body: bytes) -> None:
    answer = answered(fake, owner, Reply(200, body))
    with pytest.raises((AssertionError, pytest.fail.Exception), match="the body is not"):
        answer.json()


def test_a_key_that_is_missing_in_a_body_fails_the_check_and_says_so(fake: FakeIndex, owner: Principal) -> None:
    body = answered(fake, owner, reply(200, {"links": {"a": "b"}})).json()
    assert body == {"links": {"a": "b"}}
    with pytest.raises(AssertionError, match=r"session is missing in: \{'a': 'b'\}"):
        body["links"]["session"]


def test_an_exchange_is_shown_in_a_line_without_credentials(fake: FakeIndex, owner: Principal) -> None:
    answer = answered(fake, owner, Reply(404, b"not\n  here " + b"x" * 1000))
    shown = str(answer)
    assert shown.startswith(f"GET {fake.origin}/it -> 404 not here xxx")
    assert len(shown) < 400
    assert "\n" not in shown
    assert TOKEN not in repr(answer)
    assert basic("__token__", TOKEN).partition(" ")[2] not in repr(answer)


# Limited rates


def test_an_index_that_limits_the_rate_of_requests_is_asked_again_as_late_as_it_says(fake: FakeIndex) -> None:
    slept: list[float] = []
    wire = Wire(limit=5, sleep=slept.append)
    limited = [Reply(429, headers={"Retry-After": told}) for told in ("7", "0", "Fri, 31 Dec 1999 23:59:59 GMT")]
    fake.script["GET", "/it"] = [*limited, Reply(200)]
    answer = Principal(wire).get(f"{fake.origin}/it")
    assert answer.status == 200
    assert wire.journal == [answer]
    assert slept == [7, 1, 1]
    wire.close()


def test_who_limits_the_rate_for_too_long_ends_the_run(fake: FakeIndex) -> None:
    slept: list[float] = []
    wire = Wire(limit=20, sleep=slept.append)
    fake.script["GET", "/it"] = [Reply(429, headers={"Retry-After": "12"})]
    with pytest.raises(pytest.exit.Exception, match="the index limits the rate of requests"):
        Principal(wire).get(f"{fake.origin}/it")
    assert slept == [12, 12]
    wire.close()


# The end


def test_no_answer_at_all_fails_the_check_without_the_token(wire: Wire) -> None:
    with pytest.raises(NoAnswerError, match=r"GET http://127\.0\.0\.1:1/ got no answer") as caught:
        Principal(wire, TOKEN).get("http://127.0.0.1:1/")
    assert TOKEN not in str(caught.value)


def test_what_is_no_url_gets_no_answer(wire: Wire) -> None:
    with pytest.raises(NoAnswerError, match="got no answer"):
        Principal(wire).get("http://[")


def test_too_many_requests_end_the_run(fake: FakeIndex) -> None:
    wire = Wire(limit=2)
    person = Principal(wire)
    for _ in range(2):
        person.get(f"{fake.origin}/it")
    with pytest.raises(pytest.exit.Exception, match="the suite has made 2 requests and stops"):
        person.get(f"{fake.origin}/it")
    assert len(fake.seen) == 2
    wire.close()


def test_a_run_that_takes_too_long_is_ended(fake: FakeIndex) -> None:
    wire = Wire(limit=20, seconds=-60)
    with pytest.raises(pytest.exit.Exception, match="the suite has run for -1 minutes and stops"):
        Principal(wire).get(f"{fake.origin}/it")
    assert fake.seen == []
    wire.close()


def test_a_run_that_was_ended_may_tidy_up(fake: FakeIndex) -> None:
    wire = Wire(limit=0, seconds=-60)
    wire.extend(requests=1, seconds=60)
    assert Principal(wire).get(f"{fake.origin}/it").status == 401
    wire.close()


def test_an_answer_that_is_too_large_is_none(fake: FakeIndex, owner: Principal) -> None:
    fake.script["GET", "/it"] = [Reply(200, bytes(17 * 2**20))]
    with pytest.raises(NoAnswerError, match="got an answer of more than 16 MiB"):
        owner.get(f"{fake.origin}/it")


def test_an_answer_that_does_not_end_is_none(
    fake: FakeIndex, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hatch_staged.conformance.wire._TIMEOUT", -1.0)
    with pytest.raises(NoAnswerError, match="got an answer that does not end"):
        answered(fake, owner, Reply(200, b"x"))


def test_the_journal_has_no_large_bodies(fake: FakeIndex, owner: Principal) -> None:
    answer = answered(fake, owner, Reply(200, bytes(2**17)))
    assert len(answer.content) == 2**17
    assert [kept.content for kept in owner.wire.journal] == [b""]
