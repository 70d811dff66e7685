"""The command that describes the endpoint to those who call it."""

from __future__ import annotations

import json

import click
from flask import current_app

from flask_allmine_liveactivity.cli.group import command
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.openapi.document import openapi_document
from flask_allmine_liveactivity.openapi.typescript import typescript


@command("openapi")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "yaml"]),
    default="json",
    show_default=True,
    help="Of the OpenAPI document.",
)
@click.option("--typescript", "types", is_flag=True, help="Print TypeScript definitions instead.")
def openapi(form: str, types: bool) -> None:
    """Print the OpenAPI 3.1 document of the endpoint."""
    document = openapi_document(current_app._get_current_object())  # type: ignore[attr-defined]
    if types:
        click.echo(typescript(document), nl=False)
    elif form == "yaml":
        try:
            import yaml
        except ImportError:
            raise ConfigurationError(
                'PyYAML is not installed: pip install "flask-allmine-liveactivity[openapi]"'
            ) from None
        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)
    else:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
