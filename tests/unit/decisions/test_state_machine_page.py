"""docs/state-machine.md tells the arrows that the code has."""

from __future__ import annotations

import re

from ci_core.decisions.transitions import ARROWS
from ci_core.statuses import FailureReason
from config.env import ROOT

PAGE = (ROOT / "docs" / "state-machine.md").read_text(encoding="utf-8")


def test_the_table_of_arrows_is_the_code() -> None:
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \| (\w+) \| .+ \|$", PAGE, re.MULTILINE)
    told = {event: (set(sources.split(", ")), target) for event, sources, target in rows[1:]}
    assert told == {
        event.value: ({status.value for status in sources}, target.value)
        for event, (sources, target) in ARROWS.items()
    }


def test_the_settings_and_reasons_named_exist() -> None:
    from django.conf import settings

    for name in re.findall(r"PIPEYARD_\w+", PAGE):
        assert hasattr(settings, name)
    section = PAGE.partition("## What ends a job")[2]
    reasons = {row.split("|")[-2].strip() for row in section.splitlines() if row.startswith("| ")}
    assert reasons - {"failure reason"} <= {reason.value for reason in FailureReason}
    assert len(reasons) >= 5
