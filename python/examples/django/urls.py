"""Where things are."""

from django.contrib import admin
from django.urls import path
from notes import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("files/<path:path>", views.fetch),
    path("count/<int:to>", views.count),
    path("", views.front),
]
