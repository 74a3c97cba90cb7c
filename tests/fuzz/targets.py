"""Which real ids and values each operation takes: the documented example, with the world's objects in it."""

from collections.abc import Callable
from typing import Any

from infra.local.seed import password
from tests.fuzz.world import BASE, DEVELOPER, KIND, OWNER, PICTURE, Request, World

Json = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
# Field or parameter that names an object -> its noun. `ids` are of the path's noun.
OBJECTS = {
    "cluster": "planner/clusters",
    "cluster_id": "planner/clusters",
    "keyword_cluster": "planner/clusters",
    "keyword_objects": "planner/keywords",
    "keyword_ids": "planner/keywords",
    "cluster_ids": "planner/clusters",
    "task_ids": "writer/tasks",
    "content_ids": "writer/content",
    "image_ids": "writer/images",
    "idea": "planner/ideas",
    "idea_ids": "planner/ideas",
    "task": "writer/tasks",
    "content": "writer/content",
    "content_id": "writer/content",
    "taxonomy_term": "writer/taxonomies",
    "author_profile": "system/author-profiles",
    "default_author": "system/author-profiles",
    "strategy": "system/strategies",
    "seed_keyword": "auth/seed-keywords",
    "seed_keyword_id": "auth/seed-keywords",
    "industry": "auth/industries",
    "industry_sector": "auth/industry-sectors",
    "user": "auth/users",
}
_IDS_OF = {  # operations whose `ids` are of another noun than their path's
    "planner/keywords/bulk_add_from_seed": "auth/seed-keywords",
    "writer/images/auto_generate_images": "writer/tasks",
    "writer/content/{id}/taxonomy_terms": "writer/taxonomies",
}
_DELETED = "/{id}/restore"
_IMAGE_FILE = ("writer/images/{id}/file", "writer/images/{id}/serve_image_file")
_HARMLESS = ("/validate", "/map_metadata", "/taxonomy_terms", "/test_connection")  # leave an object as they find it, or nearly
_RUN_STEPS = {"resume": ("pause",)}
_WORDS = ("name", "keyword", "idea_title")  # of which no two objects of a place have the same


def noun_of(path: str) -> str:
    """`/api/v1/planner/keywords/{id}/restore/` -> `planner/keywords`."""
    short = path.removeprefix(BASE).strip("/").split("/{")[0]
    parts = short.split("/")
    return "/".join(parts[:3] if parts[:2] == ["system", "settings"] else parts[:2])


