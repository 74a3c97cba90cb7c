"""The secret scan finds each kind of secret that somebody may leave in a file, and lets ordinary code be."""

import subprocess
from pathlib import Path

import pytest

from infra import secret_scan
from infra.secret_scan import ALLOWED, KINDS, Allowance, Finding, found_in, unexplained

RANDOM = "q7Xv2LmN9pRt4WzK8sYb3cHd6"  # put together at run time, so that this file holds no finding


def cut(*parts: str) -> str:
    return "".join(parts)


PLANTED = {
    "AWS access key": cut("key = 'AK", "IAIOSFODNN7EXAMPLE'"),
    "AWS secret key": cut("aws_secret_access_key = wJalrXUtnFEMI", "/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "OpenAI or Anthropic key": cut("OPENAI=s", "k-proj-", RANDOM),
    "GitHub token": cut("gh", "p_", RANDOM, "abcdefghijk"),
    "GitLab token": cut("glp", "at-", RANDOM[:20]),
    "Slack token": cut("xo", "xb-123456789012-", RANDOM),
    "Google API key": cut("AI", "za", RANDOM, "abcdefghij"),
    "Stripe key": cut("sk_l", "ive_", RANDOM),
    "registry token": cut("np", "m_", RANDOM, "abcdefghijk"),
    "private key": cut("-----BEGIN RSA PRI", "VATE KEY-----\nMIIE"),
    "JSON Web Token": cut("ey", "JhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.ey", "JzdWIiOiIxMjM0NTY3ODkwIn0.", RANDOM),
    "webhook signing secret": cut("whs", "ec_", RANDOM.lower(), "abc"),
    "WordPress application password": cut("WP = 'q7Xv 2LmN 9pRt ", "4WzK 8sYb 3cHd'"),
    "password in an address": cut("postgres://admin:", "hunter2hunter2@db.internal/x"),
}
ASSIGNED = [
    cut("DB_PASS", f"WORD={RANDOM}"),
    cut('{"client_sec', f'ret": "{RANDOM}"}}'),
    cut("  api_k", f"ey: str = '{RANDOM}'"),
    cut("auth_tok", f"en: {RANDOM}"),
]
HARMLESS = [
    "api_key = settings.platform_key('openai')",
    'password = os.environ["WP_APP_PASSWORD"]',
    "token = login(email, password)['access']",
    "SECRET_FIELDS = ('app_password', 'api_key')",
    "secret_arn: arn_of_the_signing_secret",
    "PASSWORD = 'Right-pass-1'",
    'sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
    "https://user@example.com and https://example.com:8443/a@b",
    "this text has many four letter long ones with 7 days each in them",
    "token_use: access",
]


def test_there_is_a_planted_secret_of_each_kind() -> None:
    assert PLANTED.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found(kind: str) -> None:
    found = list(found_in("deploy.env", f"first line\n{PLANTED[kind]}\n"))
    assert kind in {f.kind for f in found}
    assert found[0].line == 2
    assert all(f.text not in str(f) for f in found), "what is printed goes into logs of CI"


@pytest.mark.parametrize("line", ASSIGNED)
def test_a_random_value_under_a_telling_name_is_found(line: str) -> None:
    assert [f.kind for f in found_in("settings.py", line)] == ["value assigned to a secret's name"]


@pytest.mark.parametrize("line", HARMLESS)
def test_ordinary_code_is_none(line: str) -> None:
    assert list(found_in("code.py", line)) == []


def test_an_allowance_covers_its_path_and_form_alone_and_is_needed() -> None:
    allowed = [Allowance("tests/", "ab+", "made up"), Allowance("docs/", ".*", "nothing there")]
    inside, outside, other = (
        Finding(path, 1, "k", text) for path, text in (("tests/x.py", "abb"), ("app.py", "abb"), ("tests/x.py", "abbc"))
    )
    assert unexplained([inside, outside, other], allowed) == ([outside, other], [allowed[1]])


def test_the_allowances_name_files_of_tests_only() -> None:
    assert all(a.path.startswith("tests/") and a.why for a in ALLOWED)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def git(*command: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *command], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / ".gitignore").write_text(".env\n")
    (tmp_path / ".env").write_text(PLANTED["Stripe key"])
    (tmp_path / "was.py").write_text(f"x = 1\n{PLANTED['AWS access key']}\n")
    git("add", ".")
    git("commit", "-m", "one")
    (tmp_path / "was.py").write_text("x = 1\n")
    git("commit", "-am", "two")
    (tmp_path / "picture.bin").write_bytes(b"\0" + PLANTED["GitHub token"].encode())
    return tmp_path


def test_a_removed_secret_is_in_the_history_alone(repository: Path) -> None:
    assert list(secret_scan.tracked(repository)) == []
    assert {(f.path, f.kind) for f in secret_scan.history(repository)} == {("was.py", "AWS access key")}


def test_a_file_that_is_about_to_be_added_is_looked_at_and_an_ignored_one_is_not(repository: Path) -> None:
    (repository / "new.txt").write_text(PLANTED["private key"])
    assert [(f.path, f.kind) for f in secret_scan.tracked(repository)] == [("new.txt", "private key")]


def test_the_command_fails_on_a_secret_and_says_where(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "new.txt").write_text(PLANTED["private key"])
    assert secret_scan.main([], repository) == 1
    assert "new.txt:1: private key" in capsys.readouterr().out
