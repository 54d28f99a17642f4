"""The blueprint every subject uses: arguments read by our schemas, their errors answered in our words."""

from __future__ import annotations

from typing import Any, NoReturn

import flask_smorest
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser

from archive_service.api.reading import problems_of
from archive_service.errors import InvalidInput, Message


class ArgumentsParser(FlaskParser):
    """Reads JSON bodies and query strings; each schema says itself what becomes of unknown fields."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": None, "query": None}  # noqa: RUF012  # as in the library's own class

    def load_json(self, req: Any, schema: Schema) -> Any:
        """Return the JSON body; raise InvalidInput for lists within lists without end and for numbers beyond reason."""
        try:
            return super().load_json(req, schema)
        except (RecursionError, ValueError) as wrong:
            raise _not_json() from wrong

    def handle_error(  # type: ignore[override]
        self, error: ValidationError, _request: Any, _schema: Schema, **_settings: Any
    ) -> NoReturn:
        """Raise InvalidInput that names each wrong field in both languages."""
        # The library puts the messages under the place they were read from: json, query.
        messages = next(iter(error.messages.values())) if isinstance(error.messages, dict) else error.messages
        raise InvalidInput(
            Message("Some fields are missing or wrong.", "Một số trường bị thiếu hoặc không hợp lệ."),
            problems=problems_of(messages),
        ) from error

    def _handle_invalid_json_error(self, error: Any, req: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise _not_json() from error


def _not_json() -> InvalidInput:
    return InvalidInput(Message("The body is not JSON.", "Nội dung không phải là JSON."), code="not-json")


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # the library ships no types
    """A blueprint whose arguments are read by ``ArgumentsParser``."""

    ARGUMENTS_PARSER = ArgumentsParser()
