#!/usr/bin/env python3
"""Lists the fields of Kafka's request and response schemas, one line a field.

    tests/schema_listing.py kafka-clients-4.4.0.jar > tests/kafka-4.4.0.schema

The argument is the jar, or a directory with its common/message/*.json. Names are turned into snake case; a default is
listed only where it differs from zero, false, empty.
"""
import json
import pathlib
import re
import sys
import zipfile


def sources(path):
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as jar:
            for name in sorted(jar.namelist()):
                if name.startswith("common/message/") and name.endswith(".json"):
                    yield jar.read(name).decode()
    else:
        for file in sorted(pathlib.Path(path).glob("*.json")):
            yield file.read_text()


def snake(name):
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


def default(field):
    value = field.get("default", "")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if re.fullmatch(r"-?(0x)?[0-9a-f]+", text, re.IGNORECASE) and field["type"] != "string":
        text = str(int(text, 0))
    return "" if text in ("0", "false", "") else text


def list_fields(path, fields, structures):
    for field in fields:
        line = [f"  {path}.{snake(field['name'])}", field["type"], field["versions"]]
        if field.get("nullableVersions", "none") != "none":
            line.append(f"null={field['nullableVersions']}")
        if "tag" in field:
            line.append(f"tag={field['tag']}@{field['taggedVersions']}")
        if default(field):
            line.append(f"default={default(field)}")
        print(" ".join(line))
        structure = field["type"].removeprefix("[]")
        if structure[0].isupper():
            list_fields(structure, field.get("fields") or structures[structure], structures)


def main():
    messages = []
    for text in sources(sys.argv[1]):
        text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
        message = json.loads(text)
        if message["type"] in ("request", "response") and message["validVersions"] != "none":
            messages.append(message)
    messages.sort(key=lambda message: (message["apiKey"], message["type"]))
    for message in messages:
        structures = {common["name"]: common["fields"] for common in message.get("commonStructs", [])}
        print(message["name"], message["type"], message["apiKey"], message["validVersions"], message["flexibleVersions"])
        list_fields(message["name"], message["fields"], structures)


main()
