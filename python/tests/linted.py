"""The example of Flask between Werkzeug's lint and the server; a warning is an error."""

import warnings

from app import app
from werkzeug.middleware.lint import LintMiddleware

warnings.simplefilter("error")
# The lint wants what RFC 2616 did.
app.response_class.autocorrect_location_header = True
app = LintMiddleware(app)
