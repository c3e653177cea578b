"""The chart as a whole: lint, golden output, packaging, Pod Security, what comes and goes with which value."""

import pathlib
import subprocess
import tarfile
import tempfile
import tomllib
import unittest

import helm_python
import yaml

from cases import CASES
from support import CHART, PROGRAM, ROOT, chart, configurations, golden, of_kind, one, pods, render, render_files

GOLDEN = pathlib.Path(__file__).parent / "golden"


class Render(unittest.TestCase):
    maxDiff = None

    def test_lint_strict_finds_nothing(self):
        for name, values in CASES.items():
            with self.subTest(name):
                report = helm_python.lint(CHART, values, strict=True)
                self.assertEqual([], report["errors"])
                self.assertEqual([], [message for message in report["messages"] if message["severity"] > 1])

    def test_output_is_golden(self):
        for name, values in CASES.items():
            with self.subTest(name):
                objects = render(values)
                # Alerts and dashboards are compared with their files elsewhere; here they would change with each of them.
                for rule in of_kind(objects, "PrometheusRule"):
                    rule["spec"]["groups"] = [group["name"] for group in rule["spec"]["groups"]]
                for item in of_kind(objects, "ConfigMap"):
                    item["data"] = {key: value if key == "notafter.toml" else "…" for key, value in item["data"].items()}
                text = yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True, width=160)
                golden(self, GOLDEN / f"{name}.yaml", text + "--- # NOTES.txt\n" + "".join(
                    f"# {line}".rstrip() + "\n" for line in render_files(values)["notafter/templates/NOTES.txt"].strip().splitlines()))

    def test_no_golden_file_is_left_over(self):
        self.assertEqual(sorted(CASES), sorted(path.stem for path in GOLDEN.glob("*")))

    def test_version_is_the_programs(self):
        package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
        self.assertEqual(package["version"], chart().metadata["appVersion"])

    def test_package_has_the_rules_and_dashboards_of_the_repository(self):
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(helm_python.package(CHART, destination=folder)) as archive:
                content = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
        wanted = [*(ROOT / "alerts").glob("*.yml"), *(ROOT / "dashboards").glob("*.json")]
        self.assertGreaterEqual(len(wanted), 2)
        for path in wanted:
            self.assertEqual(path.read_bytes(), content.get(f"notafter/{path.relative_to(ROOT)}"), path)
        self.assertEqual([], [name for name in content if "/tests/" in name])

    def test_every_value_is_documented(self):
        text = (CHART / "README.md").read_text()

        def walk(values, prefix=""):
            for key, value in values.items():
                name = prefix + key
                if isinstance(value, dict) and value and f"`{name}`" not in text:
                    yield from walk(value, name + ".")
                elif f"`{name}`" not in text:
                    yield name

        self.assertEqual([], list(walk(chart().values)))

    def test_schema_knows_exactly_the_values(self):
        open_ended = {"cluster.settings.", "livenessProbe.", "readinessProbe.", "resources.", "nodeFiles.resources."}

        def walk(schema, values, prefix=""):
            properties = schema.get("properties")
            if properties is None:
                return
            self.assertIs(schema.get("additionalProperties"), False, prefix)
            if prefix not in open_ended:
                self.assertEqual(set(properties) - ({"global"} if not prefix else set()), set(values), prefix)
            for key, value in values.items():
                if isinstance(value, dict) and key in properties:
                    inner = properties[key]
                    if "$ref" in inner:
                        inner = chart().schema["$defs"][inner["$ref"].removeprefix("#/$defs/")]
                    walk(inner, value, f"{prefix}{key}.")

        walk(chart().schema, chart().values)


