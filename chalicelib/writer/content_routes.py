"""HTTP of contents: reading and writing them, review, revisions, checks, terms."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core.bulk import Body, BulkAnswer, Ids, each, ids_field
from chalicelib.core.errors import Conflict, NotFound, PreconditionFailed, ValidationFailed
from chalicelib.core.resource import resource_routes, version_wanted
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.core.service import reject_unknown
from chalicelib.writer.answers import (
    ContentAnswer,
    ContentWithHtml,
    ImagesByPlace,
    MappedMetadata,
    Revision,
    RevisionWithHtml,
    TaxonomyAnswer,
)
from chalicelib.writer.content import CONTENT, Content, body_html, revisions
from chalicelib.writer.editing import EDITABLE, MAX_HTML_CHARACTERS, Editor, NewContent
from chalicelib.writer.images import grouped, images_of
from chalicelib.writer.json_ld import described
from chalicelib.writer.metadata import map_metadata
from chalicelib.writer.normalization import normalize_content
from chalicelib.writer.removal import delete_content, kept_online, restore_content
from chalicelib.writer.scoring import as_fields, check
from chalicelib.writer.taxonomies import ensure_terms
from chalicelib.writer.terms import known_terms, linked, with_terms

router = Router("writer", tag="Writer", throttle="writer")
_CHANGE_ERRORS = (NotFound, ValidationFailed, PreconditionFailed)


class ContentChange(BaseModel):
    """html: a new revision when it differs. status: draft or review; note: what the editor says."""

    model_config = ConfigDict(extra="ignore")

    title: str | None = None
    html: str | None = Field(None, max_length=MAX_HTML_CHARACTERS)
    status: str | None = None
    note: str | None = Field(None, max_length=2000)


resource_routes(router, "content", Editor, CONTENT, answer=ContentAnswer, verbs="list")


def shown(call: Call, content: Content, *, status: int = 200) -> Answer:
    """A content with its body, its names and terms, and what it says of itself to search engines."""
    html = body_html(call.ctx, content)
    data = {
        **Editor(call.ctx).present([content])[0],
        "html": html,
        "json_ld": described(call.ctx, content, html),
        "terms": [{"id": t.id, "name": t.name, "taxonomy_type": t.taxonomy_type} for t in linked(call.ctx, content)],
    }
    return Answer(data, status=status, headers={"ETag": f'"{content.version}"'})


@router.post(
    "content", summary="Create a content", body_schema=NewContent, answer=ContentWithHtml, status=201, errors=(NotFound, ValidationFailed)
)
def create(call: Call) -> Answer:
    body = reject_unknown(CONTENT, call.body, NewContent.model_fields, answered=ContentWithHtml.model_fields)
    return shown(call, Editor(call.ctx).create(body), status=201)


@router.get("content/{id}", summary="Read a content with its HTML", answer=ContentWithHtml)
def read(call: Call) -> Answer:
    return shown(call, Editor(call.ctx).get(call.id))


@router.patch("content/{id}", summary="Change a content", body_schema=ContentChange, answer=ContentWithHtml, errors=_CHANGE_ERRORS)
def change(call: Call) -> Answer:
    body = reject_unknown(CONTENT, call.body, EDITABLE, answered=ContentWithHtml.model_fields)
    return shown(call, Editor(call.ctx).patch(call.id, body, if_match=version_wanted(call)))


@router.put("content/{id}", summary="Replace a content", body_schema=NewContent, answer=ContentWithHtml, errors=_CHANGE_ERRORS)
def replace(call: Call) -> Answer:
    """What is left out goes back to its default; the body stays unless `html` is given."""
    body = reject_unknown(CONTENT, call.body, EDITABLE, answered=ContentWithHtml.model_fields)
    needed = ["title", "cluster", "content_type", "content_structure"]
    if "cluster" not in body and Editor(call.ctx).get(call.id).cluster is None:
        needed.remove("cluster")  # an imported one may have none
    missing = [n for n in needed if n not in body]
    if missing:
        raise ValidationFailed(f"{missing[0]}: is required.", fields={n: ["is required."] for n in missing})
    fields = CONTENT.model.model_fields
    cleared = {n: fields[n].get_default(call_default_factory=True) for n in CONTENT.patch if n not in body and n != "slug"}
    return shown(call, Editor(call.ctx).patch(call.id, {**cleared, **body}, if_match=version_wanted(call)))


class DeletedContent(BaseModel):
    """external_url: the post that stays online, if there is one."""

    id: str
    external_id: str | None
    external_url: str | None


@router.delete("content/{id}", summary="Delete a content; its published post stays", answer=DeletedContent, errors=_CHANGE_ERRORS)
def delete(call: Call) -> Answer:
    gone = delete_content(call.ctx, call.id, if_match=version_wanted(call))
    return Answer({"id": gone.id, "external_id": gone.external_id, "external_url": gone.external_url}, message=kept_online(gone))


@router.post("content/{id}/restore", role="admin", summary="Restore a deleted content", answer=ContentWithHtml, errors=(NotFound,))
def restore(call: Call) -> Answer:
    return shown(call, restore_content(call.ctx, call.id))


# -- review
class ContentStatuses(Body):
    ids: Ids = ids_field("content_ids")
    status: str = Field(min_length=1, max_length=20)
    note: str | None = Field(None, max_length=2000)


@router.post("content/bulk_update", summary="Move contents between draft and review", body=ContentStatuses, answer=BulkAnswer)
def bulk_update(call: Call) -> Any:
    wanted, editor = call.body, Editor(call.ctx)
    if wanted.status not in ("draft", "review", "published"):
        raise ValidationFailed.field("status", "must be one of draft, review.")
    return each(wanted.ids, lambda one: editor.move(one, wanted.status, wanted.note))


class ContentIds(Body):
    ids: Ids = ids_field("content_ids")


@router.post("content/bulk_delete", summary="Delete contents; published posts stay", body=ContentIds, answer=BulkAnswer)
def bulk_delete(call: Call) -> Any:
    return each(call.body.ids, lambda one: delete_content(call.ctx, one))


class Approval(Body):
    note: str | None = Field(None, max_length=2000)


class Rejection(Body):
    note: str = Field(min_length=1, max_length=2000)


@router.post(
    "content/{id}/approve", summary="Approve a content in review", body=Approval, answer=ContentWithHtml, errors=(NotFound, Conflict)
)
def approve(call: Call) -> Answer:
    return shown(call, Editor(call.ctx).approve(call.id, call.body.note))


@router.post(
    "content/{id}/reject", summary="Send a content back to draft", body=Rejection, answer=ContentWithHtml, errors=(NotFound, Conflict)
)
def reject(call: Call) -> Answer:
    return shown(call, Editor(call.ctx).reject(call.id, call.body.note))


# -- revisions
@router.get("content/{id}/revisions", summary="Revisions of a content, newest first", answer=list[Revision])
def list_revisions(call: Call) -> Any:
    return revisions(call.ctx, Editor(call.ctx).get(call.id))


def _number(call: Call) -> int:
    text = call.path["number"]
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 999_999:
        raise NotFound("There is no such revision of this content.")
    return int(text)


@router.get("content/{id}/revisions/{number}", summary="Read a revision with its HTML", answer=RevisionWithHtml, errors=(NotFound,))
def read_revision(call: Call) -> Any:
    content, number = Editor(call.ctx).get(call.id), _number(call)
    html = body_html(call.ctx, content, number)
    about = next((r for r in revisions(call.ctx, content) if r["revision"] == number), {})
    return {**about, "html": html}


@router.post(
    "content/{id}/revisions/{number}/restore", summary="Make a revision the current one", answer=ContentWithHtml, errors=(NotFound,)
)
def restore_revision(call: Call) -> Answer:
    return shown(call, Editor(call.ctx).restore_revision(call.id, _number(call)))


# -- checks, metadata, terms, images
class CheckBody(Body):
    """html: to check before it is saved; the stored body when left out."""

    html: str | None = Field(None, max_length=MAX_HTML_CHARACTERS)


class CheckAnswer(BaseModel):
    """ok: nothing that must not be published. html: as it would be stored, when one was sent."""

    ok: bool
    score: int
    blockers: int
    findings: list[dict[str, str]]
    html: str | None = None


@router.post("content/{id}/validate", summary="Check a content", body=CheckBody, answer=CheckAnswer, errors=(NotFound,))
def validate(call: Call) -> Any:
    """The check of the stored body is kept with the content."""
    editor, sent = Editor(call.ctx), call.body.html
    content = editor.get(call.id)
    html = body_html(call.ctx, content) if sent is None else normalize_content(sent)
    found = check(call.ctx, content, html if sent is None else sent)
    fields = as_fields(found)
    if sent is None:
        editor.revise(call.id, lambda old: fields if old.revision == content.revision else {})
    return {"ok": found.ok, **fields, "html": None if sent is None else html}


@router.post("content/{id}/map_metadata", summary="Map terms, cluster and fields to the target", answer=MappedMetadata, errors=(NotFound,))
def do_map_metadata(call: Call) -> Any:
    return map_metadata(call.ctx, call.id)


class TermsBody(Body):
    """Terms by id, or (to add) categories and tags by name, which are made where they are missing."""

    ids: Ids | None = ids_field("term_ids", "taxonomy_term_ids", "taxonomy_terms", most=50, optional=True)
    categories: list[str] = Field(default_factory=list, max_length=20)
    tags: list[str] = Field(default_factory=list, max_length=30)


@router.get("content/{id}/taxonomy_terms", summary="The terms of a content", answer=list[TaxonomyAnswer])  # type: ignore[valid-type]
def read_terms(call: Call) -> Any:
    return [t.model_dump() for t in linked(call.ctx, Editor(call.ctx).get(call.id))]


@router.post("content/{id}/taxonomy_terms", summary="Add terms to a content", body=TermsBody, answer=ContentWithHtml, errors=_CHANGE_ERRORS)
def add_terms(call: Call) -> Answer:
    editor, wanted = Editor(call.ctx), call.body
    content = editor.get(call.id)
    known = known_terms(call.ctx, content.site_id, wanted.ids or [])
    made = [
        *ensure_terms(call.ctx, content.site_id, content.sector_id, wanted.categories, "category"),
        *ensure_terms(call.ctx, content.site_id, content.sector_id, wanted.tags, "tag"),
    ]
    terms = [*known, *known_terms(call.ctx, content.site_id, made)]
    if not terms:
        raise ValidationFailed.field("ids", "name at least one term.")
    return shown(call, editor.revise(call.id, lambda old: with_terms(old, terms, [])))


@router.delete(
    "content/{id}/taxonomy_terms", summary="Remove terms from a content", body=ContentIds, answer=ContentWithHtml, errors=_CHANGE_ERRORS
)
def remove_terms(call: Call) -> Answer:
    """By id; a term that the content does not carry changes nothing."""
    editor = Editor(call.ctx)
    content = editor.get(call.id)
    terms = known_terms(call.ctx, content.site_id, call.body.ids)
    return shown(call, editor.revise(call.id, lambda old: with_terms(old, [], terms)))


@router.get("content/{id}/images", summary="The images of a content", answer=ImagesByPlace)
def content_images(call: Call) -> Any:
    content = Editor(call.ctx).get(call.id)
    return {"content": content.id, "title": content.title, **grouped(call.ctx, images_of(call.ctx, content.id))}
