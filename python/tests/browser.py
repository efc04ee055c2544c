"""A real browser, driven by pipes: chromium's devtools protocol, one message of JSON after another, each ended by a NUL."""

import base64
import json
import os
import shutil
import subprocess
import tempfile

CHROMIUM = shutil.which("chromium")


class Chromium:
    """One page of a browser without a window."""

    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1000,700"]
        flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        flags += ["--remote-debugging-pipe", f"--user-data-dir={self.profile.name}", "about:blank"]
        # It reads from 3 and writes to 4, wherever the pipes are here.
        script = f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$0" "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", script, CHROMIUM, *flags],
            pass_fds=[theirs_in, theirs_out],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._file = os.fdopen(self._in, "rb")
        self._buffer = b""
        self._number = 0
        self._session = {}
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._file.close()
        os.close(self._out)
        self.profile.cleanup()

    def call(self, method, **params):
        """Has something done; what happens meanwhile is in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (got := self._receive()).get("id") != self._number:
            self.events.append(got)
        assert "result" in got, got
        return got["result"]

    def _receive(self):
        while b"\0" not in self._buffer:
            data = self._file.read1(1 << 20)
            assert data, "the browser has ended"
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def wait_for(self, method):
        """Until that has happened, since the last time that it was asked for."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._receive())

    def loads(self, method, **params):
        """Does what leads to another page, and waits for it."""
        self.events = [event for event in self.events if event.get("method") != "Page.loadEventFired"]
        result = self.call(method, **params)
        self.wait_for("Page.loadEventFired")
        return result

    def open(self, url):
        self.loads("Page.navigate", url=url)

    def run(self, script):
        """What a script says."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def submits(self, script):
        """Runs a script that leads to another page."""
        self.loads("Runtime.evaluate", expression=script)

    def choose(self, selector, path):
        """Gives a file to a form."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def answers(self):
        """The status and the address of each answer that came."""
        responses = [e["params"]["response"] for e in self.events if e.get("method") == "Network.responseReceived"]
        return [(response["status"], response["url"]) for response in responses]

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
