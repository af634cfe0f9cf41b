"""Every setting, decided in one place. `docs/settings.md` lists the environment that it reads.

Development needs no environment at all: SQLite, local store, built-in search. Production (`ARCHIVE_ENV`) refuses
each of those defaults that would be unsafe there: see `config/checks.py`.
"""

from pathlib import Path

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent

ARCHIVE_ENV = env.text("ARCHIVE_ENV", "development")
PRODUCTION = ARCHIVE_ENV == "production"
ARCHIVE_DATA = Path(env.text("ARCHIVE_DATA", str(BASE_DIR / "var"))).resolve()
ARCHIVE_KEYS = env.text("ARCHIVE_KEYS", str(ARCHIVE_DATA / "keys" / "keys.json"))
ARCHIVE_KEKS = env.text("ARCHIVE_KEKS")  # see archive/keks.py
ARCHIVE_KMS = env.text("ARCHIVE_KMS")

DEVELOPMENT_SECRET = "development-only-" + "x" * 40
SECRET_KEY = env.text("SECRET_KEY", DEVELOPMENT_SECRET)
DEBUG = False  # never: a traceback page shows records; errors go to the log
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "ingest.apps.IngestConfig",
    "retention.apps.RetentionConfig",
    "search.apps.SearchConfig",
    "archive.apps.ArchiveConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "axes",
    "django_q",
]

MIDDLEWARE = [
    "config.middleware.Proxy",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.middleware.SmallBodies",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.SignedIn",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.Refusals",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.navigation.context",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "libraries": {},
        },
    }
]

# Databases. On SQLite the index and the jobs lie in files of their own, so that a long write to either never
# blocks a verb; on PostgreSQL everything lies in one database (config/databases.py routes).
_default = env.database(env.text("DATABASE_URL", f"sqlite:///{ARCHIVE_DATA / 'archive.sqlite3'}"))
EMBEDDED = _default["ENGINE"] == "django.db.backends.sqlite3"
if EMBEDDED:
    _sqlite = {
        "ENGINE": "django.db.backends.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; "
                "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000; PRAGMA mmap_size=268435456;"
            ),
        },
    }
    _name = Path(_default["NAME"])
    _durable = _sqlite | {
        "OPTIONS": _sqlite["OPTIONS"]
        | {
            # Without recursive triggers REPLACE would take a row's place and no trigger would see it go.
            "init_command": _sqlite["OPTIONS"]["init_command"].replace("NORMAL", "FULL")
            + " PRAGMA recursive_triggers=ON;"
        }
    }
    DATABASES = {
        "default": _durable | {"NAME": _name},
        "search": _sqlite | {"NAME": _name.with_name(_name.stem + "-search.sqlite3")},
        "jobs": _sqlite | {"NAME": _name.with_name(_name.stem + "-jobs.sqlite3")},
    }
    SEARCH_DATABASE, JOBS_DATABASE = "search", "jobs"
