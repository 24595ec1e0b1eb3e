"""docs/aws.md: its state machine, with its function, against LocalDrs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions

import drs_jobs
from drs_jobs.testing import BootFailure, LocalDrs, Stuck

PAGE = (Path(__file__).parent.parent / "docs" / "aws.md").read_text(encoding="utf-8")
MACHINE = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[-1])
SERVERS = ["s-00000000000000001", "s-00000000000000002"]


@pytest.fixture
def function() -> dict[str, Any]:
    """The names of the first code block."""
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def _run(function: dict[str, Any], local: LocalDrs, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Run the state machine as Step Functions does; return the type of its last state, and the last output."""
    function["make_client"] = local.client
    name, waited = MACHINE["StartAt"], 0
    while waited < MACHINE["TimeoutSeconds"]:
        state = MACHINE["States"][name]
        match state["Type"]:
            case "Task":
                data = json.loads(json.dumps(function["handler"](data, None)))
            case "Wait":
                local.advance(10 * state["Seconds"])  # ten polls at once
                waited += 10 * state["Seconds"]
            case "Choice":
                values = {f"$.{key}": value for key, value in data.items()}
                matching = [each["Next"] for each in state["Choices"] if values[each["Variable"]] == each["StringEquals"]]
                name = [*matching, state["Default"]][0]
                continue
            case last:
                return last, data
        name = state["Next"]
    return "TimedOut", data


@pytest.mark.parametrize(
    ("failure", "expected"), [(None, "Succeed"), (BootFailure("no boot device"), "Fail"), (Stuck(), "TimedOut")]
)
def test_drill(failure: BootFailure | Stuck | None, expected: str, function: dict[str, Any]):
    """One drill is started. The last output has what `Cause` shows of a failed one."""
    with LocalDrs(speed=0) as local:
        if failure is not None:
            local.fail_server(SERVERS[1], failure)
        last, data = _run(function, local, {"servers": SERVERS})
        assert last == expected
        assert [request.operation for request in local.requests].count("StartRecovery") == 1
    assert (f"{SERVERS[1]}: LAUNCH_FAILED: no boot device" in data["text"]) == (expected == "Fail")


def test_retried_errors_exist():
    """Each is the name of a class. AWS Lambda reports it as the type of the error."""
    [retry] = MACHINE["States"]["Poll"]["Retry"]
    for name in retry["ErrorEquals"]:
        error = getattr(drs_jobs, name, None) or getattr(exceptions, name)
        assert error.__name__ == name
