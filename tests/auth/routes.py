"""Every declared route as a request that would succeed, made from the declarations: what the matrices of rights and tenancy go over."""

from dataclasses import dataclass
from typing import Any

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
    "ids": "",
}


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
            found += [Slot(route, "body", n, n.endswith("ids")) for n in _names(model) if _is_id(n) and n not in owners]
    return found


def _names(model: Any) -> list[str]:
    return [f.alias or n for n, f in model.model_fields.items()]
