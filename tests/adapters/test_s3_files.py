"""Files that S3 deletes by itself: the tag of an object, and the bucket's rule that looks for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from chalicelib.adapters.s3_files import S3Files
from chalicelib.ai.archive import KEEP_DAYS
from chalicelib.core.errors import NotFound

TEMPLATE = Path(__file__).parents[2] / "infra" / "resources" / "storage.yaml"


class _Template(yaml.SafeLoader):
    """Reads the template without resolving its references."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: None)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket="documents")
        yield client


def test_what_is_kept_for_a_while_has_the_tag_that_the_bucket_looks_for(s3: Any) -> None:
    files = S3Files(s3, "documents")
    files.put("tenant/prompts/a", b"{}", "application/gzip", keep_days=KEEP_DAYS)
    files.put("tenant/content/b", b"{}", "application/gzip")
    tags = {key: s3.get_object_tagging(Bucket="documents", Key=key)["TagSet"] for key in files.list("tenant/")}
    assert tags == {"tenant/prompts/a": [{"Key": "keep-days", "Value": str(KEEP_DAYS)}], "tenant/content/b": []}
    rules = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Template)["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"][
        "Rules"
    ]
    (rule,) = [r for r in rules if r.get("TagFilters") == tags["tenant/prompts/a"]]
    assert rule["Status"] == "Enabled" and rule["ExpirationInDays"] == KEEP_DAYS == 30
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 1, "the bucket keeps versions, these no longer than they must"
    with pytest.raises(NotFound):
        files.get("tenant/prompts/b")
