"""Everything the API offers, over HTTP. The acceptance checks of the specification and the tests that hold them:

| acceptance check | test |
| --- | --- |
| both names of an alias answer identically | tests/e2e/blackbox/keywords.py::test_both_names_of_a_bulk_action_answer_alike |
| | tests/e2e/blackbox/keyword_files.py::test_both_names_of_import_and_export_answer_alike |
| | tests/e2e/blackbox/images.py::test_every_name_of_drawing_answers_alike |
| | tests/e2e/blackbox/images.py::test_both_names_of_the_file_answer_alike |
| | tests/e2e/blackbox/automation.py::test_both_names_of_the_settings_answer_alike |
| 4 keywords 400, 5 accepted | tests/e2e/blackbox/clusters_ideas.py::test_four_keywords_are_too_few_and_five_are_enough |
| 11 ids 400 | tests/e2e/blackbox/tasks.py::test_eleven_ids_are_too_many |
| cluster names in a sector | tests/e2e/blackbox/clusters_ideas.py::test_names_of_clusters_in_a_sector |
| volume_min and ordering use the override first | tests/e2e/blackbox/keywords.py::test_an_override_goes_before_the_seed |
| foreign ids tell nothing | tests/e2e/blackbox/people.py::test_foreign_ids_are_unknown_ids |
| | tests/auth/test_tenancy.py::test_a_foreign_id_is_an_unknown_id |
| an admin reads no other account | tests/e2e/blackbox/people.py::test_an_admin_reads_no_other_account |
| a viewer writes nothing | tests/e2e/blackbox/people.py::test_a_viewer_writes_nothing |
| an editor without a grant sees nothing | tests/e2e/blackbox/people.py::test_an_editor_without_a_grant_sees_nothing |
| 402 changes nothing | tests/e2e/blackbox/money.py::test_without_credits_nothing_changes |
| a retried job charges once | tests/ai/test_engine.py::test_asked_again_a_finished_operation_answers_its_result |
| | tests/ai/test_tasks.py::test_a_message_that_comes_twice_is_worked_once |
| publishing twice makes one post; unpublish clears | tests/e2e/blackbox/publishing.py::test_published_once_taken_back_and_published_again |
| a failed publish restores the status | tests/e2e/blackbox/publishing.py::test_a_publish_that_fails_leaves_the_status |
| stage 3 twice makes one task per idea | tests/e2e/blackbox/clusters_ideas.py::test_an_idea_becomes_one_task |
| killed in stage 4, resumed without a second article |\
 tests/automation/test_state_machine_faults.py::test_a_lambda_that_dies_between_its_work_and_the_record_of_it |
| export and import round-trip | tests/e2e/blackbox/keyword_files.py::test_what_is_exported_reads_back |
| every fixture gives its expected JSON | tests/e2e/blackbox/keyword_files.py::test_fixture |
"""

import importlib
import json
import re

import pytest

from tests.e2e.blackbox import FEATURES
from tests.e2e.blackbox.client import Api
from tests.e2e.served import ROOT

# Operations that cannot succeed here, and why. Empty: the local stack serves them all.
EXCEPTIONS: dict[tuple[str, str], str] = {}

for _feature in FEATURES:
    for _name, _test in vars(importlib.import_module(f"tests.e2e.blackbox.{_feature}")).items():
        if _name.startswith("test_"):
            assert _name not in globals(), f"two tests are named {_name}"
            globals()[_name] = _test


def test_the_acceptance_checks_have_the_tests_that_are_named() -> None:
    named = re.findall(r"(tests/\S+\.py)::(\w+)", __doc__ or "")
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {test}"


def test_the_document_is_the_one_in_the_repository(public: Api) -> None:
    kept = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    assert {(m.upper(), path) for path, operations in kept["paths"].items() for m in operations} == public.surface.routes


def test_every_operation_was_reached(public: Api, request: pytest.FixtureRequest) -> None:
    ran = {item.name.partition("[")[0] for item in request.session.items}
    wanted = {name for name in globals() if name.startswith("test_")}
    if not wanted <= ran:
        pytest.skip("only a part of the tests runs")
    missed = public.surface.routes - public.surface.reached - set(EXCEPTIONS)
    assert not missed, "not reached with success:\n" + "\n".join(
        f"{method} {path}" for method, path in sorted(missed, key=lambda r: r[::-1])
    )
    assert not set(EXCEPTIONS) & public.surface.reached, "these are no exceptions any more"
