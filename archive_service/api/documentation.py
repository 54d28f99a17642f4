"""The machine-readable description of the API, and a page to browse it; both from this host alone."""

from __future__ import annotations

from importlib.resources import files
from mimetypes import guess_type

from flask import Blueprint, Response, jsonify
from flask_smorest import Api

from archive_service.api.identity import caller
from archive_service.errors import Message, NotFound
from archive_service.model.permissions import Action, require

_ASSETS = ("swagger-ui.css", "index.css", "swagger-ui-bundle.js", "favicon-32x32.png")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>archive-service API</title>
<link rel="icon" href="docs/favicon-32x32.png"><link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/index.css"></head>
<body><div id="swagger-ui"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>
</body></html>
"""
# An address of its own: one that was opened with a name and key in it cannot be fetched from relatively.
_START = """SwaggerUIBundle({
  url: new URL("openapi.json", location.origin + location.pathname).href, dom_id: "#swagger-ui", deepLinking: true
});
"""


def documentation_blueprint(api: Api) -> Blueprint:
    """Return /openapi.json and /docs."""
    blueprint = Blueprint("documentation", __name__)

    @blueprint.get("/openapi.json")
    def description() -> Response:
        require(caller(), Action.READ_DOCUMENTATION)
        return jsonify(api.spec.to_dict())

    @blueprint.get("/docs")
    def page() -> Response:
        require(caller(), Action.READ_DOCUMENTATION)
        return _guarded(Response(_PAGE, mimetype="text/html"))

    @blueprint.get("/docs/<name>")
    def asset(name: str) -> Response:
        require(caller(), Action.READ_DOCUMENTATION)
        if name == "start.js":
            return _guarded(Response(_START, mimetype="text/javascript"))
        if name not in _ASSETS:
            raise NotFound(Message("There is nothing at this address.", "Không có gì tại địa chỉ này."))
        body = files("flask_swagger_ui").joinpath("dist", name).read_bytes()
        return _guarded(Response(body, mimetype=guess_type(name)[0] or "application/octet-stream"))

    return blueprint


def _guarded(answer: Response) -> Response:
    """Let the page load nothing from anywhere else; the browser's own styles for it are inline."""
    answer.headers["Content-Security-Policy"] = (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    )
    return answer
