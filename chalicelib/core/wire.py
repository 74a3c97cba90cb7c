"""Values as DynamoDB sends and stores them, and what it cannot hold."""

import math
from decimal import Decimal
from typing import Any

from chalicelib.core.errors import ValidationFailed

# Source: DynamoDB, naming rules and data types: 38 digits, 1E-130 to 9.99E+125; key lengths under "Quotas"
_DIGITS_MAX, _FLOAT_MIN, _FLOAT_MAX = 38, 1e-130, 9.99e125
_PK_MAX_BYTES, _SK_MAX_BYTES = 2048, 1024


def to_dynamo(value: Any) -> dict[str, Any]:
    """Python value -> DynamoDB's wire form. A float is stored as a decimal number (a whole one comes back as int); sets of strings
    (not empty ones) as SS.

    Raises: ValidationFailed for a number that DynamoDB cannot hold; TypeError.
    """
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            if abs(value) >= 10**_DIGITS_MAX:
                raise ValidationFailed(f"A number has more than {_DIGITS_MAX} digits.")
            return {"N": str(value)}
        case Decimal():
            if not value.is_finite() or len(value.as_tuple().digits) > _DIGITS_MAX:
                raise ValidationFailed("A number is out of range.")
            return {"N": str(value)}
        case float():
            if value and not (math.isfinite(value) and _FLOAT_MIN <= abs(value) <= _FLOAT_MAX):
                raise ValidationFailed("A number is out of range.")
            whole = value.is_integer() and abs(value) < 10**_DIGITS_MAX  # its shortest decimal may be another whole number
            return {"N": str(int(value)) if whole else repr(value)}
        case bytes() | bytearray():
            return {"B": bytes(value)}
        case dict():
            return {"M": {k: to_dynamo(v) for k, v in value.items()}}
        case list() | tuple():
            return {"L": [to_dynamo(v) for v in value]}
        case set() | frozenset() if value and all(isinstance(v, str) for v in value):
            return {"SS": sorted(value)}
    raise TypeError(f"cannot store a {type(value).__name__}")


def from_dynamo(value: dict[str, Any]) -> Any:
    ((kind, raw),) = value.items()
    match kind:
        case "S" | "BOOL":
            return raw
        case "N":
            number = Decimal(raw)
            return int(number) if number.copy_abs() < 10**_DIGITS_MAX and number == number.to_integral_value() else float(number)
        case "M":
            return {k: from_dynamo(v) for k, v in raw.items()}
        case "L":
            return [from_dynamo(v) for v in raw]
        case "NULL":
            return None
        case "B":
            return bytes(raw)
        case "SS":
            return set(raw)
    raise TypeError(f"cannot read a DynamoDB {kind}")


def possible_key(key: tuple[str, str]) -> bool:
    """Whether DynamoDB can hold this key at all; a longer or empty one names nothing."""
    return all(0 < len(part.encode(errors="replace")) <= most for part, most in zip(key, (_PK_MAX_BYTES, _SK_MAX_BYTES), strict=True))
