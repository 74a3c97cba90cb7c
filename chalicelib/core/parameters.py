"""The query parameters of a resource's list, derived from its Entity: names for validation, kinds and choices for the document."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from chalicelib.core.entity import Entity, Filter

PAGE_SIZE, PAGE_SIZE_MAX = 25, 100
OWNER_PARAMETERS: dict[str, tuple[str, ...]] = {"account": (), "site": ("site_id",), "sector": ("site_id", "sector_id")}
_BOOLEAN = ("true", "false")
_RELATION = {"eq": "equal to", "ge": "at least", "le": "at most"}


def _parameter(description: str, **schema: Any) -> Any:
    """A parameter that stays text for the handler, which parses it and names it when it is wrong; `schema` is what the document says."""
    return str | None, Field(None, description=description, json_schema_extra=schema)


def _filter(rule: Filter) -> Any:
    what = rule.field.replace("_", " ")
    if rule.kind == "integer":
        return _parameter(f"Only objects whose {what} is {_RELATION[rule.op]} this.", type="integer", minimum=-(10**15), maximum=10**15)
    if rule.kind == "boolean":
        return _parameter(f"Only objects whose {what} is this.", type="string", enum=list(_BOOLEAN))
    if rule.related is not None:
        return _parameter(
            f"Only objects of this {rule.related().name.replace('_', ' ')} (404 when there is none of this id).", type="string"
        )
    choices = {"enum": list(rule.choices)} if rule.choices else {"minLength": 1, "maxLength": 200}
    return _parameter(f"Only objects whose {what} is {_RELATION[rule.op]} this.", type="string", **choices)


def list_parameters(entity: Entity[Any]) -> type[BaseModel]:
    """The model of a list's query string. The handler reads the texts; see `core.resource.list_answer`."""
    orderings = [sign + name for name in entity.orderings for sign in ("", "-")]
    fields: dict[str, Any] = {
        name: _parameter(
            f"Only objects of this {name.removesuffix('_id')} (404 when there is none of this id).", type="string", minLength=1
        )
        for name in OWNER_PARAMETERS[entity.place.kind]
    }
    fields |= {name: _filter(rule) for name, rule in entity.filters.items()}
    if entity.search:
        where = ", ".join(name.replace("_", " ") for name in entity.search)
        fields["search"] = _parameter(f"Only objects with this text in: {where}. Case does not matter.", type="string", maxLength=200)
    fields |= {
        "ordering": _parameter(
            "Order of the list; objects without a value come last.", type="string", enum=orderings, default=entity.default_ordering
        ),
        "page_size": _parameter("Objects a page.", type="integer", minimum=1, maximum=PAGE_SIZE_MAX, default=PAGE_SIZE),
        "cursor": _parameter(
            "A place in the list: take the whole `next` or `previous` URL rather than making one.", type="string", format="cursor"
        ),
        "page": _parameter("Page by number, for the first few thousand rows; beyond that follow `next`.", type="integer", minimum=1),
        "deleted": _parameter("`true`: the deleted objects instead (admins and up).", type="string", enum=list(_BOOLEAN)),
    }
    name = f"{entity.name.title().replace('_', '')}ListParameters"
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
