"""The Kubernetes manifests follow their schemas, are whole, and confine what they start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from click import Context

from archive_service import __version__
from archive_service.cli.main import main
from archive_service.settings import Settings
from tests.running import PROJECT

FOLDER = PROJECT / "deploy" / "kubernetes"
CUSTOMISATION = FOLDER / "kustomization.yaml"
MANIFESTS = sorted(path for path in FOLDER.glob("*.yaml") if path != CUSTOMISATION)

# The oldest that the manifests promise to run on, and the newest whose schema the validator has.
VERSIONS = ("1.29.0", "1.37.0")


def documents() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in documents() if document["kind"] == kind]


def pods() -> dict[str, dict[str, Any]]:
    """Return each pod's template by the name of what makes it."""
    makers = [*of_kind("Deployment"), *of_kind("Job")]
    return {maker["metadata"]["name"]: maker["spec"]["template"] for maker in makers}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_follows_the_schema_of_its_kind(version: str) -> None:
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--no-warn", "-k", version]
    checked = subprocess.run([*command, *MANIFESTS], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(" passed ") + checked.stderr.count(" passed ") == len(list(documents()))


def test_customisation_names_every_manifest_but_the_examples() -> None:
    custom = yaml.safe_load(CUSTOMISATION.read_text(encoding="utf-8"))
    assert sorted(custom["resources"]) == [path.name for path in MANIFESTS if ".example" not in path.name]
    (image,) = custom["images"]
    assert (image["name"], image["newTag"]) == ("archive-service", __version__)
    assert {container["image"] for pod in pods().values() for container in pod["spec"]["containers"]} == {image["name"]}


def test_every_pod_is_confined() -> None:
    assert set(pods()) == {"archive-upgrade", "archive-web", "archive-worker"}
    for name, pod in pods().items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        # The names of services would come as variables that begin as the archive's settings do.
        assert spec["enableServiceLinks"] is False, name
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert (security["runAsUser"], security["fsGroup"]) == (10001, 10001), name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
        assert "memory" in container["resources"]["limits"], name
        writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
        assert writable == ["/data", "/tmp"], name
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


def test_every_setting_and_command_is_one_of_this_version() -> None:
    known = {f"ARCHIVE_{name}".upper() for name in Settings.model_fields}
    (settings,) = of_kind("ConfigMap")
    assert set(settings["data"]) <= known | {"ARCHIVE_SECRETS_DIR"}
    assert all(isinstance(value, str) for value in settings["data"].values())
    (secret,) = of_kind("Secret")
    assert {key.upper() for key in secret["stringData"]} <= known - set(settings["data"])
    for name, pod in pods().items():
        (container,) = pod["spec"]["containers"]
        assert container["args"][0] in main.list_commands(Context(main)), name
        assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}], name
        (mounted,) = [volume["secret"] for volume in pod["spec"]["volumes"] if "secret" in volume]
        assert mounted["secretName"] == secret["metadata"]["name"], name
        (place,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "secrets"]
        assert place == settings["data"]["ARCHIVE_SECRETS_DIR"], name


def test_web_is_asked_whether_it_lives_and_whether_it_is_ready() -> None:
    (container,) = pods()["archive-web"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_whatever_selects_pods_selects_some() -> None:
    labels = [pod["metadata"]["labels"] for pod in pods().values()]
    selectors = [service["spec"]["selector"] for service in of_kind("Service")]
    selectors += [budget["spec"]["selector"]["matchLabels"] for budget in of_kind("PodDisruptionBudget")]
    selectors += [policy["spec"]["podSelector"].get("matchLabels", {}) for policy in of_kind("NetworkPolicy")]
    selectors += [deployment["spec"]["selector"]["matchLabels"] for deployment in of_kind("Deployment")]
    for selector in selectors:
        assert any(selector.items() <= found.items() for found in labels), selector


def test_both_parts_scale_and_outlive_the_loss_of_a_host() -> None:
    scaled = {scaler["spec"]["scaleTargetRef"]["name"]: scaler["spec"] for scaler in of_kind("HorizontalPodAutoscaler")}
    assert set(scaled) == {"archive-web", "archive-worker"}
    assert all(2 <= spec["minReplicas"] < spec["maxReplicas"] for spec in scaled.values())
    assert {budget["metadata"]["name"] for budget in of_kind("PodDisruptionBudget")} == set(scaled)
    assert all("replicas" not in deployment["spec"] for deployment in of_kind("Deployment"))
