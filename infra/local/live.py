"""`make demo LIVE=1`: the only way the demo spends money or touches a site. Without it these variables are not even read."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.local.session import Trouble

ARTICLES = 3
# What the estimate assumes of a model's tokens, measured on the built-in prompts: (in, out) of one call, and out-tokens a word.
_IDEAS, _ARTICLE_IN, _PROMPTS, _NAMES = (2_500, 2_500), 3_000, (1_500, 800), (4_000, 1_500)
_TOKENS_PER_WORD = 2.0


@dataclass(frozen=True)
class Live:
    """settings: environment of the functions; wordpress: fields of the connection to publish drafts to; articles: at most so many."""

    settings: dict[str, str] = field(default_factory=dict)
    wordpress: dict[str, str] = field(default_factory=dict)
    articles: int | None = None
    model: str = ""

    def config(self) -> dict[str, Any]:
        """The automation settings of the demo."""
        config: dict[str, Any] = {"publish_mode": "auto", "between_stage_delay_seconds": 0}
        return {**config, "max_items_per_stage": self.articles} if self.articles else config

    def connect(self, call: Callable[..., Any], site_id: str) -> None:
        """Put the WordPress site in the place of the static one, after a test that changes nothing. Raises: Trouble."""
        if not self.wordpress:
            return
        for old in call("GET", "integration/connections/", params={"site_id": site_id})["results"]:
            call("PATCH", f"integration/connections/{old['id']}/", json={"is_active": False})
        made = call(
            "POST",
            "integration/connections/",
            json={"site_id": site_id, "name": "WordPress", "target": "wordpress", "default_status": "draft", **self.wordpress},
        )
        found = call("POST", f"integration/connections/{made['id']}/test_connection/")
        if not found["ok"]:
            raise Trouble(f"WordPress: {found['message']}")

    def announce(self, say: Callable[[str], None], estimate: dict[str, Any]) -> None:
        """Say what this will cost in dollars, before it does."""
        if not self.model:
            return
        clusters = min(estimate["stages"][1]["items"], self.articles or ARTICLES)
        articles = self.articles or ARTICLES
        words = 900 * articles
        tokens_in = _NAMES[0] + clusters * _IDEAS[0] + articles * (_ARTICLE_IN + _PROMPTS[0])
        tokens_out = _NAMES[1] + clusters * _IDEAS[1] + round(words * _TOKENS_PER_WORD) + articles * _PROMPTS[1]
        price = _price(self.model, tokens_in, tokens_out)
        cost = f"about ${price:.2f}" if price is not None else "of unknown price"
        say(
            f"[bold]LIVE[/]: at most {articles} articles by {self.model}, {cost} "
            f"(about {tokens_in:,} tokens in, {tokens_out:,} out; pictures are drawn here)."
        )

    @property
    def next_steps(self) -> str:
        if self.model or self.wordpress:
            return ""
        return (
            "These are offline drafts. With a model: OPENAI_API_KEY=… make demo LIVE=1 "
            "(three articles; it prints the estimate in dollars first)."
        )


def wanted() -> Live:
    """What the environment asks for. Raises: Trouble when LIVE=1 lacks what it needs."""
    if os.environ.get("LIVE") != "1":
        return Live(settings={"AI_PROVIDER": "offline", "OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""})
    key, wp = os.environ.get("OPENAI_API_KEY", ""), {n: os.environ.get(f"WP_{n.upper()}", "") for n in ("url", "user", "app_password")}
    if not key and not wp["url"]:
        raise Trouble("LIVE=1 needs OPENAI_API_KEY (to write with a model) or WP_URL, WP_USER and WP_APP_PASSWORD (to publish drafts).")
    missing = [f"WP_{n.upper()}" for n, value in wp.items() if not value]
    if wp["url"] and missing:
        raise Trouble(f"To publish on {wp['url']}, {' and '.join(missing)} must be set too.")
    text = os.environ.get("ARTICLES") or str(ARTICLES)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise Trouble(f"ARTICLES={text} is not a number from 1 to 1000.")
    settings = {"IMAGE_PROVIDER": "offline", "EMBEDDING_PROVIDER": "offline", "AI_PROVIDER": "openai" if key else "offline"}
    from chalicelib.core.config import Config

    model = os.environ.get("OPENAI_MODEL") or Config().openai_model
    connection = {"url": wp["url"], "username": wp["user"], "app_password": wp["app_password"]} if wp["url"] else {}
    return Live(settings, connection, int(text), model if key else "")


def _price(model: str, tokens_in: int, tokens_out: int) -> float | None:
    """US dollars by the price table of genai-prices; None when it does not know the model."""
    from genai_prices import Usage, calc_price

    try:
        return float(calc_price(Usage(input_tokens=tokens_in, output_tokens=tokens_out), model_ref=model).total_price)
    except LookupError:
        return None
