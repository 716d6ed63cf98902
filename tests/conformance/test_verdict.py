"""From the outcomes of checks to verdicts, and how they are shown."""

from __future__ import annotations

import io
import json

from rich.console import Console

from hatch_staged.conformance.requirements import requirements, unobservable
from hatch_staged.conformance.verdict import Outcome, Result, Verdict, as_json, judge, show, show_failures, summary

MUST, SHOULD = "SESSION-CREATE-10", "SESSION-CREATE-16"


def outcome(result: Result, seen: str = "", *, check: str = "test_a.py::test_it", covered: str = MUST) -> Outcome:
    return Outcome(check, (covered,), result, seen)


def verdict(*outcomes: Outcome, on: str = MUST) -> Verdict:
    [found] = [each for each in judge(outcomes) if each.requirement.id == on]
    return found


def shown(*verdicts: Verdict) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(verdicts, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_there_is_one_verdict_on_each_requirement_in_the_order_of_the_pep() -> None:
    assert [each.requirement.id for each in judge([])] == list(requirements())


def test_one_failed_check_fails_its_requirement() -> None:
    found = verdict(
        outcome(Result.PASSED), outcome(Result.FAILED, "200", check="test_b.py::test_other"), outcome(Result.SKIPPED)
    )
    assert (found.result, found.seen, found.checks) == (Result.FAILED, "200", ("test_b.py::test_other",))


def test_one_check_that_passed_is_enough_beside_skipped_ones() -> None:
    assert verdict(outcome(Result.SKIPPED, "no --simple"), outcome(Result.PASSED)).result is Result.PASSED


def test_a_requirement_is_skipped_if_all_of_its_checks_are_and_each_reason_is_told_once() -> None:
    found = verdict(outcome(Result.SKIPPED, "no"), outcome(Result.SKIPPED, "nor"), outcome(Result.SKIPPED, "no"))
    assert (found.result, found.seen) == (Result.SKIPPED, "no; nor")


def test_what_was_not_tried_is_skipped() -> None:
    assert verdict().result is Result.SKIPPED
    assert verdict().seen == "not tried in this run"


def test_what_cannot_be_observed_is_skipped_with_its_reason() -> None:
    identifier, reason = next(iter(unobservable().items()))
    found = verdict(on=identifier)
    assert (found.result, found.seen, found.checks) == (Result.SKIPPED, reason, ())


def test_a_check_of_another_requirement_says_nothing() -> None:
    assert verdict(outcome(Result.FAILED, covered=SHOULD)).result is Result.SKIPPED


def test_only_a_must_that_failed_is_fatal() -> None:
    assert verdict(outcome(Result.FAILED)).fatal
    assert not verdict(outcome(Result.FAILED, covered=SHOULD), on=SHOULD).fatal
    assert not verdict(outcome(Result.PASSED)).fatal
    assert not verdict(outcome(Result.SKIPPED)).fatal


def test_the_sum_tells_how_many_of_the_failed_are_musts() -> None:
    found = judge([outcome(Result.FAILED), outcome(Result.FAILED, covered=SHOULD), outcome(Result.PASSED, covered="x")])
    assert summary(found) == f"0 passed, 2 failed (1 of them MUST), {len(requirements()) - 2} skipped"
    assert summary([verdict(outcome(Result.PASSED))]) == "1 passed, 0 failed (0 of them MUST), 0 skipped"


def test_the_sum_tells_how_many_an_option_would_let_it_try() -> None:
    found = [verdict(outcome(Result.SKIPPED, "--simple was not given")), verdict(outcome(Result.SKIPPED, "no stage"))]
    assert summary(found).endswith("2 skipped (1 of them for want of an option)")
    assert not any(each.wants_option for each in judge([]))


def test_failures_are_lines_below_their_sections_and_the_same_is_told_once() -> None:
    found = judge(
        [
            outcome(Result.FAILED, "created with [bold] 200 " + "x" * 300, covered=MUST),
            outcome(Result.FAILED, "created with [bold] 200 " + "x" * 300, covered="SESSION-CREATE-11"),
            outcome(Result.FAILED, "a second one", covered="SESSION-MULTIPLE-02"),
            outcome(Result.PASSED, covered=SHOULD),
        ]
    )
    console = Console(file=io.StringIO(), width=80)
    show_failures(found, console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        "Create a Publishing Session",
        f"  {MUST} (MUST), SESSION-CREATE-11 (MUST): created with [bold] 200 {'x' * 300}",
        "Multiple Session Creation Requests",
        "  SESSION-MULTIPLE-02 (MUST): a second one",
    ]


def test_a_section_is_a_table_with_what_was_seen() -> None:
    text = shown(verdict(outcome(Result.FAILED, "created with [bold] 200")), verdict(on="SESSION-MULTIPLE-02"))
    first, second = text.split("Multiple Session Creation Requests")
    assert first.startswith("Create a Publishing Session")
    assert all(word in first for word in ("SESSION-CREATE-10", "MUST", "failed", "created with [bold] 200"))
    assert all(word in second for word in ("SESSION-MULTIPLE-02", "MUST", "skipped", "not tried in this run"))


def test_json_has_the_index_and_all_that_is_known_of_each_requirement() -> None:
    found = json.loads(as_json([verdict(outcome(Result.FAILED, "200"))], "https://index.test/upload/"))
    requirement = requirements()[MUST]
    assert found == {
        "index": "https://index.test/upload/",
        "requirements": [
            {
                "id": MUST,
                "level": "MUST",
                "section": "Create a Publishing Session",
                "quote": requirement.quote,
                "result": "failed",
                "seen": "200",
                "checks": ["test_a.py::test_it"],
            }
        ],
    }
