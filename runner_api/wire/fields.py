"""Owns reading what a client sent, leniently: JSON or a form, with types as runners in the field get them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import orjson
from django.http import QueryDict

from ci_core.errors import InvalidInput

FORM: Final = "application/x-www-form-urlencoded"
_TRUE: Final = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE: Final = frozenset({"false", "0", "no", "off", "f", "n"})


class Fields:
    """The members of a request body, by name; what is absent, null or empty counts as not sent."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @classmethod
    def read(cls, body: bytes, content_type: str) -> Self:
        """Reads a form, or else JSON. An empty body and the literal `null` hold nothing. Raises InvalidInput."""
        if content_type == FORM:
            return cls.of_form(QueryDict(body))
        if not body.strip():
            return cls({})
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"The request body is not JSON: {error}.") from None
        if values is None:
            return cls({})
        if not isinstance(values, dict):
            raise InvalidInput("The request body must be a JSON object.")
        return cls(values)

    @classmethod
    def of_form(cls, *forms: QueryDict) -> Self:
        """The fields of forms or query strings; a field that is repeated is a list, the first form wins."""
        values: dict[str, Any] = {}
        for form in reversed(forms):
            for name, given in form.lists():
                values[name.removesuffix("[]")] = given if len(given) > 1 else given[0] if given else ""
        return cls(values)

    def text(self, name: str, limit: int = 1024) -> str:
        """A text without NUL; empty when it was not sent. Raises InvalidInput beyond `limit` characters."""
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, list):
            value = value[-1] if value else ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidInput(f"{name} must be a text.")
        text = str(value).replace("\0", "")
        if len(text) > limit:
            raise InvalidInput(f"{name} has {len(text)} characters; {limit} are allowed.")
        return text

    def flag(self, name: str, default: bool) -> bool:
        """A truth value, also written as text. Raises InvalidInput."""
        value = self._values.get(name)
        if isinstance(value, bool):
            return value
        text = self.text(name).lower()
        if not text:
            return default
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        raise InvalidInput(f"{name} must be true or false.")

    def number(self, name: str, *, least: int, most: int) -> int | None:
        """A whole number, also written as text; None when it was not sent. Raises InvalidInput."""
        text = self.text(name)
        if not text:
            return None
        try:
            value = int(text)
        except ValueError:
            raise InvalidInput(f"{name} must be a whole number.") from None
        if not least <= value <= most:
            raise InvalidInput(f"{name} must be from {least} to {most}.")
        return value

    def texts(self, name: str, *, most: int, limit: int = 255) -> list[str]:
        """Texts: an array, a repeated field, or one text with commas. Raises InvalidInput."""
        value = self._values.get(name)
        given = value if isinstance(value, list) else [value]
        texts: list[str] = []
        for item in given:
            if item is not None and not isinstance(item, str):
                raise InvalidInput(f"{name} must be a list of texts.")
            texts += [part for word in (item or "").split(",") if (part := word.replace("\0", "").strip())]
        if len(texts) > most:
            raise InvalidInput(f"{name} has {len(texts)} entries; {most} are allowed.")
        if any(len(text) > limit for text in texts):
            raise InvalidInput(f"An entry of {name} has more than {limit} characters.")
        return texts

    def nested(self, name: str) -> Fields:
        """A nested object; empty when it was not sent or is none."""
        value = self._values.get(name)
        return Fields(value if isinstance(value, dict) else {})

    def members(self) -> Mapping[str, Any]:
        """All members as they were sent."""
        return self._values

    def flags(self) -> dict[str, bool]:
        """The members that are truth values."""
        return {
            key.replace("\0", ""): value for key, value in self._values.items() if isinstance(value, bool)
        }

    def __bool__(self) -> bool:
        return bool(self._values)
