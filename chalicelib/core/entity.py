"""Entity: the one declaration of a resource, from which keys, indexes, lists, unique rules, schemas and documentation are derived."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from chalicelib.core.errors import NotFound, ValidationFailed
from chalicelib.core.table import Item, Key, Write

INDEXES = {"c": "byC", "v": "byV", "d": "byD", "k": "byK", "n": "byN"}  # index attribute -> GSI with hash `lp`
NUMBER_INDEXES = frozenset("vdk")
MISSING = -1  # stored for "no value" in a number index, so that the object stays in the list; sorted last by core.listing
SYSTEM_FIELDS = frozenset({"id", "created_at", "updated_at", "version", "deleted_at"})
RESERVED = frozenset({"pk", "sk", "lp", "cl", "kind", "q", *INDEXES})  # names of stored attributes that no model may have
SEARCH_MAX_CHARACTERS = 20_000
INDEX_VALUE_MAX_BYTES = 1000  # Source: DynamoDB, quotas: a sort key, of an index too, has at most 1024 bytes


class Record(BaseModel):
    """What every stored object has. Times are UTC ISO-8601 text of fixed width; version counts writes from 1."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    id: str
    created_at: str
    updated_at: str
    version: int = 1
    deleted_at: str | None = None
    order: str = Field("", exclude=True)  # index value of creation order, kept over all versions; not part of the document


class SiteRecord(Record):
    site_id: str


class SectorRecord(SiteRecord):
    sector_id: str


M = TypeVar("M", bound=Record)


@dataclass(frozen=True)
class Placement:
    """Where an entity's items live.

    key(tenant, id) -> primary key; owner(id) -> the site or sector id the object belongs to ('' = the account), which is what the
    scope is asked about; lists(tenant, owner) -> hash of the list indexes; make_id(owner, tail) -> public id.
    """

    kind: Literal["account", "site", "sector"]
    key: Callable[[str, str], Key]
    owner: Callable[[str], str]
    lists: Callable[[str, str], str]
    make_id: Callable[[str, str], str]


def _split(public_id: str) -> tuple[str, str]:
    owner, dash, tail = public_id.partition("-")
    if not dash or not tail or not owner:
        raise NotFound()
    return owner, tail


def in_sector(letter: str) -> Placement:
    """Id `<sector>-<tail>`, partition `<tenant>#<sector>#<letter>`."""
    return _owned("sector", letter, 10)


def in_site(letter: str) -> Placement:
    """Id `<site>-<tail>`, partition `<tenant>#<site>#<letter>`."""
    return _owned("site", letter, 6)


def _owned(kind: Literal["site", "sector"], letter: str, length: int) -> Placement:
    def key(tenant: str, public_id: str) -> Key:
        owner, tail = _split(public_id)
        if len(owner) != length:
            raise NotFound()
        return f"{tenant}#{owner}#{letter}", tail

    return Placement(
        kind=kind,
        key=key,
        owner=lambda public_id: _split(public_id)[0],
        lists=lambda tenant, owner: f"{tenant}#{owner}#{letter}",
        make_id=lambda owner, tail: f"{owner}-{tail}",
    )


def in_account(prefix: str, *, partition: str = "A") -> Placement:
    """Id is the tail itself, partition `<tenant>#<partition>`, sort key `<prefix>#<id>`."""
    return Placement(
        kind="account",
        key=lambda tenant, public_id: (f"{tenant}#{partition}", f"{prefix}#{public_id}"),
        owner=lambda public_id: "",
        lists=lambda tenant, owner: f"{tenant}#{partition}#{prefix}",
        make_id=lambda owner, tail: tail,
    )


def in_catalogue(name: str) -> Placement:
    """Shared by all tenants: id is the sort key, partition `G#<name>`. Uniqueness is the id's;
    sentinels and counters are tenants' things."""
    return Placement(
        kind="account",
        key=lambda tenant, public_id: (f"G#{name}", public_id),
        owner=lambda public_id: "",
        lists=lambda tenant, owner: f"G#{name}#LIST",
        make_id=lambda owner, tail: tail,
    )


