"""The pages of receiving and examining."""

from django.urls import path

from ingest.views import batches, handover, package, sample, upload, worklist

app_name = "ingest"
urlpatterns = [
    path("packages/", worklist.worklist, name="list"),
    path("packages/<uuid:pk>/", package.package, name="submission"),
    path("packages/<uuid:pk>/report/", package.report, name="report"),
    path("packages/<uuid:pk>/original/", package.original, name="original"),
    path("packages/<uuid:pk>/examine/", package.examine, name="examine"),
    path("packages/<uuid:pk>/confirm/", package.confirm, name="confirm"),
    path("packages/<uuid:pk>/retry/", package.retry, name="retry"),
    path("upload/", upload.upload, name="upload"),
    path("upload/progress/", upload.progress, name="progress"),
    path("handover/", handover.handover, name="handover"),
    path("batches/", batches.batches, name="batches"),
    path("samples/", sample.following, name="samples"),
    path("samples/<uuid:pk>/", sample.sample, name="sample"),
]
