"""The contract that all publishing targets keep, on a real WordPress."""

import json
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from chalicelib import ports
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.wordpress import WordPressPublisher
from infra.wordpress.site import WordPressSite
from tests.contracts.test_publisher_contract import *  # noqa: F403

EMPTIED = (
    "foreach (get_posts(['post_type'=>['post','page','attachment'],'post_status'=>array_keys(get_post_stati()),'numberposts'=>-1]) as $p)"
    "{ wp_delete_post($p->ID, true); }"
)


class RealSite:
    """`Site` of the contract."""

    def __init__(self, wordpress: WordPressSite, publisher: WordPressPublisher) -> None:
        self.wordpress, self.publisher = wordpress, publisher

    def _post(self, post: ports.RemotePost) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.wordpress.php(f"echo json_encode(get_post({int(post.external_id)}));"))
        return found

    def page(self, post: ports.RemotePost) -> str:
        found = self._post(post)
        return f"{found['post_title']}\n{found['post_excerpt']}\n{found['post_content']}"

    def pages(self) -> int:
        return int(self.wordpress.php("$n = (array) wp_count_posts(); echo array_sum($n);"))

    def images(self) -> int:
        return int(self.wordpress.php("echo array_sum((array) wp_count_attachments('image'));"))

    def image(self, post: ports.RemotePost, address: str) -> bytes:
        with urlopen(address) as answer:
            data: bytes = answer.read()
        return data

    def listed(self, post: ports.RemotePost) -> bool:
        return self._post(post)["post_status"] == "publish"


@pytest.fixture(params=["password", "plugin's key"])
def site(request: pytest.FixtureRequest, wordpress: WordPressSite) -> Iterator[RealSite]:
    wordpress.php(EMPTIED)
    user, password = wordpress.accounts["editor"]
    http = SafeHttp(allow_loopback=True)
    key = wordpress.bridge_key if request.param == "plugin's key" else ""
    yield RealSite(wordpress, WordPressPublisher(wordpress.url, user, password, http, bridge_key=key))
