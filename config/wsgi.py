"""The door for a WSGI server (gunicorn). It does not open on settings that are unsafe in production."""

import os

from django.core.wsgi import get_wsgi_application

os.umask(0o077)  # gunicorn sets 0: what we write would be everybody's to change
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from config.backup.moving import require_finished  # noqa: E402  (needs the settings, which are set up by now)
from config.checks import require_sound  # noqa: E402

require_sound()
require_finished()
