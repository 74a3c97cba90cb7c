"""The licence report fails on what nobody has allowed, and says so by name."""

from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

from infra import licences
from infra.licences import UNUSUAL, Package, licence_of, package, permitted, problems, report, runtime_requirements


def about(*headers: tuple[str, str]) -> Message:
    made = Message()
    for name, value in headers:
        made[name] = value
    return made


CLASSIFIER = "License :: OSI Approved :: "


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        ([("License-Expression", "MIT"), ("License", "GPL"), ("Classifier", CLASSIFIER + "ISC License (ISCL)")], "MIT"),
        ([("License", "Apache 2.0")], "Apache-2.0"),
        ([("License", "MIT"), ("Classifier", CLASSIFIER + "MIT License")], "MIT"),
        ([("Classifier", CLASSIFIER + "Apache Software License"), ("Classifier", CLASSIFIER + "MIT License")], "Apache-2.0 AND MIT"),
        ([("Classifier", CLASSIFIER + "MIT License"), ("Classifier", CLASSIFIER + "GNU General Public License (GPL)")], ""),
        ([("License", "Copyright (c) 2020\nAll rights reserved.")], ""),
        ([], ""),
    ],
)
def test_what_a_package_says_of_itself(headers: list[tuple[str, str]], licence: str) -> None:
    assert licence_of(about(*headers)) == licence


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ("MIT", True),
        ("GPL-3.0-or-later", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", True),
        ("(MIT AND GPL-3.0-only) OR AGPL-3.0-only", False),
        ("UNKNOWN", False),
        ("", False),
    ],
)
def test_an_expression_is_fine_when_allowed_licences_meet_it(expression: str, fine: bool) -> None:
    assert permitted(expression) is fine


def test_planted_packages_are_refused() -> None:
    planted = {
        "silent": about(("Name", "silent")),
        "viral": about(("License-Expression", "AGPL-3.0-or-later")),
        "commercial": about(("License", "Proprietary")),
        "certifi": about(("License", "Proprietary")),
        "fine": about(("License-Expression", "MIT")),
    }
    said = problems(package(name, planted.__getitem__) for name in planted)
    assert [line.partition(":")[0] for line in said] == ["silent", "viral", "commercial", "certifi"], "a reason is for one answer alone"


def test_each_thing_that_ships_has_a_known_licence_and_the_report_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert licences.main([]) == 0, capsys.readouterr().err


def test_a_report_that_is_not_up_to_date_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(f"{name}==1" for name in [*UNUSUAL, "pydantic"])
    (tmp_path / "requirements.txt").write_text(text)
    assert licences.main([], tmp_path) == 1 and "licences --write" in capsys.readouterr().err
    assert licences.main(["--write"], tmp_path) == 0
    assert licences.main([], tmp_path) == 0


def test_requirements_of_another_python_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text('a==1; python_version < "3"\n# note\nb[x]==2  # why\n\n')
    assert runtime_requirements(tmp_path) == ["b", "chalice"]


def test_the_report_names_packages_licences_and_reasons() -> None:
    text = report([Package("a", "MIT", "https://a.test"), Package("b", "MPL-2.0", "", "because")])
    assert "| [a](https://a.test) | MIT |  |\n| b | MPL-2.0 | because |" in text


def test_the_packages_are_those_of_the_requirements() -> None:
    assert {"openai", "pydantic", "chalice", "urllib3"} <= set(runtime_requirements())
    assert "pytest" not in runtime_requirements()
    assert all(metadata.metadata(name) for name in runtime_requirements())
