"""A headless Chromium, driven over its debugging pipe with the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
MISSING = "no chromium on PATH"


class Browser:
    """One page: ``open`` it, look at it, and see in ``events`` what it asked for and complained of."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing, self.number, self.session = reading, writing, 0, ""
        self.left = b""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self.left:
            part = os.read(self.reading, 1 << 20)
            assert part, "the browser has gone"
            self.left += part
        message, _, self.left = self.left.partition(b"\0")
        return json.loads(message)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        request = {"id": self.number, "method": method, "params": params} | ({"sessionId": self.session} if self.session else {})
        os.write(self.writing, json.dumps(request).encode() + b"\0")
        while (message := self._message()).get("id") != self.number:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def open(self, page: Path, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Load a file at a width in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.events.clear()
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def value(self, script: str) -> Any:
        """What a JavaScript expression gives."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def screenshot(self, out: Path, *, whole: bool = False) -> None:
        out.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]))

    def print(self, out: Path) -> None:
        out.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]))

    def requests(self) -> list[str]:
        """Addresses that were asked for beside the page itself and data in it."""
        sent = [event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("file:", "data:"))]

    def complaints(self) -> list[str]:
        """Messages of the console and exceptions."""
        kinds = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(event["params"]) for event in self.events if event.get("method") in kinds]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a profile, ended at the end."""
    assert CHROMIUM
    to_read, from_us = os.pipe()
    from_it, to_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
        ]
        flags += [f"--user-data-dir={profile}", "--no-first-run", "--disable-background-networking"]
        # the browser reads descriptor 3 and writes descriptor 4
        command = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "browser", CHROMIUM, *flags]
        process = subprocess.Popen(command, pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        os.close(to_read), os.close(to_write)
        try:
            yield Browser(from_it, from_us)
        finally:
            process.terminate()
            process.wait()
            os.close(from_it), os.close(from_us)
