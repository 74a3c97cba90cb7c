"""Secrets in the repository: every file that git tracks or would add, and with `--history` every line that a commit ever added.

    python -m infra.secret_scan [--history]

Not detect-secrets, which the field knows: it works by a baseline file of findings somebody has looked at, where a new secret beside an
old finding is easy to wave through, and its last release is of 2024. Here a finding fails unless ALLOWED says why it is none, and an
allowance that nothing needs fails as well.
"""

import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_FILE_BYTES = 20_000_000
LONG_VALUE = 16  # characters from which a value that is assigned to a telling name is looked at
RANDOM_BITS = 3.6  # a character: words and paths stay below, 20 random characters of base 36 do not
KINDS: dict[str, re.Pattern[str]] = {
    "AWS access key": re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    "AWS secret key": re.compile(r"(?i)aws_?.{0,12}?(?:secret|private).{0,24}?(?<![A-Za-z0-9/+])([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"),
    "OpenAI or Anthropic key": re.compile(r"(?<![A-Za-z0-9_-])sk-(?:proj-|svcacct-|admin-|ant-)?[A-Za-z0-9_-]{20,}"),
    "GitHub token": re.compile(r"(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
    "GitLab token": re.compile(r"(?<![A-Za-z0-9_])glpat-[A-Za-z0-9_-]{20,}"),
    "Slack token": re.compile(r"(?<![A-Za-z0-9_])xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "Google API key": re.compile(r"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}"),
    "Stripe key": re.compile(r"(?<![A-Za-z0-9_])(?:sk|rk)_live_[A-Za-z0-9]{16,}"),
    "registry token": re.compile(r"(?<![A-Za-z0-9_])(?:npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{20,})"),
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "JSON Web Token": re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    "webhook signing secret": re.compile(r"(?<![A-Za-z0-9_])whsec_[A-Za-z0-9]{24,}"),
    # WordPress shows an application password as six groups of four; a figure or a capital tells it from words.
    "WordPress application password": re.compile(
        r"(?<![A-Za-z0-9] )\b(?=[A-Za-z ]{0,28}\d)(?=[a-z0-9 ]{0,28}[A-Z])(?:[A-Za-z0-9]{4} ){5}[A-Za-z0-9]{4}\b(?! [A-Za-z0-9])"
    ),
    "password in an address": re.compile(r"(?<=://)[^\s/:@\"'<>{}$]{1,80}:([^\s/@\"'<>{}$]{3,80})(?=@)"),
}
ASSIGNED = re.compile(
    r"(?i)(?:secret|token|passw(?:or)?d|api_?key|private_?key|access_?key|credential)[A-Za-z0-9_]{0,20}[\"']?"
    r"\s{0,4}(?::\s?str)?\s{0,4}[:=]\s{0,4}[brf]?[\"']?([A-Za-z0-9_+/=.~!@#$%^&*-]{16,200})(?![A-Za-z0-9_(\[])"
)


@dataclass(frozen=True)
class Allowance:
    """path: a prefix; found: what the finding's text must match whole; why: for whoever reads this list."""

    path: str
    found: str
    why: str


@dataclass(frozen=True)
class Finding:
    """line: 0 when it is unknown. text: what was found, never printed whole."""

    path: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {self.text[:6]}… ({len(self.text)} characters)"


# Written so that no pattern is itself a finding.
ALLOWED: tuple[Allowance, ...] = (
    Allowance("tests/", r"sk-(?:[a-z]+-)+0123456789[a-j]*|sk-[o]wn-key-of-the-account", "keys of tests: words, then figures in order"),
    Allowance("tests/", r"(?:user:(?:pass|secret)|bob:pa55w0rd)", "logins of tests that addresses with a login are refused or masked"),
    Allowance(
        "tests/core/test_observability.py", r"sk-[A]b3dEf6hIj9kLm2nOp5q|[A]b3d [E]f6h Ij9k Lm2n Op5q Rs8t", "made up, to be masked in logs"
    ),
    Allowance("tests/core/test_observability.py", r"eyJ.*\.c2lnbmF0dXJlLW9mLWl0", "its signature says `signature-of-it`"),
    Allowance(
        "tests/writer/faults_in_text.py", r"sk-[p]roj-Zk3n8aQ2wLx7Vb9Tt5Yy1Rr4", "made up: an article must not hold what looks like a key"
    ),
)


def entropy(text: str) -> float:
    """Bits a character, by the text's own frequencies. Source: Shannon, 1948."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def looks_random(value: str) -> bool:
    """Whether an assigned value may be a secret: mixed kinds of characters without the shape of a name, an address or a sentence."""
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", r"\d"))
    return (
        kinds >= 2
        and bool(re.search(r"\d", value))
        and entropy(value) >= RANDOM_BITS
        and not re.search(r"[A-Za-z_]{12,}\.|\.\.|/.*/", value)
    )


def found_in(path: str, text: str) -> Iterator[Finding]:
    """Everything in a text that has the form of a secret."""
    for kind, form in KINDS.items():
        for hit in form.finditer(text):
            yield Finding(path, text.count("\n", 0, hit.start()) + 1, kind, hit.group(0))
    for hit in ASSIGNED.finditer(text):
        if looks_random(hit.group(1)):
            yield Finding(path, text.count("\n", 0, hit.start()) + 1, "value assigned to a secret's name", hit.group(1))


def unexplained(findings: Iterable[Finding], allowed: Iterable[Allowance] = ALLOWED) -> tuple[list[Finding], list[Allowance]]:
    """Findings that no allowance covers, and allowances that cover no finding."""
    allowed, needed, left = list(allowed), set[Allowance](), list[Finding]()
    for finding in findings:
        covering = [a for a in allowed if finding.path.startswith(a.path) and re.fullmatch(a.found, finding.text, re.DOTALL)]
        needed.update(covering)
        if not covering:
            left.append(finding)
    return left, [a for a in allowed if a not in needed]


def _git(root: Path, *command: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def tracked(root: Path = ROOT) -> Iterator[Finding]:
    """Findings in the files that are tracked or would be with the next `git add`."""
    for name in _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        path = root / name
        if not name or path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            continue
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            yield from found_in(name, data.decode("utf-8", "replace"))


def history(root: Path = ROOT) -> Iterator[Finding]:
    """Findings in what commits added, of all branches. A file's lines of one commit are looked at together, so a number is not a line's."""
    path, added = "", list[str]()
    log = _git(root, "log", "--all", "--patch", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--format=", "--no-renames")
    for line in [*log.split("\n"), "+++ b/"]:
        if line.startswith("+++ "):
            yield from found_in(path, "\n".join(added))
            path, added = line.removeprefix("+++ b/"), []
        elif line.startswith("+"):
            added.append(line[1:])


def main(arguments: list[str], root: Path = ROOT) -> int:
    whole = "--history" in arguments
    left, needless = unexplained(set(history(root)) if whole else tracked(root))
    for finding in sorted(left, key=str):
        print(finding)
    for one in () if whole else needless:
        print(f"nothing needs the allowance for {one.path} ({one.why})")
    if left or (needless and not whole):
        print("A real one: revoke it first, then take it out. None: say why in ALLOWED of infra/secret_scan.py.", file=sys.stderr)
        return 1
    print("no secrets in the history" if whole else "no secrets")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
