"""Bodies of requests, bounded before they are read, and refusals with their status."""

import json
import re
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

HALF = re.compile("[\ud800-\udfff]")
"""Half a character: JSON can write one alone (\\ud800), and no text in UTF-8 can hold it."""
RETRY = {"Retry-After": "1"}


class RefusedError(Exception):
    """A request that cannot be served: a status and one line that says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status

    def response(self) -> Response:
        return JSONResponse({"error": str(self)}, self.status, RETRY if self.status in (429, 503) else None)


async def json_of(request: Request, most_bytes: int) -> dict[str, Any]:
    """Return the JSON object of a request. Raises RefusedError for other content, and for more bytes than allowed."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, f"The body must be application/json, got {kind or 'no content type'}.")
    body = await _bytes_of(request, most_bytes)
    try:
        text = body.decode("utf-8-sig")
        found = json.loads(text, parse_constant=_refuse)
        if "\\u" in text:
            _check_text(found)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"The body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RefusedError(400, f"The body must be a JSON object, got a {type(found).__name__}.")
    return found


def _check_text(found: Any) -> None:
    half = HALF.search(json.dumps(found, ensure_ascii=False))
    if half:
        raise ValueError(f"\\u{ord(half[0]):04x} is half a character, and its other half is not there.")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not in JSON; null is a gap.")


async def _bytes_of(request: Request, most_bytes: int) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most_bytes:
        raise RefusedError(413, f"The body has {int(length):,} bytes; at most {most_bytes:,} are taken.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise RefusedError(413, f"The body has more than {most_bytes:,} bytes, which are the most taken.")
    except ClientDisconnect as error:
        raise RefusedError(400, "The client went away before its body was read.") from error
    return bytes(body)
