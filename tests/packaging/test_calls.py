"""The scripts that make what is installed remove what was made before, and so nothing when they are called wrongly."""

import subprocess

import pytest

from support.stack import ROOT


@pytest.mark.parametrize("script", ["packaging/make-deb", "packaging/cgi/make-cgi-bundle"])
@pytest.mark.parametrize("arguments", [[], [""], ["--help"], ["build", "again"]], ids=" ".join)
def test_a_wrong_call_is_told_the_usage(script, arguments, tmp_path):
    (tmp_path / "deb").mkdir()
    result = subprocess.run([ROOT / script, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"usage: {script} BUILD, as make calls it\n"
    assert (tmp_path / "deb").is_dir()
