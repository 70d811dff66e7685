"""What decodes into the app's ContentState, as Swift's JSONDecoder sees it."""

from __future__ import annotations

from typing import Any, Literal, Optional

import pytest

from flask_allmine_liveactivity.simulator.phones import Activity, ContentState, Phone, Phones

from .desk import STREAM, Apple, Clock, latest

DECLARED = ContentState({"status": str, "startsAt": float, "viewers": int | None})
RIGHT: dict[str, Any] = {"status": "soon", "startsAt": 789.5, "viewers": 3}


def test_the_declared_fields_decode() -> None:
    assert DECLARED.decode(RIGHT) == RIGHT


def test_unknown_keys_are_ignored() -> None:
    assert DECLARED.decode(RIGHT | {"mood": "good"}) == RIGHT


@pytest.mark.parametrize("given", [{}, {"viewers": None}])
def test_an_optional_may_be_absent_or_null(given: dict[str, Any]) -> None:
    state = {"status": "soon", "startsAt": 1.0}
    assert DECLARED.decode(state | given) == {**state, "viewers": None}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": None}, "content-state.status is null, and must be a String."),
        ({"status": 1}, "content-state.status is 1, and must be a String."),
        ({"startsAt": "789"}, "content-state.startsAt is '789', and must be a Double."),
        ({"startsAt": True}, "content-state.startsAt is True, and must be a Double."),
        ({"startsAt": float("inf")}, "content-state.startsAt is inf, and must be a Double."),
        ({"viewers": 3.5}, "content-state.viewers is 3.5, and must be an Int."),
        ({"viewers": "3"}, "content-state.viewers is '3', and must be an Int."),
        ({"viewers": True}, "content-state.viewers is True, and must be an Int."),
        ({"viewers": 2**63}, "content-state.viewers is 9223372036854775808, and must be an Int."),
    ],
)
def test_a_wrong_type_does_not_decode(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match="content-state") as error:
        DECLARED.decode(RIGHT | change)
    assert str(error.value) == why


def test_a_missing_key_does_not_decode() -> None:
    with pytest.raises(ValueError, match="has no 'startsAt'"):
        DECLARED.decode({"status": "soon"})


def test_keys_are_compared_exactly() -> None:
    with pytest.raises(ValueError, match="has no 'startsAt'"):
        DECLARED.decode({"status": "soon", "starts_at": 1.0})


@pytest.mark.parametrize(
    ("declared", "given", "decoded"),
    [
        (float, 3, 3.0),
        (int, 3.0, 3),
        (int, -(2**63), -(2**63)),
        (bool, False, False),
        (Optional[str], None, None),  # noqa: UP045 - the older way to write it
        (list[int], [1, 2], [1, 2]),
        (list[int | None], [1, None], [1, None]),
        (dict[str, bool], {"a": True}, {"a": True}),
        (Literal["soon", "live"], "live", "live"),
        (ContentState({"name": str}), {"name": "Ada", "age": 36}, {"name": "Ada"}),
    ],
)
def test_what_swift_has_can_be_declared(declared: Any, given: Any, decoded: Any) -> None:
    assert ContentState({"field": declared}).decode({"field": given}) == {"field": decoded}


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        (bool, 0),
        (bool, None),
        (list[int], [1, "2"]),
        (list[int], {"0": 1}),
        (dict[str, bool], {"a": 1}),
        (dict[str, bool], [True]),
        (Literal["soon", "live"], "over"),
        (Literal[1, 2], True),
        (ContentState({"name": str}), {"name": 1}),
        (ContentState({"name": str}), "Ada"),
        (float, 10**400),
    ],
)
def test_what_is_inside_must_decode_too(declared: Any, given: Any) -> None:
    with pytest.raises(ValueError, match=r"content-state\.field"):
        ContentState({"field": declared}).decode({"field": given})


@pytest.mark.parametrize("declared", [bytes, list, dict[int, str], int | str, "str", None])
def test_what_swift_does_not_have_cannot_be_declared(declared: Any) -> None:
    with pytest.raises(TypeError, match="The field 'field' is declared as"):
        ContentState({"field": declared})


class TestOnAPhone:
    @pytest.fixture
    def phones(self, clock: Clock) -> Phones:
        return Phones(clock=clock, content_state=DECLARED)

    @pytest.fixture
    def activity(self, phone: Phone) -> Activity:
        return phone.follow(STREAM, content_state=RIGHT)

    def test_an_update_that_decodes_is_shown_as_the_app_sees_it(
        self, apple: Apple, activity: Activity
    ) -> None:
        apple.update(activity, {"status": "live", "startsAt": 5, "more": 1})
        assert activity.content_state == {"status": "live", "startsAt": 5.0, "viewers": None}

    def test_an_update_that_does_not_decode_is_dropped(
        self, apple: Apple, phone: Phone, activity: Activity
    ) -> None:
        apple.update(activity, {"status": "live"})
        assert activity.content_state == RIGHT
        assert latest(phone, "dropped").startswith("It does not decode: content-state has no")

    def test_an_end_that_does_not_decode_is_dropped_and_the_end_with_it(
        self, apple: Apple, activity: Activity
    ) -> None:
        apple.end(activity, content_state={"phase": "over"}, dismissal_date=0)
        assert activity.state == "active"

    def test_an_end_without_one_has_nothing_to_decode(
        self, apple: Apple, activity: Activity
    ) -> None:
        apple.end(activity)
        assert (activity.state, activity.content_state) == ("ended", RIGHT)

    def test_a_start_that_does_not_decode_starts_nothing(self, apple: Apple, phone: Phone) -> None:
        apple.start(phone, content_state={"phase": "soon"})
        assert phone.activities == []

    def test_the_app_itself_cannot_start_with_another(self, phone: Phone) -> None:
        with pytest.raises(ValueError, match="has no 'startsAt'"):
            phone.follow(STREAM, content_state={"status": "soon"})
        assert phone.activities == []


def test_without_a_declaration_any_object_decodes(apple: Apple, activity: Activity) -> None:
    apple.update(activity, {"anything": [{"goes": None}]})
    assert activity.content_state == {"anything": [{"goes": None}]}
