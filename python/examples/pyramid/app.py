"""Notes in Pyramid: ``gopuram serve 'app:make()' --chdir python/examples/pyramid``."""

import shutil
import tempfile
from pathlib import Path

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPBadRequest, HTTPFound
from pyramid.response import FileIter, Response

HERE = Path(__file__).parent


def front(request):
    style = request.static_path(str(HERE / "static/style.css"))
    return Response(f"<!doctype html><title>Notes</title><link rel=stylesheet href={style}>")


def keep(request):
    field = request.POST.get("file")
    if not hasattr(field, "file"):
        raise HTTPBadRequest("no file")
    with tempfile.NamedTemporaryFile(dir=request.registry.settings["files"], delete=False) as kept:
        shutil.copyfileobj(field.file, kept)
    return HTTPFound(request.route_path("file", name=Path(kept.name).name))


def fetch(request):
    path = Path(request.registry.settings["files"], Path(request.matchdict["name"]).name)
    wrapper = request.environ.get("wsgi.file_wrapper", FileIter)
    response = Response(content_type="application/octet-stream")
    response.content_length = path.stat().st_size
    response.app_iter = wrapper(path.open("rb"))
    return response


def count(request):
    return Response(app_iter=(b"%d\n" % number for number in range(int(request.matchdict["to"]))), content_type="text/plain")


def make():
    with Configurator(settings={"files": tempfile.mkdtemp(prefix="notes-")}) as config:
        config.add_static_view("static", str(HERE / "static"))
        for name, path, view in (
            ("front", "/", front),
            ("files", "/files", keep),
            ("file", "/files/{name}", fetch),
            ("count", r"/count/{to:\d+}", count),
        ):
            config.add_route(name, path)
            config.add_view(view, route_name=name)
        return config.make_wsgi_app()
