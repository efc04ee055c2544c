"""What is seen without the admin."""

from django.conf import settings
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.views.static import serve

from .models import Note


def front(request):
    return HttpResponse("\n".join(Note.objects.values_list("title", flat=True)), content_type="text/plain")


def fetch(request, path):
    response = serve(request, path, document_root=settings.MEDIA_ROOT)
    assert isinstance(response, FileResponse)
    return response


def count(request, to):
    return StreamingHttpResponse((b"%d\n" % number for number in range(to)), content_type="text/plain")
