"""The manual pages of section 7 say what the programs do."""

import re
import subprocess

from support import TOP, run_haul


def page(name):
    return (TOP / "docs" / (name + ".scd")).read_text()


def test_every_figure_is_in_the_manual_and_no_other(daemon):
    text = run_haul("metrics", daemon=daemon).expect(0).out.decode()
    families = set(re.findall(r"^# TYPE (\w+) counter$", text, re.M))
    printed = {name + "_total" for name in families}
    printed |= set(re.findall(r"^# TYPE (\w+) (?:gauge|histogram)$", text, re.M))
    assert len(printed) > 20
    assert set(re.findall(r"^\*(hauld_\w+)\*", page("hauld-metrics.7"), re.M)) == printed
    labels = dict(re.findall(r"^\*(hauld_\w+)\* \{(\w+)\}$", page("hauld-metrics.7"), re.M))
    for name, label in re.findall(r"^(hauld_\w+)\{(\w+)=", text, re.M):
        assert name.endswith("_bucket") or labels[name] == label, (name, label)


def test_every_frame_is_in_the_manual_with_its_number():
    table = re.findall(r"^\| (\d+) \| ([A-Z_]+) \| (?:client|daemon|both) \|",
                       (TOP / "proto" / "PROTOCOL.md").read_text(), re.M)
    assert len(table) == 16
    assert re.findall(r"^ *(\d+) ([A-Z_]+) +\S", page("haul-stream.7"), re.M) == table


def test_the_pages_are_read_without_a_warning(tmp_path):
    for name in ("haul.1", "hauld.8", "hauld.conf.5", "haul-stream.7", "hauld-metrics.7"):
        roff = subprocess.run(["scdoc"], input=page(name).encode(), capture_output=True, check=True)
        (tmp_path / name).write_bytes(roff.stdout)
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                               str(tmp_path / name)], capture_output=True, text=True,
                              env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
                              check=True, errors="replace")
        assert done.stderr == "", (name, done.stderr)
