"""The API as its callers see it: `requests` against a running server, nothing imported of the product.

`test_blackbox.py` runs what the other files hold in one process, so that one server answers and its last test can say that every
operation of the OpenAPI document was reached with success.
"""

import pytest

FEATURES = (
    "protocol",
    "sessions",
    "people",
    "sites",
    "catalogue",
    "keywords",
    "keyword_files",
    "clusters_ideas",
    "tasks",
    "contents",
    "images",
    "publishing",
    "voice",
    "providers",
    "money",
    "automation",
)
pytest.register_assert_rewrite(*(f"{__name__}.{feature}" for feature in ("client", "making", *FEATURES)))
