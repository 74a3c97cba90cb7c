"""Contents that are ready to be published: text, terms, search fields, a featured picture and some in the text, all drawn."""

from typing import Any

from chalicelib.core.context import Context
from chalicelib.planner.clusters import CLUSTER
from chalicelib.writer.content import CONTENT, body_write
from chalicelib.writer.html import word_count
from chalicelib.writer.images import IMAGE, Image, image_id
from tests.wordpress.pictures import jpeg, photo


def stocked(ctx: Context, place: Any, number: int, *, in_article: int = 1, size_px: tuple[int, int] = (64, 48)) -> list[str]:
    """Ids of so many contents in review. size_px: of the pictures."""
    clusters, contents, images = ctx.repository(CLUSTER), ctx.repository(CONTENT), ctx.repository(IMAGE)
    cluster = clusters.create(clusters.new(place.sector_id, name=f"Stock of {number}")).id
    out = []
    for n in range(number):
        headings = "".join(f"<h2>Part {i}</h2><p>What part {i} of article {n} has to say.</p>" for i in range(max(2, in_article)))
        html = f"<p>Article {n} begins here.</p>{headings}"
        content = contents.new(
            place.sector_id,
            title=f"Article {n} & more",
            slug=f"{place.site_id}-article-{n}",
            cluster=cluster,
            content_structure="guide",
            meta_title=f"Article {n} for searchers",
            meta_description="What it says.",
            categories=[f"Category {n % 3}"],
            tags=[f"Tag {n % 5}", "All"],
            revision=1,
            word_count=word_count(html),
            status="review",
            prompts_done=True,
            images_total=1 + in_article,
        )
        writes = [body_write(ctx, content.id, 1, html, created_at=content.created_at)]
        drawn: list[Image] = []
        for kind, position in [("featured", 0), *(("in_article", i) for i in range(in_article))]:
            picture = (jpeg if size_px[0] < 500 else photo)(f"{place.site_id}{n}{kind}{position}", *size_px)
            own = image_id(content.id, kind, position)
            path = f"{ctx.tenant}/images/{own}/{kind}-{position}.jpg"
            ctx.deps.files.put(path, picture, "image/jpeg")
            image = images.new(
                place.sector_id,
                own,
                content=content.id,
                image_type=kind,
                position=position,
                prompt="A picture.",
                alt=f"Picture {position} of article {n}",
                after_heading=f"Part {position}" if kind == "in_article" else None,
                status="generated",
                image_path=path,
                mime="image/jpeg",
                width_px=size_px[0],
                height_px=size_px[1],
            )
            drawn.append(image)
            writes += images.creating(image, counted=False)
        contents.create(content, *writes, *images.counting((None, image) for image in drawn))
        out.append(content.id)
    return out
