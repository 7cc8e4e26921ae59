"""Static files in production: compressed, under names that change with their content, JavaScript imports included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise is untyped
    """Without hashed imports, a page could mix modules of two releases after a deployment."""

    support_js_module_import_aggregation = True
    # A module's name follows from those that it imports: as many passes as imports are deep, with room.
    max_post_process_passes = 30
