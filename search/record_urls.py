"""Reading a record's files: the viewer, its page images, the originals. Named by UUID only; beside the record page."""

from django.urls import path

from search import viewing

app_name = "reading"
urlpatterns = [
    path("<uuid:record>/objects/<uuid:item>/", viewing.read, name="read"),
    path(
        "<uuid:record>/objects/<uuid:item>/pages/<int:page>-<int:width>.jpg", viewing.page_image, name="page"
    ),
    path("<uuid:record>/objects/<uuid:item>/original", viewing.original, name="original"),
]
