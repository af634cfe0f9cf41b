"""Settings of the gallery alone: the product's templates and static files, no database asked for anything."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY = "the gallery keeps no secrets"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "tests.look.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",  # config.middleware knows it; nobody signs in here
    "archive",  # for its words on pages; no table is ever asked
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
]
AUTH_USER_MODEL = "archive.User"
MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware", "tests.look.pages.strict_policy"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates", ROOT / "tests" / "look" / "templates"],
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.request", "tests.look.pages.frame"],
            "string_if_invalid": "",
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
LANGUAGE_CODE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
CSRF_COOKIE_HTTPONLY = True
