"""The smallest applications of the frameworks."""

import django.conf
import flask
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from pyramid.config import Configurator
from pyramid.response import Response

flask_app = flask.Flask(__name__)


@flask_app.route("/hello", methods=["GET", "POST"])
def flask_hello():
    return {"hello": flask.request.args.get("who", "flask"), "form": flask.request.form.to_dict()}


@flask_app.get("/stream")
def flask_stream():
    return flask.Response((b"%d\n" % number for number in range(3)), mimetype="text/plain")


@flask_app.get("/file")
def flask_file():
    return flask.send_file(__file__, mimetype="text/plain")


def django_hello(request):
    return HttpResponse(f"hello {request.GET.get('who', 'django')} {request.POST.get('field')}")


def django_stream(request):
    return StreamingHttpResponse(b"%d\n" % number for number in range(3))


urlpatterns = [path("hello", django_hello), path("stream", django_stream)]
django.conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of a test")
django_app = get_wsgi_application()


def make_pyramid():
    with Configurator() as config:
        config.add_route("hello", "/hello")
        config.add_view(lambda request: Response(f"hello {request.params.get('who', 'pyramid')}"), route_name="hello")
        return config.make_wsgi_app()


pyramid_app = make_pyramid()
