"""`make release` with real registries, helm and git; the image is tiny, and its engine only hands it out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from service import __version__
from tests.support import tiny_image
from tests.support.oci_registry import docker_registry, make_key
from tests.support.release import Checkout, Registry, blocks, needed, program
from tests.support.signing_keys import RSA, key_pair, public_key

BASE = "docker.io/library/python:3.11-slim@sha256:" + "1" * 64
IMAGE, CHART = "nlp/spanloop", "nlp/charts/spanloop"
SBOM, PROVENANCE = "application/vnd.cyclonedx+json", "application/vnd.in-toto+json"
REFERRERS = re.compile(r":sha256-[0-9a-f]{64}$")
"""The tag with the list of what refers to a manifest. A registry with the referrers API makes its own."""
ENGINE = """cd {folder}; echo "$@" >> asked
case $1 in
push) target=${{4#oci:}}; cp -r image/. ${{target%:*}} ;;
run) cat sbom.json ;;
esac"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    needed("git", "helm", "skopeo", "openssl")
    return tmp_path_factory.mktemp("release")


@pytest.fixture(scope="module")
def certificate(place):
    return make_key(place)


@pytest.fixture(scope="module")
def environment(place, certificate):
    """The environment of every program: it trusts the registries and keeps its files here."""
    own = {"SSL_CERT_FILE": str(certificate[0]), "HELM_CACHE_HOME": str(place), "DOCKER_CONFIG": str(place)}
    return {**os.environ, **own, "HELM_CONFIG_HOME": str(place), "HELM_DATA_HOME": str(place)}


def served(folder, certificate):
    return docker_registry(folder, tls={"certificate": str(certificate[0]), "key": str(certificate[1])})


@pytest.fixture(scope="module")
def engine(place):
    """A container engine whose image says something; `asked` has what it was asked."""
    tiny_image.write(place / "image", "one")
    (place / "sbom.json").write_text('{"bomFormat": "CycloneDX"}')
    program(place / "engine", ENGINE.format(folder=place))
    return place / "engine"


@pytest.fixture(scope="module")
def key(place):
    """Made as docs/releasing.md says."""
    path = place / "release.key"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def checkout(place, environment):
    return Checkout.make(place, environment)


@pytest.fixture(scope="module")
def published(place, certificate, checkout, engine, key):
    """A registry after a release."""
    with served(place / "registry", certificate) as host:
        status, said = checkout.release(REGISTRY=f"{host}/nlp", KEY=key, ENGINE=engine, BASE=BASE)
        assert status == 0, said
        yield Registry(host, certificate[0])


def run(command, environment, folder):
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_pulled_has_the_digests_that_were_pushed(published, place, checkout, environment, tmp_path):
    digest = tiny_image.write(tmp_path / "same", "one")
    assert published.digest(IMAGE, __version__) == digest
    run(
        ["skopeo", "copy", f"docker://{published.host}/{IMAGE}:{__version__}", f"oci:{tmp_path}/pulled"],
        environment,
        tmp_path,
    )
    assert json.loads((tmp_path / "pulled" / "index.json").read_bytes())["manifests"][0]["digest"] == digest
    run(["helm", "pull", f"oci://{published.host}/{CHART}", "--version", __version__], environment, tmp_path)
    (pulled,) = tmp_path.glob("*.tgz")
    assert pulled.read_bytes() == (checkout.files / pulled.name).read_bytes()


def test_the_published_chart_installs_the_published_image(published, environment, tmp_path):
    command = ["helm", "template", "spanloop", f"oci://{published.host}/{CHART}", "--version", __version__]
    objects = yaml.safe_load_all(run(command, environment, tmp_path))
    images = {
        container["image"]
        for one in objects
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    assert images == {f"{published.host}/{IMAGE}@{published.digest(IMAGE, __version__)}"}
    about = yaml.safe_load(
        run(
            ["helm", "show", "chart", f"oci://{published.host}/{CHART}", "--version", __version__],
            environment,
            tmp_path,
        )
    )
    (listed,) = yaml.safe_load(about["annotations"]["artifacthub.io/images"])
    assert listed["image"] == f"{published.host}/{IMAGE}:{__version__}"
    readme = run(
        ["helm", "show", "readme", f"oci://{published.host}/{CHART}", "--version", __version__], environment, tmp_path
    )
    assert f"helm install spanloop oci://{published.host}/{CHART} --version {__version__}" in readme
    assert images.pop().partition("@")[0] in readme


def test_materials_and_provenance_are_found_by_the_digests(published):
    image, chart = published.digest(IMAGE, __version__), published.digest(CHART, __version__)
    of_image, of_chart = published.attached(IMAGE, image), published.attached(CHART, chart)
    assert of_image.keys() == {SBOM, PROVENANCE}
    assert json.loads(of_image[SBOM][1])["bomFormat"] == "CycloneDX"
    assert of_chart[PROVENANCE][1] == of_image[PROVENANCE][1]
    for digest, _ in of_image.values():
        size = len(published.get(f"{IMAGE}/manifests/{image}").content)
        assert published.manifest(IMAGE, digest)["subject"] == {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": image,
            "size": size,
        }


def test_all_is_signed_by_the_key_of_the_project_and_by_no_other(published, checkout, tmp_path):
    public = checkout.files / "release.pub"
    stranger = public_key(key_pair(tmp_path, "stranger"), tmp_path / "stranger.pub")
    for repository in (IMAGE, CHART):
        subject = published.digest(repository, __version__)
        attached = [digest for digest, _ in published.attached(repository, subject).values()]
        for digest in (subject, *attached):
            assert published.is_signed(repository, digest, public)
            assert not published.is_signed(repository, digest, stranger)


def test_the_provenance_names_what_was_made_and_from_what(published, checkout):
    image, chart = published.digest(IMAGE, __version__), published.digest(CHART, __version__)
    statement = json.loads(published.attached(IMAGE, image)[PROVENANCE][1])
    assert {one["name"]: f"sha256:{one['digest']['sha256']}" for one in statement["subject"]} == {
        f"{published.host}/{IMAGE}": image,
        f"{published.host}/{CHART}": chart,
    }
    materials = {one["name"]: one for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert materials["source"]["digest"] == {"gitCommit": checkout.git("rev-parse", "HEAD")}
    assert materials["base"]["uri"] == "oci://docker.io/library/python:3.11-slim"
    assert materials["base"]["digest"] == {"sha256": "1" * 64}
    lock = run(["sha256sum", "requirements/base.txt"], None, checkout.folder).split()[0]
    assert materials["requirements/base.txt"]["digest"] == {"sha256": lock}


def test_a_second_release_of_the_same_commit_changes_nothing(published, checkout, engine, key):
    before = published.tags
    status, said = checkout.release(REGISTRY=f"{published.host}/nlp", KEY=key, ENGINE=engine, BASE=BASE)
    assert status == 0, said
    assert published.tags == before


def test_the_list_for_places_without_internet_copies_all_of_it(
    published, place, certificate, checkout, environment, tmp_path
):
    listed = (checkout.files / "airgap.md").read_text()
    entry = rf"^\| \S+: `{published.host}/nlp/(\S+)` \| `(\S+)` \|"
    artefacts = set(re.findall(entry, listed, re.MULTILINE))
    tags = {name: digest for name, digest in published.tags.items() if not REFERRERS.search(name)}
    assert {digest for _, digest in artefacts} > set(tags.values())
    fetch, mirror, load, check, install = blocks(listed)
    run(["sh", "-ec", fetch], environment, tmp_path)
    for path in checkout.files.iterdir():
        shutil.copy(path, tmp_path / f"spanloop-{__version__}")
    with served(place / "mirror", certificate) as host:
        there = {**environment, "MIRROR": f"{host}/team"}
        run(["sh", "-ec", load], there, tmp_path)
        copied = Registry(host, certificate[0])
        assert copied.tags == {f"team/{name.removeprefix('nlp/')}": digest for name, digest in tags.items()}
        for repository, digest in artefacts:
            assert copied.digest(f"team/{repository}", digest) == digest
        run(["sh", "-ec", install.replace("helm install", "helm template")], there, tmp_path)
    assert mirror.startswith("export MIRROR=")
    run(["sh", "-ec", check], environment, tmp_path)


@pytest.fixture
def empty(place, certificate, tmp_path):
    """A registry in which nothing is."""
    with served(tmp_path / "registry", certificate) as host:
        yield Registry(host, certificate[0])


@pytest.fixture
def own_checkout(environment, tmp_path, place, engine):
    """A checkout that a test may change, and an engine that was asked nothing."""
    (place / "asked").unlink(missing_ok=True)
    return Checkout.make(tmp_path / "own", environment)


def change(checkout):
    (checkout.folder / "service" / "main.py").write_text("")


def add(checkout):
    (checkout.folder / "service" / "new.py").touch()


def nothing(checkout):
    pass


@pytest.mark.parametrize(
    ("spoil", "variables", "says"),
    [
        (change, {}, "changes that are in no commit:\n M service/main.py"),
        (add, {}, "changes that are in no commit:\n?? service/new.py"),
        (nothing, {"KEY": ""}, "No key was named"),
        (nothing, {"KEY": "/nowhere/release.key"}, "the private key /nowhere/release.key cannot be read"),
        (nothing, {"VERSION": "9.9.9"}, "VERSION is '9.9.9', but service/__init__.py says"),
        (nothing, {"BASE": ""}, "has no digest"),
        (nothing, {"REGISTRY": "https://registry"}, "names no repository"),
        (nothing, {"REGISTRY": ""}, "Name the registry"),
        (nothing, {"MODEL": "/nowhere"}, "There is no file in MODEL=/nowhere"),
    ],
)
def test_a_release_is_refused_in_words_before_anything_is_built(
    own_checkout, empty, engine, key, place, spoil, variables, says
):
    spoil(own_checkout)
    given = {"REGISTRY": f"{empty.host}/nlp", "KEY": key, "ENGINE": engine, "BASE": BASE, **variables}
    status, said = own_checkout.release(**given)
    assert status != 0
    assert says in said
    assert "Traceback" not in said
    assert empty.tags == {}
    assert not (place / "asked").exists()


def test_a_key_that_cosign_does_not_take_is_refused(own_checkout, empty, engine, tmp_path):
    other = key_pair(tmp_path, "rsa", RSA).private
    status, said = own_checkout.release(REGISTRY=f"{empty.host}/nlp", KEY=other, ENGINE=engine, BASE=BASE)
    assert status != 0
    assert "is none of an elliptic curve" in said
    assert empty.tags == {}


@pytest.mark.parametrize("changed", ["image", "chart"])
def test_a_tag_that_is_there_with_other_content_stays_as_it_is(own_checkout, empty, engine, key, place, changed):
    given = {"REGISTRY": f"{empty.host}/nlp", "KEY": key, "ENGINE": engine, "BASE": BASE}
    status, said = own_checkout.release(**given)
    assert status == 0, said
    before = empty.tags
    if changed == "image":
        tiny_image.write(place / "image", "another")
    else:
        with (own_checkout.folder / "helm" / "spanloop" / "templates" / "NOTES.txt").open("a") as notes:
            notes.write("More.\n")
        own_checkout.commit()
    try:
        status, said = own_checkout.release(**given)
    finally:
        tiny_image.write(place / "image", "one")
    assert status != 0
    repository = IMAGE if changed == "image" else CHART
    assert f"{empty.host}/{repository}:{__version__} is there with other content" in said
    assert "Nothing was pushed" in said
    assert empty.tags == before


def test_a_release_that_was_interrupted_shows_no_image_until_the_same_command_finishes_it(
    own_checkout, empty, engine, key
):
    given = {"REGISTRY": f"{empty.host}/nlp", "KEY": key, "ENGINE": engine, "BASE": BASE}
    helm = own_checkout.folder.parent / "tools" / "helm"
    there = helm.resolve()
    helm.unlink()
    program(helm, f'if [ "$1" = push ]; then echo the registry is away >&2; exit 1; fi; exec {there} "$@"')
    status, said = own_checkout.release(**given)
    assert status != 0
    assert "the registry is away" in said
    assert f"{IMAGE}:{__version__}" not in empty.tags
    helm.unlink()
    helm.symlink_to(there)
    status, said = own_checkout.release(**given)
    assert status == 0, said
    assert {f"{IMAGE}:{__version__}", f"{CHART}:{__version__}"} < empty.tags.keys()
