"""HTTP of images: the usual routes, status, pictures of one's own, groups by content."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.core.bulk import MAX_IDS, Body, BulkAnswer, Ids, each, ids_field
from chalicelib.core.entity import invalid
from chalicelib.core.errors import Duplicate, NotFound, TooLarge, UnsupportedMediaType, ValidationFailed
from chalicelib.core.multipart import file_of
from chalicelib.core.parameters import list_parameters
from chalicelib.core.resource import list_answer, resource_routes
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.writer.answers import ImageAnswer, ImageGroup
from chalicelib.writer.content import CONTENT, Contents
from chalicelib.writer.image_editing import ImageEditor, NewImage
from chalicelib.writer.images import FILE_SECONDS, IMAGE, ImageStatus, ImageType, grouped

router = Router("writer", tag="Writer", throttle="writer")
PICTURE_TYPES = ("multipart/form-data", "image/png", "image/jpeg", "image/webp", "application/octet-stream")
_UPLOAD_ERRORS = (NotFound, ValidationFailed, TooLarge, UnsupportedMediaType)

resource_routes(router, "images", ImageEditor, IMAGE, create_body=NewImage, answer=ImageAnswer)


class ImageStatuses(Body):
    """Of the images named, or of all images of a content."""

    ids: Ids | None = ids_field("image_ids", most=MAX_IDS, optional=True)
    content_id: str | None = None
    status: ImageStatus


@router.post("images/bulk_update", summary="Set images' status", body=ImageStatuses, answer=BulkAnswer, errors=(NotFound, ValidationFailed))
def bulk_update(call: Call) -> Any:
    wanted, editor = call.body, ImageEditor(call.ctx)
    if (wanted.ids is None) == (wanted.content_id is None):
        raise ValidationFailed.field("ids", "give either ids or content_id.")
    ids = wanted.ids or [i.id for i in editor.of_content(Contents(call.ctx).get(wanted.content_id).id)]
    return each(ids, lambda one: editor.patch(one, {"status": wanted.status}))


class ImageIds(Body):
    ids: Ids = ids_field("image_ids")


@router.post("images/bulk_delete", summary="Delete images", body=ImageIds, answer=BulkAnswer)
def bulk_delete(call: Call) -> Any:
    return each(call.body.ids, ImageEditor(call.ctx).delete)


class Groups(Contents):
    """Contents as their images are shown: the featured one and those in the article."""

    def present(self, records: Any) -> list[dict[str, Any]]:
        images = ImageEditor(self.ctx)
        shown = {r.id: images.of_content(r.id) if r.images_total else [] for r in records}
        return [
            {"content": r.id, "title": r.title, "status": r.status, "images_total": r.images_total, "images_open": r.images_open}
            | grouped(self.ctx, shown[r.id])
            for r in records
        ]


@router.get("images/content_images", summary="Images by content", query=list_parameters(CONTENT), listed=ImageGroup)
def content_images(call: Call) -> Any:
    """The parameters are those of the list of contents."""
    return list_answer(call, Groups(call.ctx))


class UploadQuery(BaseModel):
    """Where a new image belongs (as of a create), for a body that is the picture itself."""

    model_config = ConfigDict(extra="forbid")

    content_id: str | None = None
    task_id: str | None = None
    site_id: str | None = None
    sector_id: str | None = None
    image_type: ImageType | None = None
    position: int | None = Field(None, ge=0, le=99)
    alt: str | None = Field(None, max_length=500)


@router.post(
    "images/upload",
    summary="Add an image of one's own",
    query=UploadQuery,
    accepts=PICTURE_TYPES,
    answer=ImageAnswer,
    status=201,
    errors=(*_UPLOAD_ERRORS, Duplicate),
)
def upload_new(call: Call) -> Any:
    """PNG, JPEG or WebP as multipart field `file`, the other fields beside it, or as the raw body."""
    upload = file_of(call)
    given = {**call.query.model_dump(exclude_none=True), **upload.fields}
    try:
        wanted = NewImage.model_validate(given)
    except ValidationError as error:
        raise invalid(error) from None
    editor = ImageEditor(call.ctx)
    image = editor.add(wanted, data=upload.data, alt=wanted.alt, prompt=wanted.prompt)
    return Answer(editor.present([image])[0], status=201)


@router.post("images/{id}/upload", summary="Use a picture of one's own", accepts=PICTURE_TYPES, answer=ImageAnswer, errors=_UPLOAD_ERRORS)
def upload(call: Call) -> Any:
    """PNG, JPEG or WebP as multipart field `file` or as the raw body; it takes the place of what was drawn."""
    editor = ImageEditor(call.ctx)
    editor.get(call.id)  # before the file is read: a foreign id says nothing about files
    return editor.present([editor.put_picture(call.id, file_of(call).data)])[0]


@router.get(
    "images/{id}/file",
    "images/{id}/serve_image_file",
    summary="Redirect to a short-lived address of the picture",
    status=302,
    errors=(NotFound,),
)
def image_file(call: Call) -> Any:
    image = ImageEditor(call.ctx).get(call.id)
    if not image.image_path:
        raise NotFound("This image has no file yet.")
    address = call.deps.files.url(image.image_path, FILE_SECONDS)
    return Answer(status=302, body="", headers={"Location": address, "Cache-Control": "private, no-cache"})
