"""TypeScript definitions of what is sent and answered, from the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask_allmine_liveactivity.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_SIMPLE = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def typescript(document: Mapping[str, Any]) -> str:
    """One exported interface for each object among the schemas of an OpenAPI document.

    Raises:
        ConfigurationError: A schema has something that has no words here.

    .. versionadded:: 0.1.0
    """
    info = document["info"]
    head = f"// {info['title']} {info['version']}: what is sent, and what is answered.\n"
    interfaces = [
        _documented(schema, "") + f"export interface {name} {_object(schema)}\n"
        for name, schema in document["components"]["schemas"].items()
    ]
    return "\n".join([head, *interfaces])


def _object(schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    lines = []
    for name, described in schema.get("properties", {}).items():
        key = name if _NAME.fullmatch(name) else json.dumps(name)
        optional = "" if name in required else "?"
        lines.append(f"{_documented(described, '  ')}  {key}{optional}: {_type(described)};\n")
    return "{\n" + "".join(lines) + "}"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        item = _type(schema["items"])
        item = f"({item})" if " | " in item else item
        return f"[{item}, ...{item}[]]" if schema.get("minItems") else f"{item}[]"
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    raise ConfigurationError(f"There is no TypeScript for the schema {json.dumps(schema)}.")


def _documented(schema: Mapping[str, Any], indent: str) -> str:
    said = [schema["description"]] if "description" in schema else []
    if "example" in schema:
        said.append(f"@example {json.dumps(schema['example'])}")
    if not said:
        return ""
    # Nothing may end the comment.
    text = [line.replace("*/", "*\u200b/") for line in said]
    if len(text) == 1:
        return f"{indent}/** {text[0]} */\n"
    lines = "".join(f"{indent} * {line}\n" for line in text)
    return f"{indent}/**\n{lines}{indent} */\n"
