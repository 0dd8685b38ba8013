"""The manifests fit each other, the product, and the restricted profile of Kubernetes."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from sendmany import __version__
from tests.unit.deploy.product import DEPLOY, check_command, settings_of
from tests.unit.deploy.promql import problems

FOLDER = DEPLOY / "kubernetes"
Manifest = dict[str, Any]
VERSIONS = {
    "ConfigMap": "v1", "Namespace": "v1", "Secret": "v1", "Service": "v1", "Deployment": "apps/v1",
    "StatefulSet": "apps/v1", "PodDisruptionBudget": "policy/v1", "ScaledObject": "keda.sh/v1alpha1",
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
}  # fmt: skip
PROBES = {"web": {"/healthz", "/readyz"}, "receiver": {"/healthz"}, "worker": set[str]()}
SECONDS_TO_SETTLE = 10
"""Beyond `http.deadline`, to record what was sent (docs/how-to/operations.md)."""


def read(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / name).read_text("utf-8")))


ALL = {path.name: read(path.name) for path in sorted(FOLDER.glob("*.yaml"))}
EVERY = list(itertools.chain.from_iterable(ALL.values()))
(KUSTOMIZATION,) = ALL["kustomization.yaml"]
WORKLOADS = {
    one["metadata"]["name"]: one for one in EVERY if one["kind"] in ("Deployment", "StatefulSet")
}
TOML = ALL["settings.yaml"][0]["data"]["sendmany.toml"]
SECRETS = {one["metadata"]["name"]: one["stringData"] for one in ALL["secrets.example.yaml"]}
each = pytest.mark.parametrize("name", WORKLOADS)


def pod(name: str) -> Manifest:
    found: Manifest = WORKLOADS[name]["spec"]["template"]["spec"]
    return found


def container(name: str) -> Manifest:
    (found,) = pod(name)["containers"]
    assert isinstance(found, dict)
    return found


def labels(name: str) -> Manifest:
    found: Manifest = WORKLOADS[name]["spec"]["template"]["metadata"]["labels"]
    return found


def variables(name: str) -> dict[str, str]:
    """The environment of a container."""
    found = {one["name"]: one["value"] for one in container(name)["env"]}
    for source in container(name)["envFrom"]:
        found |= SECRETS[source["secretRef"]["name"]]
    return found


def test_what_is_applied_together_are_the_files_but_secrets_and_what_needs_more() -> None:
    others = {"kustomization.yaml", "secrets.example.yaml", "autoscale.yaml"}
    assert {*KUSTOMIZATION["resources"]} == ALL.keys() - others
    assert [image["newTag"] for image in KUSTOMIZATION["images"]] == [__version__]


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one["kind"])
def test_a_manifest_is_of_a_kind_and_version_of_today(one: Manifest) -> None:
    assert one["apiVersion"] == VERSIONS[one["kind"]]
    namespace = one.get("metadata", {}).get("namespace", "sendmany")
    assert namespace == KUSTOMIZATION["namespace"]


@each
def test_a_workload_selects_its_own_pods_and_no_others(name: str) -> None:
    chosen = WORKLOADS[name]["spec"]["selector"]["matchLabels"]
    assert [other for other in WORKLOADS if chosen.items() <= labels(other).items()] == [name]


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget"])
def test_each_workload_has_a_service_and_a_budget_that_leaves_one_running(kind: str) -> None:
    found = {one["metadata"]["name"]: one["spec"] for one in EVERY if one["kind"] == kind}
    assert found.keys() == WORKLOADS.keys()
    for name, spec in found.items():
        chosen = spec["selector"].get("matchLabels", spec["selector"])
        assert chosen.items() <= labels(name).items()
        for port in spec.get("ports", []):
            assert port["targetPort"] in [one["name"] for one in container(name)["ports"]]
        if kind == "PodDisruptionBudget":
            least = spec.get("minAvailable", spec.get("maxUnavailable"))
            assert 0 < least < WORKLOADS[name]["spec"]["replicas"]


@each
def test_a_pod_runs_a_command_of_ours_on_the_port_that_it_names(name: str) -> None:
    assert container(name)["image"] in [image["name"] for image in KUSTOMIZATION["images"]]
    args = container(name)["args"]
    assert check_command(args) == name
    for port in container(name).get("ports", []):
        assert args[args.index("--port") + 1] == str(port["containerPort"])
        assert args[args.index("--host") + 1] == "0.0.0.0"  # noqa: S104


@each
def test_a_pod_has_settings_that_there_are_and_secrets_that_it_needs(
    name: str, tmp_path: Path
) -> None:
    found = settings_of(variables(name), TOML, tmp_path)
    assert found.redis_url.startswith("redis://:")
    mounted = {one["mountPath"]: one["name"] for one in container(name)["volumeMounts"]}
    volumes = {one["name"]: one for one in pod(name)["volumes"]}
    claims = WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])
    assert {*mounted.values()} == {*volumes, *(one["metadata"]["name"] for one in claims)}
    (sub_account,) = found.sub_accounts.values()
    for file, needed in (
        (found.secret_file, name != "receiver"),
        (sub_account.api_key_file, name != "receiver"),
    ):
        assert file is not None
        assert (str(file.parent) in mounted) == needed
        if needed:
            secret = volumes[mounted[str(file.parent)]]["secret"]["secretName"]
            assert file.name in SECRETS[secret]
    assert ("WEBHOOK_AUTHORIZATION" in variables(name)) == (name == "receiver")
    assert variables(name)["SENDMANY_CONFIG"] == "/etc/sendmany/sendmany.toml"
    assert volumes[mounted["/etc/sendmany"]]["configMap"]["name"] == "sendmany"


def test_a_worker_remembers_revisions_on_a_volume_that_outlives_its_pod(tmp_path: Path) -> None:
    image = (DEPLOY.parent / "Dockerfile").read_text("utf-8")
    state = "/var/lib/sendmany/state"
    assert f"SENDMANY_STATE_DIR={state}" in image
    (mounted,) = [one for one in container("worker")["volumeMounts"] if one["name"] == "state"]
    assert Path(mounted["mountPath"]) in Path(state).parents
    assert WORKLOADS["worker"]["spec"]["volumeClaimTemplates"]


@each
def test_a_pod_asks_for_no_right_that_it_does_not_need(name: str) -> None:
    spec, confined = pod(name), container(name)["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert str(spec["securityContext"]["runAsUser"]) in (DEPLOY.parent / "Dockerfile").read_text()
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert confined["allowPrivilegeEscalation"] is False
    assert confined["readOnlyRootFilesystem"] is True
    assert confined["capabilities"] == {"drop": ["ALL"]}
    resources = container(name)["resources"]
    assert {"cpu", "memory"} <= resources["requests"].keys()
    assert "memory" in resources["limits"]


@each
def test_probes_ask_for_paths_that_there_are(name: str) -> None:
    probes = [container(name)[kind] for kind in container(name) if kind.endswith("Probe")]
    asked = {probe["httpGet"]["path"] for probe in probes if "httpGet" in probe}
    assert asked == PROBES[name]
    ports = {port["name"] for port in container(name).get("ports", [])}
    assert {(probe.get("httpGet") or probe["tcpSocket"])["port"] for probe in probes} <= ports


def test_a_worker_gets_the_time_to_settle_what_is_in_flight(tmp_path: Path) -> None:
    deadline = settings_of(variables("worker"), TOML, tmp_path).http.deadline
    assert pod("worker")["terminationGracePeriodSeconds"] >= deadline + SECONDS_TO_SETTLE


def test_scaling_asks_for_metrics_that_there_are_and_never_ends_the_last_worker() -> None:
    (scaled,) = ALL["autoscale.yaml"]
    target = scaled["spec"]["scaleTargetRef"]
    worker = WORKLOADS[target["name"]]
    assert (target["apiVersion"], target["kind"]) == (worker["apiVersion"], worker["kind"])
    assert scaled["spec"]["minReplicaCount"] >= 1
    for trigger in scaled["spec"]["triggers"]:
        assert not list(problems(trigger["metadata"]["query"]))
