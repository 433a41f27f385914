"""How sphinx builds these pages: sphinx-build -W docs OUT."""

project = "mdlcodec"
extensions = ["myst_parser"]
exclude_patterns = ["_build", "ci"]
html_title = "mdlcodec"
myst_heading_anchors = 3
