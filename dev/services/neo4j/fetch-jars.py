"""Downloads jars from a Maven repository: fetch-jars.py FOLDER COORDINATES...

The repository is TENANCY_MAVEN_REPOSITORY, else the mirror of Maven Central that the user's Maven settings name, else
Maven Central. What was downloaded is checked by the caller.
"""

import os
import sys
from pathlib import Path
from xml.etree import ElementTree

from maven_artifact import Artifact, Downloader, RequestException


def repository():
    """Arguments of the Downloader."""
    given = os.environ.get("TENANCY_MAVEN_REPOSITORY")
    if given:
        return {"base": given}
    settings = Path.home() / ".m2" / "settings.xml"
    return mirror(settings) if settings.is_file() else {}


def mirror(settings):
    root = ElementTree.parse(settings).getroot()
    # Since Maven 1.0 the elements may have a namespace, which carries the version.
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    for entry in root.iterfind("mirrors/mirror"):
        if not mirrors_central(entry.findtext("mirrorOf", "")) or entry.findtext("blocked", "") == "true":
            continue
        found = {"base": entry.findtext("url", "").strip()}
        for server in root.iterfind("servers/server"):
            if server.findtext("id") == entry.findtext("id"):
                found |= {name: server.findtext(name) for name in ("username", "password")}
        return found
    return {}


def mirrors_central(pattern):
    """https://maven.apache.org/guides/mini/guide-mirror-settings.html#advanced-mirror-specification"""
    parts = [part.strip() for part in pattern.split(",")]
    return "!central" not in parts and any(part in ("*", "central", "external:*") for part in parts)


def main(folder, coordinates):
    downloader = Downloader(**repository())
    for coordinate in coordinates:
        artifact = Artifact.parse(coordinate)
        name = artifact.uri("").rpartition("/")[2]
        downloader.download(artifact, str(Path(folder) / name))


try:
    main(sys.argv[1], sys.argv[2:])
except RequestException as error:
    sys.exit(error.msg)
