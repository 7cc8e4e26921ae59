"""What is installed in production: every file under the name of its content, and every import by such a name."""

import re

from django.core.management import call_command

IMPORTED = re.compile(r'(?:from|import)\s*\(?\s*"(\.[^"]+)"')
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


def test_every_script_imports_what_was_installed_with_it(settings, tmp_path):
    settings.STATIC_ROOT = str(tmp_path)
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "authsignal_portal.static_files.HashedStaticFiles"}
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    scripts = [path for path in (tmp_path / "challenge").glob("*.js") if HASHED.search(path.name)]
    scripts += [path for path in (tmp_path / "app").glob("*.js") if HASHED.search(path.name)]
    imports = [(path, name) for path in scripts for name in IMPORTED.findall(path.read_text())]
    assert len(imports) > 50
    assert [(path.name, name) for path, name in imports if not HASHED.search(name)] == []
    assert [(path.name, name) for path, name in imports if not (path.parent / name).resolve().is_file()] == []
