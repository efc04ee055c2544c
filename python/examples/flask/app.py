"""Notes in Flask: ``gopuram serve app:app --chdir python/examples/flask``."""

import hashlib
import tempfile
from pathlib import Path

from flask import Flask, Response, abort, redirect, render_template_string, request, send_file, session
from werkzeug.utils import secure_filename

app = Flask(__name__)
app.secret_key = "for an example only"
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024 * 1024

FILES = Path(tempfile.mkdtemp(prefix="notes-"))

PAGE = """<!doctype html><title>Notes</title>
<h1>{{ session.get("name", "Nobody") }}'s notes</h1>
<form method="post"><input name="name"><button>That is me</button></form>
<form method="post" action="/files" enctype="multipart/form-data"><input type="file" name="file"><button>Keep</button></form>
"""


@app.route("/", methods=["GET", "POST"])
def front():
    if request.method == "POST":
        session["name"] = request.form["name"]
        return redirect("/")
    return render_template_string(PAGE)


@app.post("/files")
def keep():
    file = request.files["file"]
    name = secure_filename(file.filename) or abort(400)
    file.save(FILES / name)
    return {"name": name, "bytes": (FILES / name).stat().st_size}, 201


@app.get("/files/<name>")
def fetch(name):
    # Flask hands the file to the server, which sends it, or a part of it.
    return send_file(FILES / secure_filename(name), conditional=True)


@app.post("/digest")
def digest():
    """Reads a body as it comes."""
    sha256 = hashlib.sha256()
    while block := request.stream.read(65536):
        sha256.update(block)
    return {"sha256": sha256.hexdigest()}


@app.get("/count/<int:to>")
def count(to):
    """Sends each line when it is there."""
    return Response((f"{number}\n" for number in range(to)), mimetype="text/plain")
