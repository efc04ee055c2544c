"""What is kept."""

from django.db import models


class Note(models.Model):
    title = models.CharField(max_length=200)
    file = models.FileField(blank=True)

    def __str__(self):
        return self.title
