"""Objects that AI work begins with, made without AI, and what has become of them."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.auth.sites import Sites
from chalicelib.core.context import Context
from chalicelib.core.ids import ulid
from chalicelib.planner.clusters import CLUSTER, summary
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD, Keyword
from chalicelib.writer.content import CONTENT, body_html, body_write
from chalicelib.writer.images import IMAGE, image_id, images_of
from chalicelib.writer.tasks import TASK, queue_idea
from tests.conftest import Place

KEYWORDS = tuple(f"{kind} {thing}" for kind in ("espresso", "tea") for thing in ("machine", "beans", "cups"))
WORDS = 600
ARTICLE = "<p>Coffee wants care.</p><h2>Beans</h2><p>Fresh beans make the cup.</p><h2>Water</h2><p>Soft water keeps the machine clean.</p>"


@dataclass
class Made:
    """What a test has made in its sector."""

    ctx: Context
    place: Place
    cluster: str = ""
    task: str = ""
    content: str = ""
    images: list[str] = field(default_factory=list)

    # -- before
    def some_keywords(self) -> str:
        """Two groups of three keywords that wait for clusters. Returns the sector."""
        for text in KEYWORDS:
            self._keyword(text)
        return self.place.sector_id

    def a_cluster(self) -> str:
        """A cluster of three keywords that waits for ideas; the site wants one idea of it."""
        clusters = self.ctx.repository(CLUSTER)
        figures = summary([100] * 3, [10] * 3)
        made = clusters.create(
            clusters.new(self.place.sector_id, self._tail(), name="Espresso At Home", description="How to make it.", **figures)
        )
        self.cluster = made.id
        for text in KEYWORDS[:3]:
            self._keyword(text, cluster=made.id, status="mapped")
        return made.id

    def a_task(self, words: int = WORDS) -> str:
        """A queued task with its idea."""
        self.a_cluster()
        ideas = self.ctx.repository(IDEA)
        idea = ideas.create(
            ideas.new(
                self.place.sector_id,
                self._tail(),
                idea_title="Espresso at Home for Beginners",
                description="What to buy and how to begin.",
                keyword_cluster=self.cluster,
                target_keywords=list(KEYWORDS[:3]),
                primary_keyword=KEYWORDS[0],
                content_structure="guide",
                estimated_word_count=words,
                outline=[{"heading": "The machine", "points": ["What it does"]}, {"heading": "The beans", "points": ["Which to buy"]}],
                brief="Explain how to begin with espresso at home.",
                audience="beginners",
                tone="friendly",
                language="en",
            )
        )
        self.task = queue_idea(self.ctx, idea.id).id
        return self.task

    def an_article(self) -> str:
        """A draft that waits for image prompts."""
        self.a_cluster()
        contents = self.ctx.repository(CONTENT)
        content = contents.new(
            self.place.sector_id, self._tail(), title="Espresso at home", cluster=self.cluster, primary_keyword=KEYWORDS[0], revision=1
        )
        self.ctx.transact(*contents.creating(content), body_write(self.ctx, content.id, 1, ARTICLE))
        self.content = content.id
        return content.id

    def an_image(self) -> str:
        return self.some_images(1)[0]

    def some_images(self, number: int) -> list[str]:
        """So many images of an article that wait to be drawn."""
        self.an_article()
        images, contents = self.ctx.repository(IMAGE), self.ctx.repository(CONTENT)
        for position in range(number):
            place = ("featured", 0) if position == 0 else ("in_article", position - 1)
            new_id = image_id(self.content, *place)
            prompt = f"Picture {position}: an espresso machine on a wooden table."
            images.create(
                images.new(
                    self.place.sector_id,
                    new_id,
                    content=self.content,
                    image_type=place[0],
                    position=place[1],
                    prompt=prompt,
                    alt=f"Machine {position}",
                )
            )
            self.images.append(new_id)
        contents.patch(self.content, {"prompts_done": True, "images_total": number, "images_open": number})
        return self.images

    def wants(self, **settings: Any) -> None:
        Sites(self.ctx).patch(self.place.site_id, settings)

    def _keyword(self, text: str, **fields: Any) -> Keyword:
        keywords = self.ctx.repository(KEYWORD)
        new = keywords.new(
            self.place.sector_id, keyword_id(text, None, ""), keyword=text, volume_override=100, difficulty_override=10, **fields
        )
        return keywords.create(new)

    def _tail(self) -> str:
        return ulid(self.ctx.deps.clock.now())

    # -- after
    def keywords_state(self) -> str:
        """For example `6 keywords new, 0 clusters`."""
        ids = [f"{self.place.sector_id}-{keyword_id(text, None, '')}" for text in KEYWORDS]
        found = list(self.ctx.repository(KEYWORD).get_many(ids).values())
        homes = {k.cluster for k in found if k.cluster}
        clusters = self.ctx.repository(CLUSTER).get_many(homes).values()
        assert all(k.status == ("mapped" if k.cluster else "new") for k in found)
        assert sum(c.keywords_count for c in clusters) == sum(k.cluster is not None for k in found)
        return f"{sum(k.cluster is None for k in found)} keywords new, {len(clusters)} clusters"

    def cluster_state(self) -> str:
        cluster = self.ctx.repository(CLUSTER).get(self.cluster)
        ideas = self.ctx.repository(IDEA).collection(f"{self.place.sector_id}#ideas-new")
        assert cluster.ideas_count == len(ideas)
        return f"cluster {cluster.status}, {len(ideas)} ideas"

    def task_state(self) -> str:
        task = self.ctx.repository(TASK).get(self.task)
        content = self.ctx.repository(CONTENT).find(task.content) if task.content else None
        idea = self.ctx.repository(IDEA).get(str(task.idea))
        assert (content is not None) == (task.status == "completed") == (idea.status == "completed")
        if content is not None:
            self.content = content.id
            assert body_html(self.ctx, content) and content.word_count > WORDS / 2
        return f"task {task.status}, {task.generation_state}"

    def content_state(self) -> str:
        content = self.ctx.repository(CONTENT).get(self.content)
        found = images_of(self.ctx, self.content)
        assert (content.images_total, content.images_open) == (len(found), sum(i.status == "pending" for i in found))
        assert all(i.prompt and i.alt for i in found) and bool(found) == content.prompts_done
        return f"content {content.status}, {len(found)} images"

    def image_state(self) -> str:
        """Of every image, and the content: `image pending, content draft`."""
        content = self.ctx.repository(CONTENT).get(self.content)
        found = images_of(self.ctx, self.content)
        assert content.images_open == sum(i.status == "pending" for i in found)
        assert all((i.image_path is not None) == (i.status == "generated") for i in found)
        for image in found:
            if image.image_path:
                assert self.ctx.deps.files.get(image.image_path)
        return f"image {'/'.join(i.status for i in found)}, content {content.status}"
