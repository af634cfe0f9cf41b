"""Every address of the house. Apps link to one another by these names only."""

from django.contrib.auth import views as auth
from django.urls import include, path

from config import hold_pages, pages, sign_in

urlpatterns = [
    path("", pages.home, name="home"),
    path(
        "sign-in/",
        auth.LoginView.as_view(redirect_authenticated_user=True, http_method_names=sign_in.FORM_METHODS),
        name="login",
    ),
    path("sign-out/", auth.LogoutView.as_view(), name="logout"),
    path("password/", sign_in.PasswordChange.as_view(), name="password_change"),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("search/", include("search.urls")),
    path("intake/", include("ingest.urls")),
    path("retention/holds/search/", hold_pages.of_search, name="hold_search"),
    path("retention/", include("retention.urls")),
    path("periods/", include("config.period_pages")),
    path("copies/", include("config.copy_pages")),
    path("locks/", include("config.lock_pages")),
    path("encryption/", include("config.encryption_pages")),
    path("retirements/", include("config.retirement_pages")),
    path("system/", include("config.system_pages")),
    path("audit/", include("archive.pages.audit")),
    path("people/", include("archive.pages.people")),
    path("trust/", include("archive.pages.trust")),
    path("exports/", include("config.export_pages")),
    path("records/<uuid:pk>/", pages.record, name="record"),
    path("records/<uuid:pk>/print/", pages.record_print, name="record_print"),
    path("records/", include("search.record_urls")),
]