@dataclass(frozen=True)
class Filter:
    """A query parameter of a list. op: eq | ge | le on `field`; kind parses the text; choices limits it;
    related names the entity whose existing id it must be."""

    field: str
    op: Literal["eq", "ge", "le"] = "eq"
    kind: Literal["text", "integer", "boolean"] = "text"
    choices: tuple[str, ...] = ()
    related: "Callable[[], Entity[Any]] | None" = None

    def parse(self, name: str, text: str) -> Any:
        """Raises: ValidationFailed naming the parameter and what is allowed."""
        if self.choices and text not in self.choices:
            raise ValidationFailed.field(name, f"must be one of {', '.join(self.choices)}.")
        if self.kind == "integer":
            if not re.fullmatch("-?[0-9]{1,400}", text):
                raise ValidationFailed.field(name, "must be a whole number.")
            number = int(text)
            if abs(number) > 10**15:
                raise ValidationFailed.field(name, "is out of range.")
            return number
        if self.kind == "boolean":
            if text not in ("true", "false"):
                raise ValidationFailed.field(name, "must be true or false.")
            return text == "true"
        if not text or len(text) > 200:
            raise ValidationFailed.field(name, "must have 1-200 characters.")
        return text


@dataclass(frozen=True)
class Unique:
    """Values that no two live objects of one owner share, kept by a sentinel item."""

    fields: tuple[str, ...]
    within: Literal["account", "site", "sector"] = "sector"

    def value(self, record: Record) -> str | None:
        return self.joined({name: getattr(record, name) for name in self.fields})

    def joined(self, values: Mapping[str, Any]) -> str | None:
        """The fields' values as the sentinel's key has them, None where one has no value."""
        wanted = [values[name] for name in self.fields]
        return None if any(v is None for v in wanted) else "#".join(normalise(str(v)) for v in wanted)


IndexValue = str | Callable[[Any], Any]


