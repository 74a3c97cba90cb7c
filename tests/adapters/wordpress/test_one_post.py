"""One post for each article, whatever is lost, moved, trashed or made twice on the way."""

import json
from dataclasses import replace

import pytest

from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.adapters.wordpress import WordPressPublisher
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import Term
from tests.adapters.scripted_server import Asked, Reply, html_reply, json_reply
from tests.adapters.wordpress.making import Site, article, on


def test_sends_what_wordpress_needs(site: Site) -> None:
    site.publish(article())
    for asked in site.server.asked:
        assert asked.path == "/" and asked.query["rest_route"].startswith(("/wp/v2/", "/igny8/v1/")), "works with plain permalinks too"
        assert asked.headers["accept"] == "application/json" and asked.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("fault", ["cut", "500", "timeout"])
def test_a_reply_that_is_lost_after_the_create_leaves_one_post(site: Site, fault: str) -> None:
    def lose(asked: Asked, reply: Reply) -> Reply:
        if asked.method != "POST" or asked.query["rest_route"] != "/wp/v2/posts":
            return reply
        if fault == "500":
            return html_reply("<p>critical error</p>", 500)
        return replace(reply, cut_after=20) if fault == "cut" else Reply(hang=True)

    site.wordpress.after = lose
    with pytest.raises(UpstreamUnavailable):
        site.publisher(timeout_seconds=0.5).publish(article(), None)
    site.wordpress.after = lambda asked, reply: reply
    site.wordpress.plugin = False
    site.wordpress.registered_meta.clear()  # no companion plugin: the post is known by what is in it
    post = site.publish(article())
    assert len(site.wordpress.posts) == 1 and len(site.wordpress.media) == 1 and post.status == "publish"


def test_a_post_of_somebody_else_at_our_slug_is_left_alone(site: Site) -> None:
    theirs = {"id": 7, "kind": "posts", "status": "publish", "slug": "trail-shoes", "content": {"raw": "theirs"}, "meta": {}}
    site.wordpress.posts[7] = dict(theirs)
    post = site.publish(article())
    assert site.wordpress.posts[7] == theirs and post.url.endswith("/trail-shoes-2/")
    assert site.publish(article()).external_id == post.external_id and site.publish(article(), post).url == post.url
    assert any("taken" in note for note in post.notes)


def test_a_trashed_post_comes_back_and_a_deleted_one_is_made_anew(site: Site) -> None:
    post = site.publish(article())
    site.wordpress.trash(int(post.external_id))
    assert site.publish(article(), post) == post, "known"
    site.wordpress.trash(int(post.external_id))
    site.wordpress.registered_meta.clear()
    assert site.publish(article()).external_id == post.external_id, "found by its slug in the trash"
    site.wordpress.posts.clear()
    new = site.publish(article(), post)
    assert new.external_id != post.external_id and len(site.wordpress.posts) == 1


def test_of_twins_made_at_the_same_time_the_older_stays(site: Site) -> None:
    def twin(asked: Asked) -> Reply | None:
        if asked.method == "POST" and asked.query["rest_route"] == "/wp/v2/posts":
            site.wordpress.before = lambda asked: None
            site.wordpress._answer(asked)  # another run gets there first
        return None

    site.wordpress.before = twin
    post = site.publish(article())
    assert sorted(p["status"] for p in site.wordpress.posts.values()) == ["publish", "trash"]
    assert post.external_id == str(min(site.wordpress.posts)) and post.url.endswith("/trail-shoes/")


def test_a_term_that_exists_under_another_slug_is_used(site: Site) -> None:
    site.wordpress.terms[5] = {"id": 5, "taxonomy": "categories", "name": "R&amp;B &lt;hits&gt;", "slug": "r-and-b", "description": ""}
    post = site.publish(article())
    assert [t.external_id for t in post.terms if t.taxonomy == "category"] == ["5"]
    assert site.wordpress.posts[int(post.external_id)]["categories"] == [5]


