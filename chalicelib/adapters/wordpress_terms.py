"""Categories and tags of a WordPress site: find them, or make them when the user may."""

import html
from dataclasses import replace
from typing import Any

from chalicelib.adapters.wordpress_client import WordPressClient
from chalicelib.adapters.wordpress_shapes import identity
from chalicelib.ports import Term

ROUTES = {"category": "categories", "tag": "tags"}
MAY_NOT = frozenset({"rest_cannot_create", "rest_forbidden", "rest_cannot_edit"})
LONGEST_NAME = 200  # Source: WordPress schema, wp_terms.name varchar(200)


class WordPressTerms:
    """Our terms -> the site's. Names come back HTML-escaped from WordPress and are compared unescaped."""

    def __init__(self, client: WordPressClient) -> None:
        self._client = client

    def resolve(self, terms: tuple[Term, ...]) -> tuple[list[Term], list[str]]:
        """The terms with `external_id`, each once, and notes about those the site does not have and the user may not make.

        Raises: UpstreamUnavailable, UpstreamRejected.
        """
        found: list[Term] = []
        notes: list[str] = []
        seen: set[tuple[str, str]] = set()
        for term in terms:
            if term.taxonomy not in ROUTES or not term.name.strip():
                notes.append(f"WordPress has no taxonomy '{term.taxonomy}'; '{term.name}' was left out.")
                continue
            remote = self._in_its_place(term, notes)
            if remote is not None and (term.taxonomy, str(remote["id"])) not in seen:
                seen.add((term.taxonomy, str(remote["id"])))
                found.append(replace(term, external_id=str(remote["id"])))
        return found, notes

    def clear(self, taxonomy: str, number: str) -> bool:
        """Take a term's description away. False when the term is gone."""
        answer = self._client.call(
            "POST", f"/wp/v2/{ROUTES[taxonomy]}/{number}", fields={"description": ""}, accept_codes=frozenset({"rest_term_invalid"})
        )
        return not answer.code

    def _in_its_place(self, term: Term, notes: list[str]) -> dict[str, Any] | None:
        """The term below its parents, which are made first where they are missing."""
        above = 0
        for name in term.parents if term.taxonomy == "category" else ():
            parent = Term(name, "", term.taxonomy)
            remote = self._find(parent, above) or self._create(parent, notes, above)
            if remote is None:
                return None
            above = int(remote["id"])
        return self._find(term, above if term.parents else None) or self._create(term, notes, above)

    def describe(self, term: Term, description: str) -> tuple[dict[str, Any], list[str]]:
        """Make or find the term and set its description. Returns the remote term and notes."""
        notes: list[str] = []
        route = f"/wp/v2/{ROUTES[term.taxonomy]}"
        remote = self._in_its_place(term, [])
        if remote is None:
            # Only to say why: this call fails with WordPress's own reason.
            return self._client.call("POST", route, fields={"name": term.name}).entry(), notes
        stored = self._client.call("POST", f"{route}/{remote['id']}", fields={"description": description}).entry()
        if html.unescape(str(stored.get("description", ""))).strip() != html.unescape(description).strip():
            notes.append("WordPress changed the HTML of the term's description (it allows little there).")
        return stored, notes

    def _find(self, term: Term, above: int | None = None) -> dict[str, Any] | None:
        """above: id of the parent it must have, 0 for none; None when it may be anywhere."""
        route = f"/wp/v2/{ROUTES[term.taxonomy]}"
        if term.external_id and term.external_id.isdigit():
            answer = self._client.call("GET", f"{route}/{term.external_id}", accept_codes=frozenset({"rest_term_invalid"}))
            if not answer.code:
                return answer.entry()
        queries: list[dict[str, str | int]] = [{"search": _name(term), "per_page": 100}]
        if term.slug:
            queries.insert(0, {"slug": term.slug})
        for query in queries:
            for remote in self._client.call("GET", route, query=query).entries():
                if above is not None and int(remote.get("parent") or 0) != above:
                    continue
                if _same(str(remote.get("name", "")), term.name) or ("slug" in query and remote.get("slug") == term.slug):
                    return remote
        return None

    def _create(self, term: Term, notes: list[str], above: int = 0) -> dict[str, Any] | None:
        route = f"/wp/v2/{ROUTES[term.taxonomy]}"
        fields: dict[str, Any] = {"name": _name(term), **({"slug": term.slug} if term.slug else {})}
        if above:
            fields["parent"] = above
        answer = self._client.call("POST", route, fields=fields, accept_codes=MAY_NOT | {"term_exists"})
        if answer.code == "term_exists":  # made meanwhile, or its slug differs from ours
            facts = answer.data.get("data")
            there = identity(facts.get("term_id")) if isinstance(facts, dict) else 0
            return self._client.call("GET", f"{route}/{there}").entry()
        if answer.code:
            notes.append(f"The {term.taxonomy} '{term.name}' does not exist there and the WordPress user may not create it.")
            return None
        return answer.entry()


def _name(term: Term) -> str:
    return " ".join(term.name.split())[:LONGEST_NAME]


def _same(remote: str, ours: str) -> bool:
    return " ".join(html.unescape(remote).split()).casefold() == " ".join(ours.split())[:LONGEST_NAME].casefold()