else:
    DATABASES = {"default": _default | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
    SEARCH_DATABASE = JOBS_DATABASE = "default"
DATABASE_ROUTERS = ["config.databases.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People
AUTH_USER_MODEL = "archive.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "login", "home", "login"
SESSION_COOKIE_AGE = 60 * 60 * 10
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True  # who signed in stands in the ledger
AXES_USERNAME_CALLABLE = "config.sign_in.tried_name"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", PRODUCTION)
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
BEHIND_PROXY = env.flag("BEHIND_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None

LANGUAGE_CODE, TIME_ZONE, USE_I18N, USE_TZ = "zh-hans", "Asia/Shanghai", True, True
DATE_FORMAT = "Y-m-d"

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = ARCHIVE_DATA / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES = {
    "staging": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": ARCHIVE_DATA / "staging", "file_permissions_mode": 0o600},
    },
    "renditions": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": ARCHIVE_DATA / "renditions", "file_permissions_mode": 0o600},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MAX_FORM_BYTES = 64 * 1024 * 1024  # a signed sheet as a scan; packages have a page of their own
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# The archive's own
CLAMD_URL = env.text("CLAMD_URL")
VERAPDF_JAR = env.text("VERAPDF_JAR")
OCR = env.flag("ARCHIVE_OCR", True)
ELASTICSEARCH_URL = env.text("ELASTICSEARCH_URL")
VERAPDF_JAR = env.text("VERAPDF_JAR")
OCR = env.flag("ARCHIVE_OCR", True)
REDIS_URL = env.text("REDIS_URL")
REQUIRE_SCAN = env.flag("ARCHIVE_REQUIRE_SCAN", PRODUCTION)
LOCK_HORIZON_YEARS = env.number("ARCHIVE_LOCK_HORIZON_YEARS", 10)
COMPLIANCE_WINDOW_DAYS = env.number("ARCHIVE_COMPLIANCE_WINDOW_DAYS", 30)
SNAPSHOT_DAYS = env.number("ARCHIVE_SNAPSHOT_DAYS", 7)
SNAPSHOT_LOCK_DAYS = env.number("ARCHIVE_SNAPSHOT_LOCK_DAYS", 400)
WAITING_DAYS = env.number("ARCHIVE_WAITING_DAYS", 0)
SUPERVISORS_MAY_APPRAISE = env.flag("ARCHIVE_SUPERVISORS_MAY_APPRAISE")
SAMPLE_PERCENT = env.number("ARCHIVE_SAMPLE_PERCENT", 2)
GROUP_SAMPLE_PERCENT = env.number("ARCHIVE_GROUP_SAMPLE_PERCENT", 5)
EXPORT_DAYS = env.number("ARCHIVE_EXPORT_DAYS", 3)
MAX_PACKAGE_BYTES = env.number("ARCHIVE_MAX_PACKAGE_MB", 4096) * 1024 * 1024

# Backups: the folder that the daily job writes to ("": no job), how long a file is kept, and where the passphrase is
BACKUP_DIR = env.text("ARCHIVE_BACKUP_DIR")
BACKUP_KEEP_DAYS = env.number("ARCHIVE_BACKUP_KEEP_DAYS", 30)
BACKUP_PASSPHRASE_FILE = env.text("ARCHIVE_BACKUP_PASSPHRASE_FILE")

# Who consumes what the outbox announces: topic → (module, function). The topic is also announced to.
CHANGE_TOPICS = {
    "search": "search.indexing.follow",
    "holds": "retention.holds.follow",
    "register-holds": "retention.registers.follow_holds",
    "locks": "archive.extension.follow",
    "periods": "archive.correction.follow",
    "manifest": "archive.editions.follow",
    "stores": "archive.spreading.follow",
    "retirement": "archive.retirement.follow",
    "text": "ingest.texts.follow",
}
# Whatever may hold a trace of a record outside `archive` (design §3, archive/traces.py).
TRACE_KEEPERS = [
    "archive.object_keys.Traces",
    "search.indexing.Traces",
    "ingest.traces.Traces",
    "archive.renditions.Traces",
    "archive.packages.orders.Traces",
]

Q_CLUSTER = {
    "name": "archive",
    "workers": 1,
    "recycle": 200,
    "timeout": 3000,
    "retry": 3600,
    "max_attempts": 3,
    "queue_limit": 4,
    "bulk": 1,
    "catch_up": False,
    "save_limit": 500,
    "label": "任务",
    "ack_failures": True,
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": JOBS_DATABASE, "poll": 2}),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "masked": {
            "()": "config.logs.Masked",
            "fmt": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "masked"}},
    "root": {"handlers": ["console"], "level": env.text("ARCHIVE_LOG_LEVEL", "WARNING")},
    "loggers": {"archive": {"level": env.text("ARCHIVE_LOG_LEVEL", "INFO")}, "axes": {"level": "ERROR"}},
}
