"""The page at `/` of the local stack: logins, documents, next steps; and the published demo site under `/site/`."""

import mimetypes
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from infra.local.api_server import Page, PageSource
from infra.local.seed import EMAILS, password

_STYLE = """body{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#1d2530;background:#fbfaf8}
h1{font-size:1.8rem;margin-bottom:.2rem}code,pre{background:#efece6;border-radius:4px;padding:.1rem .3rem}
pre{padding:.8rem;overflow:auto}
table{border-collapse:collapse}td{padding:.2rem 1rem .2rem 0}a{color:#0b5cad}
@media(prefers-color-scheme:dark){body{background:#14181d;color:#e5e9ee}
code,pre{background:#232a32}a{color:#7db8f0}}"""
_ROLES = ("owner, account Demo", "editor, account Demo", "viewer, account Demo", "owner, account Other", "developer, system account")


def pages(data: Path) -> PageSource:
    """The pages outside the API. data: the folder whose `static/` holds published sites."""

    def page(target: str) -> Page | None:
        path = unquote(urlsplit(target).path)
        if path == "/":
            return Page(_landing(_sites(data)).encode())
        if path.startswith("/site/"):
            return _file(data / "static", path.removeprefix("/site/"))
        return None

    return page


def _sites(data: Path) -> list[str]:
    folder = data / "static"
    return sorted(entry.name for entry in folder.iterdir() if (entry / "index.html").is_file()) if folder.is_dir() else []


def _file(root: Path, name: str) -> Page | None:
    """A file below root, never above it."""
    try:
        path = (root / name).resolve()
        path = path / "index.html" if path.is_dir() else path
        if not path.is_relative_to(root.resolve()) or not path.is_file():
            return None
    except (OSError, ValueError):  # a name no file can have
        return None
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Page(path.read_bytes(), f"{mime}; charset=utf-8" if mime.startswith("text/") else mime)


def _landing(sites: list[str]) -> str:
    users = "".join(f"<tr><td><code>{escape(e)}</code></td><td>{escape(r)}</td></tr>" for e, r in zip(EMAILS, _ROLES, strict=True))
    published = "".join(f'<li><a href="/site/{escape(s)}/">Published site {escape(s)}</a></li>' for s in sites)
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>IGNY8 Serverless, local</title>
<style>{_STYLE}</style><h1>IGNY8 Serverless</h1>
<p>The whole product is running on this machine: API, queues, schedule, state machine, data in <code>.local/</code>.</p>
<h2>Look</h2><ul>{published}
<li><a href="/api/v1/docs">API documentation</a> and <a href="/api/v1/openapi.json">openapi.json</a></li>
<li><a href="/api/v1/health">Health</a></li></ul>
<h2>Demo logins</h2><table>{users}</table><p>Password of all: <code>{escape(password())}</code></p>
<h2>Next steps</h2><pre>curl -s -X POST $URL/api/v1/auth/login/ -H 'Content-Type: application/json' \\
  -d '{{"email": "{EMAILS[0]}", "password": "{escape(password())}"}}'</pre>
<p>The README continues from here: import a keyword file, run the automation, read the articles.</p></html>"""
