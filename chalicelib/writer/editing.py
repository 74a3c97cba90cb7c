"""The editor's work on contents: writing and rewriting them, moving them between draft and review, taking them back."""

from collections.abc import Callable
from typing import Any

from pydantic import Field
from slugify import slugify

from chalicelib.core.bulk import Body
from chalicelib.core.errors import Conflict, ValidationFailed
from chalicelib.core.ids import stamp, ulid
from chalicelib.core.rewrite import in_turn, parsed, rewrite
from chalicelib.core.table import Write
from chalicelib.planner.cluster_figures import content_deltas, figure_writes
from chalicelib.planner.ideas import ContentType
from chalicelib.writer.content import CONTENT, Content, Contents, body_html, body_write
from chalicelib.writer.likeness import sketch_write
from chalicelib.writer.normalization import normalize_content
from chalicelib.writer.scoring import CHECKED, scored
from chalicelib.writer.terms import count_writes, known_terms

MAX_HTML_CHARACTERS = 600_000
EDITABLE = CONTENT.patch | {"html", "status", "note"}
_APPROVAL = {"approved": False, "approved_by": None, "approved_at": None}


class NewContent(Body):
    """html: HTML, Markdown or plain text; what is stored is clean HTML."""

    site_id: str
    sector_id: str
    title: str = Field(min_length=1, max_length=300)
    cluster: str
    content_type: ContentType
    content_structure: str = Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")
    html: str = Field("", max_length=MAX_HTML_CHARACTERS)
    slug: str = Field("", max_length=200)
    excerpt: str = Field("", max_length=2000)
    meta_title: str | None = Field(None, max_length=300)
    meta_description: str | None = Field(None, max_length=500)
    primary_keyword: str | None = Field(None, max_length=200)
    secondary_keywords: list[str] = Field(default_factory=list, max_length=100)
    language: str = "en"
    categories: list[str] = Field(default_factory=list, max_length=20)
    tags: list[str] = Field(default_factory=list, max_length=50)
    taxonomy_terms: list[str] = Field(default_factory=list, max_length=50)