class PodSecurity(unittest.TestCase):
    def test_every_pod_is_restricted(self):
        seen = set()
        for name, values in CASES.items():
            for kind, template in pods(render(values)):
                seen.add(kind)
                with self.subTest(f"{name}: {kind}"):
                    spec = template["spec"]
                    as_root = kind == "DaemonSet" and values["nodeFiles"].get("asRoot", False)
                    context = spec["securityContext"]
                    self.assertEqual({"type": "RuntimeDefault"}, context["seccompProfile"])
                    self.assertEqual(None if as_root else True, context.get("runAsNonRoot"))
                    self.assertEqual(0 if as_root else 65532, context["runAsUser"])
                    for forbidden in ("hostNetwork", "hostPID", "hostIPC", "initContainers"):
                        self.assertNotIn(forbidden, spec)
                    self.assertEqual(1, len(spec["containers"]))
                    container = spec["containers"][0]
                    self.assertEqual(
                        {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
                        container["securityContext"],
                    )
                    self.assertNotIn("hostPort", container["ports"][0])
                    self.assertIn("memory", container["resources"]["limits"])
                    volumes = {volume["name"]: next(key for key in volume if key != "name") for volume in spec["volumes"]}
                    allowed = {"configMap", "emptyDir", "secret"} | ({"hostPath"} if kind == "DaemonSet" else set())
                    self.assertLessEqual(set(volumes.values()), allowed)
                    for mount in container["volumeMounts"]:
                        if volumes.get(mount["name"]) not in (None, "emptyDir"):
                            self.assertTrue(mount.get("readOnly"), mount)
        self.assertEqual({"Deployment", "StatefulSet", "DaemonSet"}, seen)

    def test_a_token_is_given_to_who_asks_the_api_server_alone(self):
        cases = {
            "Secrets": ({}, True),
            "own sources without the cluster": (CASES["own-configuration"], False),
            "another cluster alone": ({"config": '[sources.far]\ntype = "kubernetes"\nkubeconfig = "/etc/far"\n'}, False),
            "discovery alone": ({"config": '[sources.t]\ntype = "tls"\nkubernetes_sd = [{ from = ["ingress"] }]\n'}, True),
            "node files": (CASES["node-files"], False),
        }
        for name, (values, wanted) in cases.items():
            with self.subTest(name):
                ((_, template),) = pods(render(values))
                self.assertIs(template["spec"]["automountServiceAccountToken"], wanted)


class Behaviour(unittest.TestCase):
    def container(self, values):
        ((_, template),) = pods(render(values))
        return template["spec"]["containers"][0]

    def test_probes_and_port(self):
        container = self.container({})
        self.assertEqual([{"name": "metrics", "containerPort": 9849, "protocol": "TCP"}], container["ports"])
        self.assertEqual({"path": "/-/healthy", "port": "metrics"}, container["livenessProbe"]["httpGet"])
        self.assertEqual({"path": "/-/ready", "port": "metrics"}, container["readinessProbe"]["httpGet"])
        self.assertIn("--listen=0.0.0.0:9849", container["args"])

    def test_replicas_are_pods_that_are_never_all_away(self):
        for values, kind, update in (
            ({"replicas": 2}, "Deployment", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
            ({"replicas": 3, "persistence": {"enabled": True}}, "StatefulSet", None),
            ({}, "Deployment", {"type": "Recreate"}),
        ):
            with self.subTest(values):
                workload = one(render(values), kind)
                self.assertEqual(values.get("replicas", 1), workload["spec"]["replicas"])
                self.assertEqual(update, workload["spec"].get("strategy"))
                self.assertEqual("OrderedReady" if kind == "StatefulSet" else None, workload["spec"].get("podManagementPolicy"))
                spread = workload["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
                self.assertEqual(["kubernetes.io/hostname"] * ("replicas" in values), [entry["topologyKey"] for entry in spread])
        own = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
        ((_, template),) = pods(render({"replicas": 2, "topologySpreadConstraints": own}))
        self.assertEqual(own, template["spec"]["topologySpreadConstraints"])
        args = template["spec"]["containers"][0]["args"]
        self.assertFalse([arg for arg in args if "shard" in arg], "each watches everything")

    def test_replicas_of_shards_are_refused(self):
        with self.assertRaises(Exception) as refused:
            render({"replicas": 2, "sharding": {"totalShards": 2}})
        self.assertIn("cannot both be more than 1", str(refused.exception))

    def test_one_shard_is_a_deployment_and_several_a_stateful_set(self):
        self.assertEqual("Deployment", pods(render({}))[0][0])
        objects = render({"sharding": {"totalShards": 4}})
        stateful = one(objects, "StatefulSet")
        self.assertEqual(4, stateful["spec"]["replicas"])
        self.assertEqual(one(objects, "Service")["metadata"]["name"], stateful["spec"]["serviceName"])
        container = stateful["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(["--shard=ordinal", "--total-shards=4"], container["args"][-2:])
        self.assertIn({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, container["env"])
        self.assertFalse([argument for argument in self.container({})["args"] if "shard" in argument])

    def test_a_changed_configuration_is_rolled_out(self):
        def checksum(values):
            return pods(render(values))[0][1]["metadata"]["annotations"]["checksum/config"]

        self.assertEqual(checksum({}), checksum({"podLabels": {"a": "b"}}))
        self.assertNotEqual(checksum({}), checksum({"cluster": {"kinds": ["configmap"]}}))
        node = {"cluster": {"enabled": False}, "nodeFiles": {"enabled": True}}
        self.assertNotEqual(checksum(node), checksum({**node, "nodeFiles": {"enabled": True, "config": "[sources]\n"}}))

    def test_selectors_choose_the_pods_and_keep_the_components_apart(self):
        objects = render(CASES["everything"])
        labels = {kind: template["metadata"]["labels"] for kind, template in pods(objects)}

        def chosen(selector):
            return {kind for kind, have in labels.items() if selector.items() <= have.items()}

        self.assertEqual({"StatefulSet"}, chosen(one(objects, "Service")["spec"]["selector"]))
        self.assertEqual({"StatefulSet"}, chosen(one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]))
        self.assertEqual({"StatefulSet", "DaemonSet"}, chosen(one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]))
        self.assertEqual([{"StatefulSet"}, {"DaemonSet"}], [chosen(item["spec"]["selector"]["matchLabels"]) for item in of_kind(objects, "PodMonitor")])
        service = one(objects, "Service")["metadata"]["labels"]
        self.assertLessEqual(one(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items(), service.items())
        for kind in ("StatefulSet", "DaemonSet"):
            self.assertEqual({kind}, chosen(one(objects, kind)["spec"]["selector"]["matchLabels"]))

    def test_an_own_configuration_stands_as_written(self):
        text = CASES["own-configuration"]["config"]
        self.assertEqual({"prod-notafter": text}, configurations(render(CASES["own-configuration"])))
        odd = "# leading blanks\n  \n\t[sources]\n# a trailing \"quote\" and \\ and ü\n\n\n"
        self.assertEqual({"prod-notafter": odd}, configurations(render({"config": odd})))

    def test_made_configuration_holds_the_values(self):
        table = tomllib.loads(configurations(render(CASES["everything"]))["prod-certs"])["sources"]["prod"]
        values = CASES["everything"]["cluster"]
        wanted = {"type": "kubernetes", "kinds": values["kinds"], "presets": values["presets"], **values["settings"]}
        self.assertEqual(wanted, table)
        self.assertIs(type(table["page_size"]), int)

    def test_nothing_to_watch_means_no_workload(self):
        self.assertEqual([], render({"cluster": {"enabled": False}}))

    def test_persistence_gives_volumes_to_state_and_cache(self):
        stateful = one(render(CASES["persistent"]), "StatefulSet")
        self.assertEqual(["state", "cache"], [claim["metadata"]["name"] for claim in stateful["spec"]["volumeClaimTemplates"]])
        self.assertEqual(["config"], [volume["name"] for volume in stateful["spec"]["template"]["spec"]["volumes"]])

    def test_node_files_are_mounted_at_their_own_path(self):
        ((_, template),) = pods(render(CASES["node-files"]))
        mounts = {mount["name"]: mount for mount in template["spec"]["containers"][0]["volumeMounts"]}
        for volume in template["spec"]["volumes"]:
            if "hostPath" in volume:
                self.assertEqual(volume["hostPath"]["path"], mounts[volume["name"]]["mountPath"])
                self.assertTrue(mounts[volume["name"]]["readOnly"])

    def test_arguments_are_known_to_the_program(self):
        help_text = subprocess.run([PROGRAM, "run", "--help"], capture_output=True, text=True, check=True).stdout
        for name in ("sharded", "everything", "node-files"):
            for _, template in pods(render(CASES[name])):
                for argument in template["spec"]["containers"][0]["args"][1:]:
                    self.assertIn(argument.split("=")[0] + " ", help_text + " ")
