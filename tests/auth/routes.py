"""Every declared route as a request that would succeed, made from the declarations: what the matrices of rights and tenancy go over."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel

import app
from chalicelib.core.routing import Route

ROUTES: list[Route] = [route for router in app.ROUTERS for route in router.routes]
PUBLIC = {
    ("POST", "auth/register"),
    ("POST", "auth/login"),
    ("POST", "auth/token/refresh"),
    ("POST", "auth/password/reset"),
    ("POST", "auth/password/reset/confirm"),
    ("POST", "integration/webhooks/wordpress/status"),
    ("GET", "health"),
    ("GET", "openapi.json"),
    ("GET", "docs"),
}  # the routes that nobody signs in for, written down a second time on purpose
ORDER = ("viewer", "editor", "admin", "owner", "developer")


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@dataclass(frozen=True)
class Slot:
    """A place of a request where an id stands. where: path | query | body; name: of the parameter or field."""

    route: Route
    where: str
    name: str
    listed: bool = False

    def __str__(self) -> str:
        return f"{name_of(self.route)} {self.where}:{self.name}"


def _is_id(name: str) -> bool:
    return name in ID_FIELDS or name.endswith(("_id", "_ids"))


# Fields that hold an object's id and do not say so by their name -> kind of object
ID_FIELDS = {
    "cluster": "cluster",
    "keyword_cluster": "cluster",
    "idea": "idea",
    "task": "task",
    "content": "content",
    "user": "user",
    "default_author": "author_profile",
    "active_site": "site",
    "author_profile": "author_profile",
    "strategy": "strategy",
    "sector": "sector",
    "taxonomy_term": "taxonomy_term",
    "taxonomy_terms": "taxonomy_term",
    "keyword_objects": "keyword",
    "sites": "site",
    "ids": "",
}
LISTED = frozenset({"ids", "taxonomy_terms", "keyword_objects", "sites"})  # besides those that end in `_ids`
# What else people may send as text: words, figures, dates, choices. A field in neither list fails a test until somebody says which it is.
_TEXT = """
alt api_key app_password approved attribute_values audience base_url before blockers_max brief categories content_structure content_type
country created_after created_before cta current_password cursor date default_status deleted description difficulty_max difficulty_min
domain email embedding_model excerpt external_taxonomy fallback_models filename from function generated_by heading html idea_title
image_model image_style image_type image_url instructions intent is_active keyword keywords language mapping market meta_description
meta_title metadata model models name new_password note op operation_type ordering page page_size password points price_overrides
primary_keyword prompt prompt_type prompt_types prompt_value provider reference refresh role score_max score_min search
secondary_keywords section section_logic slug slugs source status sync_status tags target taxonomy_type time time_zone times title to
tone tool transaction_type url username volume_max volume_min
"""
TEXT = frozenset(_TEXT.split())
OF_ALL = frozenset({"industry", "industry_sector", "plan"})  # ids of what the deployment's tenants share


def slots() -> list[Slot]:
    """Every place of every signed-in route where an id of a tenant's object may stand."""
    found: list[Slot] = []
    for route in ROUTES:
        if route.role is None:
            continue
        if "{id}" in route.path:
            found.append(Slot(route, "path", "id"))
        if route.query is not None:
            found += [Slot(route, "query", n) for n in _names(route.query) if _is_id(n)]
        model: Any = route.body or route.body_schema
        if model is not None:
            owners = {"site_id", "sector_id"} if route.method in ("PUT", "PATCH") else set()  # read-only there, so ignored
            found += [Slot(route, "body", n, n.endswith("_ids") or n in LISTED) for n in _names(model) if _is_id(n) and n not in owners]
    return found


def unsorted() -> list[str]:
    """Text fields of requests, at any depth, that are in none of the lists above."""
    found: set[str] = set()
    for route in ROUTES:
        for model in (route.query, route.body or route.body_schema) if route.role is not None else ():
            found |= {f"{name_of(route)}: {n}" for n in _texts(model) if not _is_id(n) and n not in TEXT | OF_ALL}
    return sorted(found)


def _texts(model: Any) -> set[str]:
    """Names of fields that may hold text, also inside other models."""
    found: set[str] = set()
    for name, info in (model.model_fields if model is not None else {}).items():
        inner = list(_models(info.annotation))
        for one in inner:
            found |= _texts(one)
        if not inner and re.search(r"\b(str|Any|dict)\b", str(info.annotation)):
            found.add(info.alias or name)
    return found


def _models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _names(model: Any) -> list[str]:
    return [f.alias or n for n, f in model.model_fields.items()]
