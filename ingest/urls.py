"""The pages of receiving and examining."""

from django.urls import path

from ingest.views import batches, confirmations, direct, handover, package, reports, sample, upload, worklist

app_name = "ingest"
urlpatterns = [
    path("packages/", worklist.worklist, name="list"),
    path("packages/<uuid:pk>/", package.package, name="submission"),
    path("packages/again/", worklist.again, name="again"),
    path("packages/<uuid:pk>/report/", reports.report, name="report"),
    path("packages/<uuid:pk>/report.pdf", reports.report_pdf, name="report_pdf"),
    path("packages/<uuid:pk>/report.json", reports.report_json, name="report_json"),
    path("packages/<uuid:pk>/recheck/", package.recheck, name="recheck"),
    path("packages/<uuid:pk>/batch/", reports.batch, name="batch"),
    path("packages/<uuid:pk>/batch.pdf", reports.batch_pdf, name="batch_pdf"),
    path("packages/<uuid:pk>/batch.json", reports.batch_json, name="batch_json"),
    path(
        "packages/<uuid:pk>/findings/<int:position>/<int:page>-<int:width>.jpg",
        reports.picture,
        name="picture",
    ),
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
