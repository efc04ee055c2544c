"""Notes in Django, with its admin: ``gopuram serve wsgi --chdir python/examples/django``.

Before the first time: ``python manage.py migrate`` and ``python manage.py createsuperuser``, with the same ``NOTES_DATA``.
"""

import os

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application


class Static(StaticFilesHandler):
    """Serves the files of the applications from where they are, and not in debugging alone."""

    def serve(self, request):
        from django.contrib.staticfiles.views import serve

        return serve(request, self.file_path(request.path), insecure=True)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
application = Static(get_wsgi_application())
