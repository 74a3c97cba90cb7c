"""The work whose providers fail: the five functions, clustering at both of its models and pictures at both of their providers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.ai.faults.objects import Made
from tests.ai.faults.wire import CHAT, EMBEDDINGS, IMAGES, RUNWARE


@dataclass(frozen=True)
class Work:
    """One kind of work whose provider fails. endpoint: where; setup: makes the item and returns its id; state: what it has come to;
    waiting, done: that state before and after; credits: what it costs; before: requests that go elsewhere before."""

    name: str
    function: str
    endpoint: str
    credits: int
    setup: Callable[[Made], Any]
    state: Callable[[Made], str]
    waiting: str
    done: str
    image_provider: str = "openai"
    before: int = 0


CLUSTER = Work(
    "auto_cluster",
    "auto_cluster",
    CHAT,
    5,
    Made.some_keywords,
    Made.keywords_state,
    "6 keywords new, 0 clusters",
    "0 keywords new, 2 clusters",
    before=1,
)
EMBED = Work("auto_cluster vectors", "auto_cluster", EMBEDDINGS, 5, Made.some_keywords, Made.keywords_state, CLUSTER.waiting, CLUSTER.done)
IDEAS = Work(
    "generate_ideas", "generate_ideas", CHAT, 2, Made.a_cluster, Made.cluster_state, "cluster new, 0 ideas", "cluster mapped, 1 ideas"
)
CONTENT = Work("generate_content", "generate_content", CHAT, 6, Made.a_task, Made.task_state, "task queued, idle", "task completed, done")
PROMPTS = Work(
    "generate_image_prompts",
    "generate_image_prompts",
    CHAT,
    2,
    Made.an_article,
    Made.content_state,
    "content draft, 0 images",
    "content draft, 2 images",
)
PICTURE = Work(
    "generate_images openai",
    "generate_images",
    IMAGES,
    4,
    Made.an_image,
    Made.image_state,
    "image pending, content draft",
    "image generated, content review",
)
RUNWARE_PICTURE = Work(
    "generate_images runware",
    "generate_images",
    RUNWARE,
    4,
    Made.an_image,
    Made.image_state,
    PICTURE.waiting,
    PICTURE.done,
    image_provider="runware",
)
TEXT = (CLUSTER, IDEAS, CONTENT, PROMPTS)
