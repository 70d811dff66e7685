"""How the documentation is built: ``make docs``."""

import flask_allmine_liveactivity

project = "flask-allmine-liveactivity"
author = "The flask-allmine-liveactivity maintainers"
version = release = flask_allmine_liveactivity.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = project
