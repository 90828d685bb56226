"""`laudstream journeys`: what is shown of a journey."""

from __future__ import annotations

from laudstream.cli.journeys import _in_order


def test_steps_are_shown_in_the_order_in_which_runs_come_to_them() -> None:
    body = {
        "start": "greet",
        "steps": {
            "bye": {"exit": {"outcome": "late"}},
            "hold": {"wait": {"branches": [{"event": {"name": "x"}, "next": "thank"}], "timeout": {"next": "bye"}}},
            "greet": {"message": {"template": "t"}, "next": {"sent": "hold", "refused": "bye"}},
            "thank": {"exit": {"outcome": "thanked"}},
        },
    }
    names = [name for name, _ in _in_order(body)]
    assert names[0] == "greet"
    assert names.index("hold") < names.index("thank")
    assert set(names) == set(body["steps"])