class Editor(Contents):
    """Contents as an editor changes them. Every HTML that is written is normalised, kept as a revision, and checked."""

    def create(self, body: dict[str, Any]) -> Content:
        """A draft of one's own. Raises: ValidationFailed, NotFound."""
        wanted = parsed(NewContent, body).model_dump(exclude={"site_id", "sector_id", "html"})
        owner, html = self.owner(body), _normal(body.get("html"))
        tail = ulid(self.ctx.deps.clock.now())
        slug = wanted.pop("slug") or slugify(wanted["title"])[:120] or tail
        content = self.repository.new(owner, tail, **wanted, slug=slug, revision=1 if html else 0)
        self.check_related(content)
        known_terms(self.ctx, content.site_id, content.taxonomy_terms)
        if html:
            content = self.repository.new(owner, tail, **{**content.model_dump(), **scored(self.ctx, content, html)})

        def store() -> Content:
            return self.repository.create(content, *self._beside(None, content), *self._body(content, html))

        return in_turn(store)

    def patch(self, public_id: str, body: dict[str, Any], *, if_match: int | None = None) -> Content:
        """body: fields of EDITABLE. A new `html` is a new revision; status moves between draft and review.

        Raises: NotFound, ValidationFailed, PreconditionFailed.
        """
        changes = {k: v for k, v in body.items() if k in CONTENT.patch}
        present = self.get(public_id)
        if "cluster" in changes and changes["cluster"] != present.cluster:
            if not isinstance(changes["cluster"], str):
                raise ValidationFailed.field("cluster", "must be an id.")
            self.check_related(present.model_copy(update={"cluster": changes["cluster"]}))
        if "taxonomy_terms" in changes:
            changes["taxonomy_terms"] = [t.id for t in known_terms(self.ctx, present.site_id, changes["taxonomy_terms"])]
        html = _normal(body["html"]) if "html" in body else None
        about = {"note": body.get("note") or "Edited."}

        def wanted(old: Content) -> dict[str, Any]:
            return {**changes, **({"note": body["note"]} if "note" in body else {}), **transition(old, body.get("status"))}

        return self.revise(public_id, wanted, html, about=about, if_match=if_match)

    def revise(
        self,
        public_id: str,
        changes: Callable[[Content], dict[str, Any]],
        html: str | None = None,
        *,
        about: dict[str, Any] | None = None,
        if_match: int | None = None,
    ) -> Content:
        """Change a content, its cluster's and terms' figures with it. html: clean, a new revision when it differs; about: what is known
        of that revision. What the check reads is checked again, and an approval of what was there before ends."""

        def complete(old: Content) -> dict[str, Any]:
            wanted, text = changes(old), html
            if text is not None and text == body_html(self.ctx, old):
                text = None
            if text is not None:
                wanted["revision"] = old.revision + 1
            if text is not None or any(name in CHECKED and getattr(old, name) != value for name, value in wanted.items()):
                shape = self.repository.changed(old, **wanted)
                wanted |= scored(self.ctx, shape, body_html(self.ctx, old) if text is None else text)
                wanted |= _APPROVAL if old.approved and not wanted.get("approved") else {}
            return wanted

        def also(old: Content, new: Content) -> list[Write]:
            body = self._body(new, html or "", **(about or {})) if new.revision != old.revision else []
            return [*self._beside(old, new), *body]

        return rewrite(self.repository, public_id, complete, also, if_match=if_match)

    def move(self, public_id: str, status: str, note: str | None = None) -> Content:
        """Put a content into review or back to draft. Raises: NotFound, ValidationFailed."""
        said = {} if note is None else {"note": note}
        return self.revise(public_id, lambda old: {**transition(old, status), **said})

    def approve(self, public_id: str, note: str | None = None) -> Content:
        """Say yes to a content in review; publishing it is another step. Raises: NotFound, Conflict."""

        def changes(old: Content) -> dict[str, Any]:
            if old.status != "review":
                raise Conflict(f"This content is {old.status}; only one in review is approved.")
            yes = {"approved": True, "approved_by": self.ctx.scope.user_id, "approved_at": stamp(self.ctx.deps.clock.now())}
            return yes if note is None else {**yes, "note": note}

        return self.revise(public_id, changes)

    def reject(self, public_id: str, note: str) -> Content:
        """Send a content in review back to its writer. Automation does not take it up again. Raises: NotFound, Conflict."""

        def changes(old: Content) -> dict[str, Any]:
            if old.status != "review":
                raise Conflict(f"This content is {old.status}; only one in review is rejected.")
            return {**transition(old, "draft"), "note": note}

        return self.revise(public_id, changes)

    def restore_revision(self, public_id: str, number: int) -> Content:
        """Make an earlier body the current one, as a new revision. Raises: NotFound."""
        html = body_html(self.ctx, self.get(public_id), number)
        return self.revise(public_id, lambda old: {}, html, about={"note": f"Revision {number} restored."})

    def _body(self, content: Content, html: str, **about: Any) -> list[Write]:
        if not content.revision:
            return []
        known = {"created_at": content.updated_at, "created_by": self.ctx.scope.user_id, "words": content.word_count, **about}
        sketch = sketch_write(self.ctx, content.id, html, content.language)
        return [body_write(self.ctx, content.id, content.revision, html, **known), sketch]

    def _beside(self, old: Content | None, new: Content) -> list[Write]:
        joins = [new.cluster] if new.cluster and (old is None or old.cluster != new.cluster) else []
        return [*figure_writes(self.ctx, content_deltas([(old, new)]), needed=joins), *count_writes(self.ctx, old, new)]


def transition(content: Content, status: Any) -> dict[str, Any]:
    """The changes of moving a content to a status: draft <-> review by an editor, published by its target alone.

    Raises: ValidationFailed.
    """
    if status is None or status == content.status:
        return {}
    if (content.status, status) == ("draft", "review"):
        if not content.revision:
            raise ValidationFailed.field("status", "this content has no text to review yet.")
        return {"status": "review", "held": False, **_APPROVAL}
    if (content.status, status) == ("review", "draft"):
        return {"status": "draft", "held": True, "publish_at": None, **_APPROVAL}
    if status == "published":
        raise ValidationFailed.field("status", "publish it: a content is published when its target has answered.")
    if content.status == "published":
        raise ValidationFailed.field("status", "this content is published; unpublish it first.")
    raise ValidationFailed.field("status", "must be one of draft, review.")


def _normal(html: Any) -> str:
    """Clean HTML of what was sent. Raises: ValidationFailed."""
    if html is None or html == "":
        return ""
    if not isinstance(html, str) or len(html) > MAX_HTML_CHARACTERS:
        raise ValidationFailed.field("html", f"must be text of at most {MAX_HTML_CHARACTERS:,} characters.")
    clean = normalize_content(html)
    if html.strip() and not clean:
        raise ValidationFailed.field("html", "holds nothing that can be shown.")
    return clean
