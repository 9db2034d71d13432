"""Validates documents against the schemas of a folder.

    python check.py FOLDER < LINES

Each line of the input is {"schema": the name of a file without `.schema.json`, "document": any}.
Each line of the output is `null` for a valid document, or the first error as a JSON string. The
package `jsonschema_rs` is one that `schemathesis` needs.
"""

import json
import sys
from pathlib import Path

import jsonschema_rs

BASE = "file:///schemas/"

schemas = {path.name: json.loads(path.read_text()) for path in Path(sys.argv[1]).glob("*.schema.json")}
for schema in schemas.values():
    jsonschema_rs.meta.validate(schema)
registry = jsonschema_rs.Registry([(BASE + name, schema) for name, schema in schemas.items()])
validators = {
    name.removesuffix(".schema.json"): jsonschema_rs.Draft202012Validator(
        schema, registry=registry, base_uri=BASE, validate_formats=True, offline=True
    )
    for name, schema in schemas.items()
}

for line in sys.stdin:
    case = json.loads(line)
    error = next(validators[case["schema"]].iter_errors(case["document"]), None)
    where = error and "/".join(map(str, error.instance_path))
    print(json.dumps(error and f"{where}: {error.message[:200]}"))
