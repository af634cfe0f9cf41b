"""The pages of receiving and examining."""

from django.urls import path

from ingest.views import batches, confirmations, direct, handover, package, sample, upload, worklist

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
    path("upload/direct/begin/", direct.begin, name="direct_begin"),
    path("upload/direct/parts/", direct.parts, name="direct_parts"),
    path("upload/direct/finish/", direct.finish, name="direct_finish"),
    path("upload/direct/stop/", direct.stop, name="direct_stop"),
    path("handover/", handover.handover, name="handover"),
    path("batches/", batches.batches, name="batches"),
    path("confirmations/", confirmations.listing, name="confirmations"),
    path("confirmations/<uuid:pk>/withdraw/", confirmations.withdraw, name="withdraw_confirmation"),
    path("samples/", sample.following, name="samples"),
    path("samples/<uuid:pk>/", sample.sample, name="sample"),
]
