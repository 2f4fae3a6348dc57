"""docs/deployment.md, "A server by hand", typed word for word on a machine that has the tree."""

import pytest

from installation import Installation
from machine import is_possible, machine_in
from reader import Reader
from support.stack import BUILD, ROOT
from zoom_simulator.client import ZoomSimulator


@pytest.mark.skipif(not is_possible(), reason="no machine of its own may be made here")
def test_a_server_by_hand(tmp_path):
    with machine_in(tmp_path) as machine, machine.network(), ZoomSimulator.start() as zoom:
        with Reader(machine, tmp_path / "terminal", {}, {"BUILD": BUILD}) as reader:
            reader.type(f"cd {ROOT}\n")
            reader.follow("deployment.md", "A server by hand")
        assert "nothing to do" in reader.output, "what is to be done after an upgrade came last"
        installation = Installation(machine, zoom)
        installation.configure()
        installation.wait_until_it_serves()
        installation.api(installation.create_key()).get("/api/v1/bots").must_be(200)
        assert installation.doctor()["ok"]
        programs = {source.stem for source in (ROOT / "cgi-bin").glob("*.c")} | {"worker"}
        assert machine.units("hallpass-*.service") == sorted(f"hallpass-{program}.service" for program in programs)
