"""The model of the refresh holds, and every thought in it is needed: see model/README.md."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUN = ROOT / "tests/model/run"
SAFETY = "P1 P2 P4 P5 P7 P8 P9"
MUTILATIONS = {
    "STORE_WITHOUT_COMPARE": "P1",
    "STORE_ONLY_WITH_LEASE": "P1",
    "REAUTHORIZE_KEEPS_GENERATION": "P1",
    "REFUSE_WITHOUT_SECOND_LOOK": "P2",
    "REFUSE_DESPITE_OTHERS": "P2",
    "CLAIM_WAITS_FOR_THE_LIVING": "P3",
    "STORE_KEEPS_GENERATION": "P4",
    "CLAIM_WITHOUT_ATTEMPT": "P5",
    "LOST_IS_TAKEN_FOR_NOTHING": "P5",
    "DISCONNECT_FORGETS_ATTEMPTS": "P5",
    "CLAIM_WITHOUT_LEASE": "P6",
    "CLAIM_WITHOUT_COMPARE": "P6",
    "DOUBT_IS_TAKEN_FOR_LOSS": "P7",
    "REAUTHORIZE_TRUSTS_ARRIVAL": "P1",
    "REFUSE_DESPITE_AUTHORIZATION": "P8",
    "GIVE_UP_LIVES_ON": "P9",
}


@pytest.fixture(scope="module")
def table():
    """(properties, variant, result, states) of every row."""
    result = subprocess.run([RUN], capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    head, *rows, verdict = result.stdout.splitlines()
    column = [head.index(name) for name in ("property", "variant", "result")]
    assert verdict.startswith("model: the protocol holds")
    return [(row[:column[1]].strip(), row[column[1]:column[2]].strip(), *row[column[2]:].split())
            for row in rows]


def test_the_protocol_holds_in_every_size(table):
    kept = [row for row in table if row[1].islower()]
    assert {name for row in kept for name in row[0].split()} == {f"P{n}" for n in range(1, 10)}
    assert {row[2] for row in kept} == {"holds"}
    assert max(int(row[3]) for row in kept if row[0] == SAFETY) > 1_000_000


def test_each_mutilation_fails_its_property(table):
    failed = {row[1]: row[0] for row in table if row[2] == "fails"}
    assert failed == MUTILATIONS
    assert all(int(row[3]) > 0 for row in table)


def test_a_trace_ends_in_the_violated_property():
    result = subprocess.run([RUN, "--trace", "REFUSE_DESPITE_OTHERS"], capture_output=True,
                            text=True, timeout=600, check=True)
    assert "assertion violated" in result.stdout


# The code


def functions_of(*folders):
    """What is defined in their C files: a name at the beginning of a definition's parameters."""
    return {name for folder in folders for file in (ROOT / "src" / folder).glob("*.c")
            for name in re.findall(r"^\w[\w *]*?\b(\w+)\((?!.*;$)", file.read_text(), re.MULTILINE)}


def test_the_code_and_the_model_name_their_steps_alike():
    modelled = set(re.findall(r"^inline (\w+)", (ROOT / "tests/model/refresh.pml").read_text(), re.MULTILINE))
    coded = set(re.findall(r"^static .*?\b(\w+)\(", (ROOT / "src/broker/refresh.c").read_text(), re.MULTILINE))
    argued = re.findall(r"^ \*  \d\. (\w+)\.", (ROOT / "src/broker/refresh.h").read_text(), re.MULTILINE)
    assert argued == ["claim", "send", "store_answer", "record_refusal", "record_lost"]
    assert {*argued, "record_passing"} <= modelled & coded


def test_every_function_that_the_model_is_compared_with_is_there():
    text = (ROOT / "tests/model/README.md").read_text()
    named = set(re.findall(r"`(\w+)\(\)`", text))
    assert len(named) > 10
    assert named <= functions_of("base", "broker", "store")
