"""Serializer fields that take exactly the JSON type they name, and the checks for custom data."""

import json
import math
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_CUSTOM_KEYS = 50
MAX_CUSTOM_BYTES = 16 * 1024
MAX_CUSTOM_KEY = 64
MAX_ITEMS = 100


class Text(serializers.CharField):
    """A JSON string; numbers and booleans are not turned into one. Empty is allowed and means absent."""

    def __init__(self, *, max_length: int = 255, required: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("allow_blank", not required)
        super().__init__(max_length=max_length, required=required, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Not a string.")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """A JSON boolean."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Not true or false.")
        return data


class Count(serializers.IntegerField):
    """A JSON integer of at least 0."""

    def __init__(self, *, max_value: int = 2**32 - 1, **kwargs: Any) -> None:
        super().__init__(required=False, min_value=0, max_value=max_value, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("Not an integer.")
        return int(super().to_internal_value(data))


CUSTOM_SCALAR = {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": MAX_CUSTOM_KEYS,
        "additionalProperties": {
            "oneOf": [*CUSTOM_SCALAR["oneOf"], {"type": "array", "items": CUSTOM_SCALAR, "maxItems": MAX_ITEMS}],
            "nullable": True,
        },
    }
)
class Custom(serializers.DictField):
    """`custom`: names to texts, numbers, booleans, or lists of those (multiselect)."""

    def __init__(self, *, nullable_values: bool = False, **kwargs: Any) -> None:
        self.nullable_values = nullable_values
        super().__init__(required=False, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if data == []:
            # As PHP writes an empty array.
            return {}
        if not isinstance(data, dict):
            raise serializers.ValidationError("Not an object.")
        if len(data) > MAX_CUSTOM_KEYS:
            raise serializers.ValidationError(f"More than {MAX_CUSTOM_KEYS} values.")
        if len(json.dumps(data)) > MAX_CUSTOM_BYTES:
            raise serializers.ValidationError(f"Longer than {MAX_CUSTOM_BYTES} bytes.")
        for name, value in data.items():
            self._check(name, value)
        if self.nullable_values:
            return data
        return {name: value for name, value in data.items() if value is not None}

    def _check(self, name: str, value: Any) -> None:
        if not name or len(name) > MAX_CUSTOM_KEY:
            raise serializers.ValidationError(f"{name[:20]!r}: a name has 1 to {MAX_CUSTOM_KEY} characters.")
        items = value if isinstance(value, list) else [value]
        if len(items) > MAX_ITEMS:
            raise serializers.ValidationError({name: f"More than {MAX_ITEMS} items."})
        for item in items:
            if isinstance(item, (dict, list)) or (item is None and isinstance(value, list)):
                raise serializers.ValidationError(
                    {name: "A value is a text, a number, true or false, or a list of these."}
                )
            if isinstance(item, float) and not math.isfinite(item):
                raise serializers.ValidationError({name: "Not a finite number."})
