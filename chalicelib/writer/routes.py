"""HTTP of writing: tasks, contents, images, taxonomy terms."""

from typing import Any

from chalicelib.core.errors import NotFound
from chalicelib.core.resource import resource_routes
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.writer.content import CONTENT, Contents
from chalicelib.writer.images import IMAGE, Images, grouped, images_of
from chalicelib.writer.tasks import TASK, Tasks
from chalicelib.writer.taxonomies import TAXONOMY, Taxonomies

router = Router("writer", tag="Writer", throttle="writer")

resource_routes(router, "tasks", Tasks, TASK)
resource_routes(router, "content", Contents, CONTENT, verbs="list delete restore")
resource_routes(router, "images", Images, IMAGE, verbs="list get delete restore")
resource_routes(router, "taxonomies", Taxonomies, TAXONOMY)


@router.get("content/{id}", summary="Read a content with its HTML", answer=dict[str, Any])
def read_content(call: Call) -> Any:
    contents = Contents(call.ctx)
    content = contents.get(call.id)
    shown = {**contents.present([content])[0], "html": contents.html(content)}
    return Answer(shown, headers={"ETag": f'"{content.version}"'})


@router.get("content/{id}/images", summary="The images of a content", answer=dict[str, Any])
def content_images(call: Call) -> Any:
    content = Contents(call.ctx).get(call.id)
    return {"content": content.id, "title": content.title, **grouped(images_of(call.ctx, content.id))}


@router.get(
    "images/{id}/file",
    "images/{id}/serve_image_file",
    summary="Redirect to a short-lived address of the picture",
    status=302,
    errors=(NotFound,),
)
def image_file(call: Call) -> Any:
    image = Images(call.ctx).get(call.id)
    if not image.image_path:
        raise NotFound("This image has no file yet.")
    return Answer(
        status=302, body="", headers={"Location": call.deps.files.url(image.image_path, 300), "Cache-Control": "private, max-age=240"}
    )
