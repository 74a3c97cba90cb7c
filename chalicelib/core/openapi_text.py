"""Words of the OpenAPI document that no declaration holds: what is true of every route."""

from typing import Any

TAGS = {
    "Identity": "Sign-in, the caller, account, users, sites and sectors.",
    "Planner": "Keywords, clusters and ideas.",
    "Writer": "Tasks, contents, images and taxonomy terms.",
    "Automation": "Runs of the seven stages, their settings and estimates.",
    "Integration": "Publishing targets.",
    "Billing": "Credits: balance, transactions, usage, prices.",
    "System": "Settings, prompts, author profiles, progress of asynchronous work.",
    "Service": "Health and this document.",
}

DESCRIPTION = """\
Every path answers with and without its trailing slash. Ids are opaque. Times are UTC, ISO-8601 with `Z`.

## Signing in

`POST /api/v1/auth/login/` answers an `access` and a `refresh` token. Send the access token as `Authorization: Bearer …`; when it has \
expired (401 `not_authenticated`), get another one at `auth/token/refresh/`. What a user may do is read on each request, so a removed \
grant takes effect at once. An id of another account is 404 everywhere.

## Answers

- One object: `{"success": true, "data": …, "request_id": "…"}`. 201 for what was created, 202 for work that goes on in the background.
- A list: `{"success": true, "count", "count_is", "complete", "next", "previous", "results", "request_id"}`. Follow `next` until it is \
null. With filters or a search a page may be short or even empty and still have a `next` (`complete: false`).
- An error: `{"success": false, "error": {"code", "message", "fields"?}, "request_id"}`. Decide by `code`, show `message`.

Unknown query parameters and unknown fields are 400 and named; read-only fields in a body are ignored. A method that a path does not \
have is 405, an unknown path 404.

## Writing safely

- `Idempotency-Key` on a POST: sending it again within 24 hours does not do it again. Take a new key for each thing a person does.
- `If-Match` with the `version` you have read (also in `ETag`): 412 when the object has changed since.

## Limits

Requests are counted for each user and scope, over the last 60 seconds; without sign-in for each network address. Every answer says \
where you are: `X-Throttle-Limit`, `X-Throttle-Remaining`, `X-Throttle-Reset`. Too many: 429 with `Retry-After`. A JSON body may have \
1 MB, any request 10 MB.
"""

LIST_FIELDS: dict[str, Any] = {
    "success": {"const": True},
    "count": {"type": ["integer", "null"], "description": "Objects in the whole list, as far as it is known."},
    "count_is": {
        "type": "string",
        "enum": ["exact", "maintained", "at_least", "unknown"],
        "description": "`exact`: all were seen; `maintained`: kept beside the data; `at_least`: there may be more.",
    },
    "complete": {"type": "boolean", "description": "False: the search stopped at its budget; go on with `next`."},
    "next": {"type": ["string", "null"], "description": "URL of the next page; null only at the end."},
    "previous": {"type": ["string", "null"], "description": "URL of the page before."},
    "request_id": {"type": "string"},
}