class Targets:
    """Makes requests that should succeed. document: the OpenAPI document."""

    def __init__(self, document: Json, world: World) -> None:
        self.document, self.world = document, world
        self.operations = {(m, p): o for p, item in document["paths"].items() for m, o in item.items() if m in METHODS}
        self._special: dict[str, Callable[[], Json]] = {
            "post auth/register": lambda: {"email": world.email(), "password": password()},
            "post auth/token/refresh": lambda: {"refresh": world.login(OWNER)["refresh"]},
            "post auth/password/reset/confirm": self._reset,
            "post auth/password/change": lambda: {"current_password": password(), "new_password": "Another-pass-2!"},
            "post auth/users": lambda: {"email": world.email(), "role": "editor", "password": password()},
            "put auth/users/{id}": lambda: {"role": "viewer"},
            "patch auth/users/{id}": lambda: {"role": "viewer"},
            "patch auth/account": lambda: {"plan": None, "status": None},
            "patch auth/me": lambda: {"active_site": world.site},
            "patch auth/sectors/{id}": lambda: {"industry_sector": None},  # has to fit the industry of the site
            "post auth/sectors": lambda: {"site_id": world.new_site()},
            "post planner/keywords": lambda: {"keyword": world.name()},
            "put planner/keywords/{id}": lambda: {"status": None},  # follows from the cluster
            "patch planner/keywords/{id}": lambda: {"status": None},
            "post planner/clusters/auto_generate_ideas": lambda: {"ids": [self._cluster_with_keyword()]},
            "post planner/keywords/auto_cluster": lambda: {"ids": [world.new("planner/keywords") for _ in range(5)]},
            "post writer/tasks": lambda: {"cluster": world.one("planner/clusters"), "title": world.name(), **KIND},
            "post writer/tasks/bulk_update": lambda: {"status": "completed"},
            "post writer/cluster-maps": lambda: {"content": world.content()},
            "post writer/images": lambda: {"content": world.content()},
            "post writer/images/bulk_update": lambda: {"ids": [world.new("writer/images")], "status": "pending"},
            "post writer/images/generate_images": lambda: {"content_id": None},
            "post writer/images/auto_generate_images": self._waiting_image,
            "post writer/tasks/generate_images": self._waiting_image,
            "post writer/content/auto_generate_images": lambda: {"ids": self._waiting_image()["content_ids"]},
            "post billing/topup": lambda: {"reference": world.name().replace(" ", "-")},
            "post system/prompts": self._without_prompts,
            "post planner/ideas/generate": lambda: {"cluster_id": None},
            "patch writer/content/{id}": lambda: {"status": "review"},
            "put writer/content/{id}": lambda: {"site_id": None, "sector_id": None},
            "post writer/content/bulk_update": lambda: {"status": "review"},
            "patch system/strategies/{id}": lambda: {"sector": None},
            "put system/settings/integrations/{id}": lambda: {"provider": None, "api_key": None},
            "post system/settings/integrations/{id}": lambda: {"provider": None, "api_key": None},
            "post integration/connections": lambda: {"target": "static"},
            "patch integration/connections/{id}": lambda: {"base_url": None, "url": None, "username": None},
            "put automation/config": lambda: {"time_zone": "Europe/Berlin"},
            "put automation/update_config": lambda: {"time_zone": "Europe/Berlin"},
            "post automation/run_now": lambda: {"site_id": self._site_with_sector()},
        }

    # -- one whole request
    def request(self, method: str, path: str) -> Request:
        """The documented example with real objects in it. Each call makes new ones where the operation changes what it is given."""
        operation = self.operations[method, path]
        sent = Request(self.path_parameters(method, path), {}, {"Authorization": f"Bearer {self.token(method, path)}"})
        for parameter in operation["parameters"]:
            if parameter.get("in") == "query" and parameter["required"]:
                sent.query[parameter["name"]] = self.value(parameter["name"], path) or str(parameter.get("example", ""))
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content and "image" not in str(list(content)):
            sent.body = self.body(method, path, content["application/json"].get("example"))
        if "text/csv" in content:
            sent.mime, sent.body = "text/csv", self._csv(path)
        elif "image/png" in content:
            sent.mime, sent.body = "image/png", PICTURE.read_bytes()
            if "{id}" not in path:
                sent.query |= {"content_id": self.world.content(), "image_type": "featured"}
        return sent

    def token(self, method: str, path: str) -> str:
        """Of the least of the seeded users that may; of a new one for what ends a session."""
        if self.name(method, path) in ("post auth/logout", "post auth/password/change"):
            email = self.world.email()
            self.world.ask("POST", "auth/users/", {"email": email, "password": password(), "role": "viewer"})
            return str(self.world.login(email)["access"])
        role = self.operations.get((method, path), {}).get("x-role")  # a method that the path lacks is sent too
        return self.world.token(DEVELOPER if role in ("developer", "system") else OWNER)

    @staticmethod
    def name(method: str, path: str) -> str:
        return f"{method} {path.removeprefix(BASE).strip('/')}"

    def shared(self, method: str, path: str) -> dict[str, str]:
        """Ids for the path of an object that other requests may have changed; of a new one only for what deletes it."""
        if "{" not in path:
            return {}
        noun = noun_of(path)
        return {"id": (self.world.new if method == "delete" else self.world.one)(noun), **({"number": "1"} if "{number}" in path else {})}

    def path_parameters(self, method: str, path: str) -> dict[str, str]:
        """Ids for the path of an object in the state that the operation is for."""
        if "{" not in path:
            return {}
        noun, short = noun_of(path), path.removeprefix(BASE).strip("/")
        world = self.world
        if short.endswith(_DELETED):
            found = world.deleted(noun)
        elif method in ("put", "patch") or (method == "get" and short not in _IMAGE_FILE) or short.endswith(_HARMLESS):
            found = world.one(noun)
        else:
            found = world.new(noun)
        if short in _IMAGE_FILE:
            world.ask("POST", f"writer/images/{found}/upload/", PICTURE.read_bytes())
        if "/revisions/{number}" in path:
            world.ask("PATCH", f"writer/content/{found}/", {"html": "<p>Another text.</p>"})
        if path.endswith(("/approve/", "/reject/", "/publish/", "/unpublish/")):
            world.ask("POST", "writer/content/bulk_update/", {"ids": [found], "status": "review"})
        if path.endswith("/unpublish/"):
            world.ask("POST", f"writer/content/{found}/publish/")
            world.work_off()
        for step in _RUN_STEPS.get(short.rpartition("/")[2], ()) if noun == "automation/runs" else ():
            world.ask("POST", f"automation/runs/{found}/{step}/")
        return {"id": found, **({"number": "1"} if "{number}" in path else {})}

    def body(self, method: str, path: str, example: Any) -> Any:
        if not isinstance(example, dict):
            return example
        body = self.real(example, path, fresh=True)
        for name in _WORDS:
            if name in body:
                body[name] = self.world.name()
        if "slug" in body:
            body["slug"] = self.world.name().replace(" ", "-")
        special = self._special.get(self.name(method, path), dict)()
        return {k: v for k, v in {**body, **special}.items() if v is not None}

    # -- ids in whatever is generated
    def real(self, value: Any, path: str, *, fresh: bool = False) -> Any:
        """The value with ids of real objects at the places that name objects. What is no text stays: it is wrong on purpose."""
        if not isinstance(value, dict):
            return value
        out: Json = {}
        for name, part in value.items():
            if isinstance(part, str) and part:
                out[name] = self.value(name, path) or part
            elif isinstance(part, list) and part and all(isinstance(p, str) and p for p in part) and (name == "ids" or name in OBJECTS):
                out[name] = [self._listed(name, path, fresh=fresh or "delete" in path), *part[1:]]
            else:
                out[name] = part
        return out

    def value(self, name: str, path: str) -> str | None:
        """The id that a field or parameter of this name takes, None when it names no object."""
        if name in ("site_id", "active_site"):
            return self.world.site
        if name == "sector_id":
            return self.world.sector
        if name == "industry":
            return self.world.industry
        if name == "industry_sector":
            return self.world.industry_sector
        noun = OBJECTS.get(name)
        return self.world.one(noun) if noun and not (noun == noun_of(path) and name == "keyword") else None

    def _listed(self, name: str, path: str, *, fresh: bool) -> str:
        short = path.removeprefix(BASE).strip("/")
        noun = OBJECTS.get(name) or _IDS_OF.get(short) or noun_of(path)
        return self.world.new(noun) if fresh else self.world.one(noun)

    def _csv(self, path: str) -> bytes:
        if "seed-keywords" in path:
            sector = self.world.get(f"auth/industry-sectors/{self.world.industry_sector}/")["data"]
            industry = self.world.get(f"auth/industries/{sector['industry']}/")["data"]
            return f"industry,sector,keyword,volume\n{industry['name']},{sector['name']},{self.world.name()},10\n".encode()
        return f"keyword,volume\n{self.world.name()},10\n".encode()

    def _cluster_with_keyword(self) -> str:
        world, cluster = self.world, self.world.new("planner/clusters")
        world.made("planner/keywords/", {**world.place, "keyword": world.name(), "cluster": cluster})
        return cluster

    def _waiting_image(self) -> Json:
        content = self.world.content()
        self.world.made("writer/images/", {"content": content, "image_type": "featured", "prompt": "A shoe."})
        return {"ids": None, "image_ids": None, "content_ids": [content]}

    def _without_prompts(self) -> Json:
        self.world.ask("DELETE", f"system/prompts/{self.world.prompt()}/")
        return {}

    def _site_with_sector(self) -> str:
        site = self.world.new_site()
        self.world.made("auth/sectors/", {"site_id": site, **self.world.named()})
        return site

    def _reset(self) -> Json:
        """A reset code, read from the mail that Cognito's stand-in sends."""
        from infra.local.cognito_patches import outbox

        email = self.world.email()
        self.world.ask("POST", "auth/users/", {"email": email, "password": password(), "role": "viewer"})
        self.world.ask("POST", "auth/password/reset/", {"email": email})
        code = outbox[-1].get_content().strip().rpartition(" ")[2]
        return {"email": email, "code": code, "new_password": "Another-pass-2!"}
