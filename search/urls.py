"""The reading room. Nothing that holds a number is ever part of an address."""

from django.urls import path

from search import views

app_name = "search"
urlpatterns = [
    path("", views.find, name="find"),
    path("party/<uuid:record>/<int:position>/", views.party, name="party"),
    path("purpose/", views.start_purpose, name="purpose"),
    path("purpose/end/", views.end_purpose, name="purpose_end"),
]
