"""Public corpora by name: manifests of their files, downloads that resume and are verified."""
