"""Text without a model or a key: composes the answers of the four text functions from their facts, the same for the same facts.

It claims nothing it cannot know: no figures, prices, quotes or test results. It writes English; asked for another language it writes
English and says so in the article's first line, because a draft that admits what it is helps more than an error. Whoever checks the
language of answers leaves this provider out.
"""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.adapters.offline_writer.article import write_article
from chalicelib.adapters.offline_writer.ideas import plan_ideas
from chalicelib.adapters.offline_writer.naming import name_clusters
from chalicelib.adapters.offline_writer.pictures import describe_pictures
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import TextAnswer, TextRequest

COMPOSERS: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "auto_cluster": name_clusters,
    "generate_ideas": plan_ideas,
    "generate_content": write_article,
    "generate_image_prompts": describe_pictures,
}


class OfflineTextModel:
    """The `TextModel` that needs nothing: reads `request.facts`, ignores the prompt."""

    provider = "offline"
    model = "offline-1"

    def complete(self, request: TextRequest) -> TextAnswer:
        """Raises: UpstreamRejected for a function it does not know."""
        compose = COMPOSERS.get(request.function)
        if compose is None:
            raise UpstreamRejected(f"The offline writer does not know {request.function!r}.")
        seed = json.dumps(request.facts, sort_keys=True, ensure_ascii=False, default=str)
        answer = compose(request.facts, seed)
        return TextAnswer(json.dumps(answer, ensure_ascii=False), self.model, self.provider, cost_usd=0.0)
