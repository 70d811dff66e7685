"""TypeScript definitions: read by the compiler, and used by a program that runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from blueprint.host import BODY, OTHER_STREAM, Host
from nodejs import install

from flask_allmine_liveactivity import ConfigurationError
from flask_allmine_liveactivity.openapi import openapi_document, typescript
from flask_allmine_liveactivity.openapi.samples import LANGUAGES, sample

from .served import Served

TYPESCRIPT = "5.9.3"
PATH = "/api/v1/notifications/live-activity-sessions"
(LANGUAGE,) = [language for language in LANGUAGES if language.name == "TypeScript"]

USES = """
import { register } from "./register.js";
const session = JSON.parse(process.argv[2]);
register(session, process.argv[3]).then(
  () => console.log("registered"),
  (error) => console.log(error.message),
);
"""
# Each line is an error of its own.
WRONG = """
import type { Failure, LiveActivitySession, LiveActivitySessionRegistered } from "./live-activity";
export const one: LiveActivitySession = { streamId: "1", deviceId: "2", activityId: "3" };
export const two: LiveActivitySessionRegistered = { success: false };
export const three: Failure["statusCode"] = 200;
export const four: Failure["errors"] = [];
export const five: Failure["isSuccess"] = true;
"""


@pytest.fixture(scope="module")
def tsc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    return install(folder, f"typescript@{TYPESCRIPT}") / "tsc"


def compiled(tsc: Path, folder: Path) -> str:
    options = ["--strict", "--target", "es2022", "--module", "es2022", "--lib", "es2022,dom"]
    files = [str(file) for file in sorted(folder.glob("*.ts"))]
    done = subprocess.run(
        [str(tsc), *options, "--moduleResolution", "bundler", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def definitions(host: Host) -> str:
    run = host.app.test_cli_runner().invoke(args=["live-activity", "openapi", "--typescript"])
    assert run.exit_code == 0, run.output
    assert run.output == typescript(openapi_document(host.app))
    return run.output


def test_the_sample_compiles_and_registers(tsc: Path, served_host: Served, tmp_path: Path) -> None:
    (tmp_path / "live-activity.ts").write_text(definitions(served_host.host))
    (tmp_path / "register.ts").write_text(sample(LANGUAGE, served_host.url + PATH))
    assert compiled(tsc, tmp_path) == ""
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "use.js").write_text(USES)

    def run(session: dict[str, str]) -> str:
        command = ["node", "use.js", json.dumps(session), served_host.access_token]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    assert run(BODY) == "registered\n"
    assert [row.token for row in served_host.host.sessions()] == [BODY["liveActivityToken"]]
    assert run({}).startswith("Validation failed streamId: Missing data")
    assert run({**BODY, "streamId": OTHER_STREAM}).endswith("belongs to another stream.\n")
    served_host.host.end()
    assert run(BODY) == "registered\n"


def test_the_compiler_refuses_what_the_endpoint_refuses(
    tsc: Path, host: Host, tmp_path: Path
) -> None:
    (tmp_path / "live-activity.ts").write_text(definitions(host))
    (tmp_path / "wrong.ts").write_text(WRONG)
    errors = [line for line in compiled(tsc, tmp_path).splitlines() if "error TS" in line]
    assert [line.split("(")[1].split(",")[0] for line in errors] == list("34567")


def test_each_kind_of_schema() -> None:
    text = typescript(
        {
            "info": {"title": "T", "version": "1"},
            "components": {
                "schemas": {
                    "One": {
                        "type": "object",
                        "description": "Ends */ here?",
                        "properties": {
                            "a-b": {"type": "string"},
                            "list": {
                                "type": "array",
                                "items": {"$ref": "#/components/schemas/One"},
                            },
                            "two": {
                                "type": "array",
                                "items": {"enum": ["b", "c"]},
                                "minItems": 1,
                            },
                            "some": {"type": "boolean", "description": "Yes.", "example": True},
                        },
                        "required": ["list"],
                    }
                }
            },
        }
    )
    assert text == (
        "// T 1: what is sent, and what is answered.\n\n"
        "/** Ends *\u200b/ here? */\n"
        "export interface One {\n"
        '  "a-b"?: string;\n'
        "  list: One[];\n"
        '  two?: [("b" | "c"), ...("b" | "c")[]];\n'
        "  /**\n   * Yes.\n   * @example true\n   */\n"
        "  some?: boolean;\n"
        "}\n"
    )


def test_a_schema_without_words() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "object"}}}
    document = {
        "info": {"title": "T", "version": "1"},
        "components": {"schemas": {"One": schema}},
    }
    with pytest.raises(ConfigurationError, match="no TypeScript"):
        typescript(document)