def test_a_term_made_meanwhile_is_used(site: Site) -> None:
    exists = json_reply({"code": "term_exists", "message": "exists", "data": {"status": 400, "term_id": 6}}, 400)
    site.wordpress.terms[6] = {"id": 6, "taxonomy": "categories", "name": "Other name", "slug": "x", "description": ""}
    site.wordpress.before = on("POST", "/wp/v2/categories", exists)
    assert site.publish(article()).terms[0].external_id == "6"


def test_without_the_plugin_a_post_is_found_by_its_mark_when_its_slug_has_changed(site: Site) -> None:
    site.wordpress.plugin = False
    site.wordpress.registered_meta.clear()
    post = site.publish(article())
    again = site.publish(article(slug="other", title="Other"))
    assert again.external_id == post.external_id and again.url.endswith("/other/") and len(site.wordpress.posts) == 1


def test_taken_away_it_lies_in_the_trash_and_comes_back_with_the_next_publish(site: Site) -> None:
    post = site.publish(article())
    assert site.publisher().withdraw("t1-c--7", post) is True
    assert site.wordpress.posts[int(post.external_id)]["status"] == "trash"
    assert site.publisher().withdraw("t1-c--7", post) is False, "it was there already"
    site.wordpress.posts.clear()
    assert site.publisher().withdraw("t1-c--7", post) is False, "gone"
    term = site.publish(article(content_type="taxonomy"))
    assert site.publisher().withdraw("t1-c--7", term) is True
    assert site.wordpress.terms[int(term.external_id)]["description"] == ""


def test_a_category_stands_below_its_parents_which_are_made_once(site: Site) -> None:
    nested = article(terms=(Term("Grinders", "", "category", parents=("Guides", "Coffee")),))
    post = site.publish(nested)
    site.publish(replace(nested, title="Again"), post)
    by_id = {t["id"]: t for t in site.wordpress.terms.values()}
    assert sorted(t["name"] for t in by_id.values()) == ["Coffee", "Grinders", "Guides"]
    leaf = by_id[int(post.terms[0].external_id or 0)]
    assert [leaf["name"], by_id[leaf["parent"]]["name"], by_id[by_id[leaf["parent"]]["parent"]]["name"]] == ["Grinders", "Coffee", "Guides"]


def test_the_author_is_the_user_of_that_name_if_there_is_one_and_it_is_allowed(site: Site) -> None:
    site.wordpress.users.append({"id": 9, "name": "Ada Koch"})
    refused = site.publish(article(author="ada koch"))
    assert any("in the name of ada koch" in note for note in refused.notes) and len(site.wordpress.posts) == 1
    site.wordpress.rights.add("edit_others_posts")
    named = site.publish(article(author="Ada Koch"), refused)
    assert site.wordpress.posts[int(named.external_id)]["author"] == 9 and not named.notes[1:]
    unknown = site.publish(article(author="Nobody"), refused)
    assert any("no user named Nobody" in note for note in unknown.notes)


def test_structured_data_is_stored_where_the_plugin_has_a_field_for_it_and_written_once(site: Site) -> None:
    data = {"@type": "Article", "headline": "5 < 6 \u00e9"}
    assert any("structured data" in note for note in site.publish(article(json_ld=data)).notes)
    site.wordpress.registered_meta.add("igny8_json_ld")
    site.wordpress.posts.clear()
    post = site.publish(article(json_ld=data))
    meta = site.wordpress.posts[int(post.external_id)]["meta"]
    assert json.loads(meta["igny8_json_ld"]) == data
    meta["igny8_json_ld"] = json.dumps(data)  # as the plugin writes it
    before = len(site.writes())
    site.publish(article(json_ld=data), post)
    assert [w.query["rest_route"] for w in site.writes()[before:]] == [f"/wp/v2/posts/{post.external_id}"], "no second call for the meta"


def test_the_plugins_key_takes_the_place_of_the_password(site: Site) -> None:
    with pytest.raises(UpstreamRejected, match="key of the IGNY8 Bridge"):
        WordPressPublisher(site.server.url, "", "", SafeHttp(allow_loopback=True), bridge_key="igny8_x").publish(article(), None)
    assert all(a.headers["x-igny8-key"] == "igny8_x" and "authorization" not in a.headers for a in site.server.asked)
