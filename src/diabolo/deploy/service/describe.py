"""The description of a service: OpenAPI, and a page that needs nothing of a network, with an example that runs."""

import json
from html import escape
from typing import Any

from diabolo.deploy.service.shelf import Served, Shelf
from diabolo.version import __version__

ROW = {
    "type": "object",
    "properties": {
        "row": {"type": "integer", "description": "Its number among the rows given, from 0."},
        "score": {"type": "number", "description": "In nats; higher is more suspicious."},
        "p_value": {"type": "number", "description": "The share of normal rows that score as high."},
        "alert": {"type": "boolean"},
        "reasons": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "column": {"type": "string"},
                    "value": {},
                    "expected": {"description": "What the other columns let expect."},
                    "share": {"type": "number", "description": "Of the score."},
                },
            },
        },
    },
}
REFUSED = {
    "type": "object",
    "properties": {"row": {"type": "integer"}, **{name: {"type": "string"} for name in ("column", "value", "message")}},
}
STATUSES = {
    "400": "The body cannot be read.",
    "401": "The token is missing or wrong.",
    "404": "There is no such model.",
    "413": "Too many bytes or rows.",
    "415": "The body is not application/json.",
    "429": "Too many requests are in work; try again after Retry-After seconds.",
    "503": "The request took too long, or the service stops.",
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>diabolo serve</title>
<style>body{{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}}
textarea,pre{{width:100%;font:14px/1.4 ui-monospace,monospace;box-sizing:border-box}}textarea{{height:16rem}}
pre{{background:#f4f4f4;padding:1rem;overflow:auto}}</style>
<h1>diabolo {version}</h1>
<p>Send rows as JSON; each row gets its score, p-value, alert and reasons. The whole description:
<a href="openapi.json">openapi.json</a>.</p>
<form><p><label>Model <select id="model">{models}</select></label>
<label>Token <input id="token" type="password" autocomplete="off"></label></p>
<p><textarea id="rows" aria-label="rows"></textarea></p><p><button>Score</button></p></form><pre id="answer"></pre>
<script>
const bodies = {bodies}, at = name => document.getElementById(name)
const show = () => {{ at("rows").value = JSON.stringify(bodies[at("model").value], null, 1) }}
at("model").onchange = show; show()
document.querySelector("form").onsubmit = async event => {{
  event.preventDefault()
  const headers = {{"Content-Type": "application/json"}}
  if (at("token").value) headers.Authorization = "Bearer " + at("token").value
  const path = "models/" + encodeURIComponent(at("model").value) + "/score"
  const answer = await fetch(path, {{method: "POST", headers, body: at("rows").value}})
  at("answer").textContent = answer.status + "\\n" + JSON.stringify(await answer.json(), null, 1)
}}
</script></html>
"""


def _body(served: Served, *, examples: bool) -> dict[str, Any]:
    row = served.model.example() if examples else dict.fromkeys(served.model.columns)
    return {"rows": [row], "reasons": True}


def openapi(shelf: Shelf, *, examples: bool = True) -> dict[str, Any]:
    """Return the description of the service's own calls.

    examples: with a row of the training data, which is not for those who lack the token; else with its columns.
    """
    scored = {name: {"post": _score(served, examples=examples)} for name, served in shelf.models.items()}
    paths: dict[str, Any] = {f"/models/{name}/score": post for name, post in scored.items()}
    if len(scored) == 1:
        paths["/score"] = next(iter(scored.values()))
    for path, what in (("/health", "It runs."), ("/ready", "It takes requests."), ("/metrics", "Prometheus' text.")):
        paths[path] = {"get": {"summary": what, "responses": {"200": {"description": what}}}}
    security = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "diabolo", "version": __version__, "description": "Scores rows of tables."},
        "paths": paths,
        "components": {"securitySchemes": security, "schemas": {"Row": ROW, "Refused": REFUSED}},
    }


def _score(served: Served, *, examples: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {name: {} for name in served.model.columns}
    row = {"type": "object", "properties": columns, "required": list(served.model.columns)}
    rows = {"type": "array", "items": row, "minItems": 1}
    asked = {"type": "object", "required": ["rows"], "properties": {"rows": rows, "reasons": {"type": "boolean"}}}
    content = {"application/json": {"schema": asked, "example": _body(served, examples=examples)}}
    answered = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
            "refused": {"type": "array", "items": {"$ref": "#/components/schemas/Refused"}},
        },
    }
    found = {"application/json": {"schema": answered}}
    responses = {
        "200": {"description": "All rows are scored.", "content": found},
        "422": {"description": "Some rows are refused, and the others are scored.", "content": found},
    }
    others = {status: {"description": why} for status, why in STATUSES.items()}
    summary = f"Score rows with {served.name}."
    return {"summary": summary, "requestBody": {"required": True, "content": content}, "responses": responses | others}


def page(shelf: Shelf, *, examples: bool = True) -> str:
    """Return the page: a form that sends a row and shows the answer. examples: as `openapi` has it."""
    bodies = json.dumps({name: _body(served, examples=examples) for name, served in shelf.models.items()}).replace(
        "<", "\\u003c"
    )
    models = "".join(f"<option>{escape(name)}</option>" for name in shelf.models)
    return PAGE.format(version=__version__, models=models, bodies=bodies)
