"""The web app: templates, static files, languages, and what every page is rendered with."""
