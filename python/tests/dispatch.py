"""What the tests' server serves: the field X-App names the application, as ``module.name``."""

import importlib
import os
from wsgiref.validate import validator


def app(environ, start_response):
    module, _, name = environ["HTTP_X_APP"].rpartition(".")
    found = getattr(importlib.import_module(module), name)
    if os.environ.get("VALIDATE"):
        found = validator(found)
    return found(environ, start_response)


def make():
    return app
