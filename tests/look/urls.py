"""The addresses of the gallery, with the names that the frame asks for."""

from django.urls import include, path
from django.views.defaults import page_not_found

from tests.look import pages

handler404 = page_not_found

urlpatterns = [
    path("", pages.home, name="home"),
    path("find/", include(([path("", pages.records, name="find")], "search"))),
    path("gallery/", pages.gallery),
    path("records/", pages.records),
    path("none/", pages.none),
    path("record/", pages.record),
    path("read/", pages.read),
    path("package/", pages.package),
    path("upload/", pages.upload),
    path("progress/", pages.progress),
    path("register/", pages.register),
    path("refused/", pages.refused),
    path("fault/", pages.fault),
    path("login/", pages.login, name="login"),
    path("password/", pages.password, name="password_change"),
    path("logout/", pages.login, name="logout"),
    path("page/<int:number>.svg", pages.page_image),
]