@dataclass(frozen=True)
class Entity(Generic[M]):
    """The declaration of a resource.

    index: index attribute (c v d k n) -> field name or function of the record; collection: value of `cl` (byCL) or None.
    create/patch: fields a client may set; orderings: ordering name -> index attribute; counted: fields whose values are counted
    per owner; ranked: (field, its values in rank order) where `d` holds rank * 2^64 + creation order, which makes the field's
    filter and order cost a page only. beside(tenant, before, after): writes on items that each write of a record keeps in step with it,
    None where there was or is no record.
    """

    name: str
    plural: str
    model: type[M]
    place: Placement
    letter: str
    index: Mapping[str, IndexValue] = field(default_factory=dict)
    collection: Callable[[Any], str | None] | None = None
    filters: Mapping[str, Filter] = field(default_factory=dict)
    orderings: Mapping[str, str] = field(default_factory=lambda: {"created_at": "c"})
    default_ordering: str = "-created_at"
    search: tuple[str, ...] = ()
    unique: tuple[Unique, ...] = ()
    create: frozenset[str] = frozenset()
    patch: frozenset[str] = frozenset()
    counted: tuple[str, ...] = ()
    ranked: tuple[str, tuple[str, ...]] | None = None
    beside: Callable[[str, Any, Any], list[Write]] = lambda tenant, before, after: []
    soft_delete: bool = True

    def __post_init__(self) -> None:
        known = set(self.model.model_fields)
        if taken := known & RESERVED:
            raise TypeError(f"{self.name}: {', '.join(sorted(taken))} cannot be a field, core stores something else there")
        named = [f.field for f in self.filters.values()] + [*self.search, *self.create, *self.patch, *self.counted]
        named += [v for v in self.index.values() if isinstance(v, str)] + [f for u in self.unique for f in u.fields]
        for name in named:
            if name not in known:
                raise TypeError(f"{self.name}: {self.model.__name__} has no field {name!r}")
        for ordering, attribute in self.orderings.items():
            if attribute not in INDEXES or attribute not in {"c", *self.index, *("d" if self.ranked else "")}:
                raise TypeError(f"{self.name}: the ordering {ordering!r} has no index")
        if self.default_ordering.lstrip("-") not in self.orderings:
            raise TypeError(f"{self.name}: unknown default ordering")

    # -- records and items
    def to_item(self, tenant: str, record: M) -> Item:
        """The stored form: the document's fields that have a value, and the index attributes. A deleted record moves to the list
        partition of deleted ones and leaves its collection."""
        item: Item = {k: v for k, v in record.model_dump(mode="python").items() if v is not None}
        lists = self.place.lists(tenant, self.place.owner(record.id))
        item["lp"] = lists + "#deleted" if record.deleted_at else lists
        item["c"] = record.order
        item["kind"] = self.name
        for attribute, source in self.index.items():
            value = getattr(record, source) if isinstance(source, str) else source(record)
            if attribute in NUMBER_INDEXES:
                item[attribute] = MISSING if value is None else value
            else:
                item[attribute] = _fitting(normalise(_text(value))) or " "
        if self.ranked:
            name, values = self.ranked
            item["d"] = rank_base(values.index(getattr(record, name))) + int(record.order, 16)
        if self.collection and not record.deleted_at and (collection := self.collection(record)):
            item["cl"] = f"{tenant}#{collection}"
        if self.search and self.search_attribute == "q":
            item["q"] = normalise(" ".join(_text(getattr(record, f)) for f in self.search))[:SEARCH_MAX_CHARACTERS]
        return item

    def from_item(self, item: Item) -> M:
        return self.model.model_validate({**item, "order": item["c"]})

    def create_shape(self, owners: set[str]) -> type[BaseModel]:
        """The body of a create, derived from the model: owner ids and the fields a client may set."""
        return self._shape("Create", self.create, owners, optional=False)

    def put_shape(self) -> type[BaseModel]:
        return self._shape("Put", self.patch, set(), optional=False)

    def patch_shape(self) -> type[BaseModel]:
        return self._shape("Patch", self.patch, set(), optional=True)

    def _shape(self, suffix: str, names: frozenset[str], owners: set[str], *, optional: bool) -> type[BaseModel]:
        fields: dict[str, Any] = {n: (str, ...) for n in sorted(owners)}
        for name in sorted(names):
            info = self.model.model_fields[name]
            annotation: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
            fields[name] = (annotation, Field(None, description=info.description) if optional else info)
        return create_model(self.model.__name__ + suffix, __config__=ConfigDict(extra="forbid"), **fields)

    @property
    def search_attribute(self) -> str:
        """`n` where that holds the one searched field, unless lists are ordered by it: DynamoDB filters by no key of the index it reads."""
        own = len(self.search) == 1 and self.index.get("n") == self.search[0] and "n" not in self.orderings.values()
        return "n" if own else "q"


def rank_base(rank: int) -> int:
    return rank << 64


def _fitting(text: str) -> str:
    """The longest beginning of the text that an index key can hold."""
    return text.encode()[:INDEX_VALUE_MAX_BYTES].decode(errors="ignore")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def normalise(text: str) -> str:
    """Case-folded NFC with single spaces: what names are compared, ordered and searched by."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def validated(model: type[M], data: dict[str, Any]) -> M:
    """The record of the data. Raises: ValidationFailed with a message for each field."""
    for name, value in data.items():
        if isinstance(value, bool) and (known := model.model_fields.get(name)) and not _takes_bool(known.annotation):
            raise ValidationFailed.field(name, "must not be true or false.")  # which pydantic takes for 1 and 0
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid(error) from None


def _takes_bool(annotation: Any) -> bool:
    return annotation in (bool, Any) or any(_takes_bool(part) for part in get_args(annotation))


def invalid(error: ValidationError) -> ValidationFailed:
    """pydantic's complaints as ours: field path -> messages."""
    fields: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]) or "body"
        fields.setdefault(name, []).append(problem["msg"].removeprefix("Value error, "))
    first = next(iter(fields))
    return ValidationFailed(f"{first}: {fields[first][0]}", fields=fields)
