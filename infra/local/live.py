"""`make demo LIVE=1`: the only way the demo spends money or touches a site. Without it these variables are not even read."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from infra.local.session import Trouble

ARTICLES = 3
# Tokens (in, out) of what is asked for, measured on the built-in prompts at four characters a token and rounded up; models say more
# than the offline writer, hence the larger figures out. tests/e2e/test_live_demo.py measures them again.
_NAMING, _KEYWORD, _CLUSTER = (1_000, 100), (18, 0), (0, 50)
_IDEAS, _ARTICLE, _PICTURES = (2_200, 2_200), (2_600, 300), (1_000, 400)
_TOKENS_PER_WORD = 2.0
_REASONING = 600  # out, of one call to a model that reasons, at the low effort we ask for: an assumption


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
        target = {"site_id": site_id, "name": "WordPress", "target": "wordpress", "default_status": "draft", **self.wordpress}
        try:
            made = call("POST", "integration/connections/", json=target)
            found = call("POST", f"integration/connections/{made['id']}/test_connection/")
        except Trouble as trouble:
            raise Trouble(f"WordPress ({self.wordpress['url']}): {trouble}") from None
        if not found["ok"]:
            raise Trouble(f"WordPress ({self.wordpress['url']}): {found['message']}")

    def drafts_there(self) -> int:
        """How many drafts of ours the site has already: data that begins afresh does not know them, so they are only counted."""
        from chalicelib.adapters.safe_http import SafeHttp
        from chalicelib.adapters.wordpress import POST
        from chalicelib.adapters.wordpress_client import WordPressClient
        from chalicelib.core.errors import AppError

        url, user, password = (self.wordpress[name] for name in ("url", "username", "app_password"))
        site = WordPressClient(url, user, password, SafeHttp(allow_loopback=True))
        try:
            answer = site.call("GET", POST, query={"status": "draft", "search": "igny8:content", "per_page": 1})
        except AppError as error:
            raise Trouble(f"WordPress ({url}): {error.message}") from None
        return int(answer.headers.get("x-wp-total") or 0)

    def announce(self, say: Callable[[str], None], estimate: dict[str, Any]) -> None:
        """Say what this will cost in dollars and where it will be published, before it is."""
        count = f"{self.articles} article{'s' if self.articles != 1 else ''}"
        if self.wordpress:
            say(f"[bold]LIVE[/]: at most {count} as drafts on {self.wordpress['url']}; nothing there is changed or made public.")
            if there := self.drafts_there():
                say(f"It has {there} of our drafts already, of earlier demos perhaps: they stay, and this run adds its own.")
        if self.model:
            tokens_in, tokens_out = self.tokens(estimate)
            price = _price(self.model, tokens_in, tokens_out)
            cost = f"about {dollars(price)} at list price" if price is not None else "at a price that our table does not know"
            say(
                f"[bold]LIVE[/]: at most {count} by {self.model}, {cost} "
                f"(about {tokens_in:,} tokens in and {tokens_out:,} out; the pictures are drawn here)."
            )

    def tokens(self, estimate: dict[str, Any]) -> tuple[int, int]:
        """Tokens (in, out) that a run is expected to take. estimate: the answer of `automation/estimate/`."""
        from chalicelib.adapters.openai_text import REASONING
        from chalicelib.automation.estimate import WORDS_PER_IDEA

        articles = self.articles or ARTICLES
        keywords, clusters = (estimate["stages"][n]["items"] for n in (0, 1))
        planned = min(clusters, articles)
        parts = [(1, _NAMING), (keywords, _KEYWORD), (clusters, _CLUSTER), (planned, _IDEAS), (articles, _ARTICLE), (articles, _PICTURES)]
        tokens_in, tokens_out = (sum(count * each[way] for count, each in parts) for way in (0, 1))
        tokens_out += round(articles * WORDS_PER_IDEA * _TOKENS_PER_WORD)
        if REASONING.match(self.model):
            tokens_out += _REASONING * (1 + planned + 2 * articles)
        return _rounded(tokens_in), _rounded(tokens_out)

    def account_for(self, say: Callable[[str], None], call: Callable[..., Any]) -> None:
        """Say what the model took in the end."""
        if not self.model:
            return
        total = call("GET", "billing/usage/summary/")["total"]
        known = total["cost_usd"] is not None and not total["unknown_costs"]  # a server of one's own has no price in the table
        cost = total["cost_usd"] if known else _price(self.model, total["tokens_in"], total["tokens_out"])
        price = f", {dollars(cost)} at list price" if cost is not None else ""
        say(f"{self.model} took {total['tokens_in']:,} tokens in and {total['tokens_out']:,} out for what was saved{price}.")

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
    live = os.environ.get("LIVE") or "0"
    if live not in ("0", "1"):
        raise Trouble(f"LIVE={live} is neither 1 (spends money, touches your site) nor 0.")
    if live == "0":
        return Live(settings={"AI_PROVIDER": "offline", "OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""})
    key, wp = os.environ.get("OPENAI_API_KEY", ""), {n: os.environ.get(f"WP_{n.upper()}", "") for n in ("url", "user", "app_password")}
    missing = [f"WP_{n.upper()}" for n, value in wp.items() if not value]
    if not key and len(missing) == len(wp):
        raise Trouble("LIVE=1 needs OPENAI_API_KEY (to write with a model) or WP_URL, WP_USER and WP_APP_PASSWORD (to publish drafts).")
    if 0 < len(missing) < len(wp):
        raise Trouble(f"To publish on WordPress, {' and '.join(missing)} must be set too.")
    for name in ("WP_URL", "OPENAI_BASE_URL"):
        _check_address(name, os.environ.get(name, ""))
    text = os.environ.get("ARTICLES") or str(ARTICLES)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise Trouble(f"ARTICLES={text} is not a number from 1 to 1000.")
    settings = {"IMAGE_PROVIDER": "offline", "EMBEDDING_PROVIDER": "offline", "AI_PROVIDER": "openai" if key else "offline"}
    from chalicelib.core.config import Config

    model = os.environ.get("OPENAI_MODEL") or Config().openai_model
    connection = {"url": wp["url"], "username": wp["user"], "app_password": wp["app_password"]} if wp["url"] else {}
    return Live({**settings, "OPENAI_MODEL": model}, connection, int(text), model if key else "")


def _check_address(name: str, url: str) -> None:
    """Raises: Trouble, when this cannot be an address that we call; whether anybody answers there is found out later."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise Trouble(f"{name}={url} is not an address.") from None
    if not url:
        return
    if parts.scheme not in ("https", "http") or not host:
        raise Trouble(f"{name}={url} is not an address; write it whole, such as https://{url.rpartition('//')[2] or 'example.org'}.")
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise Trouble(f"{name}={url} must begin with https://: the password or key would go over the network for all to read.")


def dollars(amount: float) -> str:
    """An amount as one reads it, also below a cent."""
    return f"${amount:,.2f}" if amount >= 0.1 else f"${amount:.3f}" if amount >= 0.0005 else "less than $0.001"


def _rounded(tokens: int) -> int:
    """To the next hundred: the figures are no more exact than that."""
    return ceil(tokens / 100) * 100


def _price(model: str, tokens_in: int, tokens_out: int) -> float | None:
    """US dollars by the price table of genai-prices; None when it does not know the model."""
    from genai_prices import Usage, calc_price

    try:
        return float(calc_price(Usage(input_tokens=tokens_in, output_tokens=tokens_out), model_ref=model).total_price)
    except LookupError:
        return None
