"""A file that the browser makes of what it is sent, so that no copy of what somebody said lies about on the server."""

import json

JS = """(file) => {
  const { name, type, text } = JSON.parse(file);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  return "";
}"""


def file(name: str, text: str, *, type: str) -> str:
    """What `JS` makes a file of; `type` is its media type."""
    return json.dumps({"name": name, "type": type, "text": text})
