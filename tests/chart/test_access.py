"""The rights that the chart gives: exactly those that the configuration needs, row by row."""

import re
import unittest

import yaml

from cases import CASES, KINDS, PRESETS
from support import NAMESPACE, ROOT, of_kind, render

LW = ("list", "watch")
L = ("list",)

SECRETS = ("", "secrets", LW)
CONFIGMAPS = ("", "configmaps", LW)
NAMESPACES = ("", "namespaces", LW)
PODS = ("", "pods", LW)
SERVICES = ("", "services", L)
WEBHOOKS = [("admissionregistration.k8s.io", f"{kind}webhookconfigurations", LW) for kind in ("mutating", "validating")]
API_SERVICES = ("apiregistration.k8s.io", "apiservices", LW)
CRDS = ("apiextensions.k8s.io", "customresourcedefinitions", LW)
CSRS = ("certificates.k8s.io", "certificatesigningrequests", LW)
CERTIFICATES = [("cert-manager.io", "certificates", LW)]
REQUESTS = ("cert-manager.io", "certificaterequests", LW)
INGRESSES = ("networking.k8s.io", "ingresses", LW)
GATEWAYS = ("gateway.networking.k8s.io", "gateways", LW)
ISTIO_GATEWAYS = ("networking.istio.io", "gateways", LW)


def named(resource, name, verbs=LW):
    return ("", resource, verbs, name)


ISTIO = [named("configmaps", "istio-ca-root-cert"), ISTIO_GATEWAYS]
LINKERD = [named("configmaps", "linkerd-identity-trust-roots")]


def cluster(**keys):
    settings = {key: keys.pop(key) for key in list(keys) if key not in ("kinds", "presets", "namespaces")}
    return {"cluster": {**keys, "settings": settings}}


def toml(text):
    return {"config": text}


# row → (values, rules everywhere, rules in namespaces)
ROWS = {
    "secrets are the default": ({}, [SECRETS], {}),
    "configmaps": (cluster(kinds=["configmap"]), [CONFIGMAPS], {}),
    "webhooks": (cluster(kinds=["webhook"]), WEBHOOKS, {}),
    "api services": (cluster(kinds=["api_service"]), [API_SERVICES], {}),
    "crds": (cluster(kinds=["crd"]), [CRDS], {}),
    "certificate signing requests": (cluster(kinds=["csr"]), [CSRS], {}),
    "cert-manager": (cluster(kinds=["certificate"]), [*CERTIFICATES, REQUESTS], {}),
    "ingresses": (cluster(kinds=["ingress"]), [INGRESSES], {}),
    "gateways": (cluster(kinds=["gateway"]), [GATEWAYS], {}),
    "pods": (cluster(kinds=["secret", "pod"]), [SECRETS, PODS], {}),
    "pods in namespaces": (cluster(kinds=["pod"], namespaces=["a", "b"]), [], {"a": [PODS], "b": [PODS]}),
    "preset istio adds one configmap by name": (cluster(presets=["istio"]), [SECRETS, *ISTIO], {}),
    "preset linkerd adds one configmap by name": (cluster(presets=["linkerd"]), [SECRETS, *LINKERD], {}),
    "preset cert-manager": (cluster(presets=["cert-manager"]), [SECRETS, *CERTIFICATES], {}),
    "preset nginx-ingress": (cluster(presets=["nginx-ingress"]), [SECRETS, INGRESSES], {}),
    "all configmaps cover the named one": (cluster(kinds=["configmap"], presets=["istio"]), [CONFIGMAPS, ISTIO_GATEWAYS], {}),
    "no Secret at all": (cluster(kinds=["configmap", "certificate"], presets=["linkerd"]), [CONFIGMAPS, *CERTIFICATES, REQUESTS], {}),
    "everything": (
        cluster(kinds=KINDS, presets=["istio", "linkerd", "cert-manager", "nginx-ingress"]),
        [SECRETS, CONFIGMAPS, *WEBHOOKS, API_SERVICES, CRDS, CSRS, *CERTIFICATES, INGRESSES, GATEWAYS, ISTIO_GATEWAYS, PODS],
        {},
    ),
    "namespaces get Roles and nothing everywhere": (cluster(namespaces=["a", "b"]), [], {"a": [SECRETS], "b": [SECRETS]}),
    "cluster-scoped kinds beside namespaces keep a small ClusterRole": (
        cluster(kinds=["secret", "webhook", "crd"], namespaces=["a"]),
        [*WEBHOOKS, CRDS],
        {"a": [SECRETS]},
    ),
    "presets in namespaces": (cluster(presets=["istio", "nginx-ingress"], namespaces=["a"]), [], {"a": [SECRETS, *ISTIO, INGRESSES]}),
    "namespace selector": (cluster(namespace_selector="team=a"), [SECRETS, NAMESPACES], {}),
    "owner by a namespace's label": (cluster(labels_from={"team": ["label:team", "namespace_label:team"]}), [SECRETS, NAMESPACES], {}),
    "owner by a namespace's annotation, in a list": (
        cluster(labels_from={"team": ["namespace_annotation:owner"]}, namespaces=["a"]),
        [NAMESPACES],
        {"a": [SECRETS]},
    ),
    "owner by an object's own label": (cluster(labels_from={"team": ["label:team", "annotation:owner"]}), [SECRETS], {}),
    "excluded namespaces need no rule": (cluster(exclude_namespaces=["kube-system"]), [SECRETS], {}),
    "passphrase of the same Secret": (cluster(passphrase_refs=[{"key": "p"}], namespaces=["a"]), [], {"a": [SECRETS]}),
    "passphrase of another Secret of the namespace": (cluster(passphrase_refs=[{"secret": "s", "key": "p"}], namespaces=["a"]), [], {"a": [SECRETS]}),
    "passphrase of another namespace, by name": (
        cluster(passphrase_refs=[{"secret": "vault/s", "key": "p"}], namespaces=["a"]),
        [],
        {"a": [SECRETS], "vault": [named("secrets", "s", L)]},
    ),
    "passphrase of another namespace that is watched anyway": (cluster(passphrase_refs=[{"secret": "vault/s", "key": "p"}]), [SECRETS], {}),
    "passphrase for keystores in configmaps": (cluster(kinds=["configmap"], passphrase_refs=[{"secret": "s", "key": "p"}]), [CONFIGMAPS, named("secrets", "s", L)], {}),
    "discovery lists and does not watch": (
        toml('[sources.t]\ntype = "tls"\nkubernetes_sd = [{ from = ["ingress", "gateway", "service"] }]\n'),
        [(INGRESSES[0], INGRESSES[1], L), (GATEWAYS[0], GATEWAYS[1], L), SERVICES],
        {},
    ),
    "discovery in namespaces": (
        toml('[sources.t]\ntype = "tls"\nkubernetes_sd = [{ from = ["service"], namespaces = ["a"] }]\n'),
        [],
        {"a": [SERVICES]},
    ),
    "discovery beside a watch of the same kind": (
        {"cluster": {"kinds": ["ingress"]}, "extraConfig": '[sources.t]\ntype = "tls"\nkubernetes_sd = [{ from = ["ingress"] }]\n'},
        [INGRESSES],
        {},
    ),
    "discovery everywhere does not widen the watch of one namespace": (
        {"cluster": {"kinds": ["ingress"], "namespaces": ["a"]}, "extraConfig": '[sources.t]\ntype = "tls"\nkubernetes_sd = [{ from = ["ingress"] }]\n'},
        [(INGRESSES[0], INGRESSES[1], L)],
        {"a": [INGRESSES]},
    ),
    "discovery in another cluster": (toml('[sources.t]\ntype = "tls"\nkubernetes_sd = [{ from = ["service"], kubeconfig = "/etc/k" }]\n'), [], {}),
    "own configuration": (toml('[sources.x]\ntype = "kubernetes"\nkinds = ["csr"]\n[sources.f]\ntype = "file"\npaths = ["/x"]\n'), [CSRS], {}),
    "own configuration without kinds means secrets": (toml('[sources.x]\ntype = "kubernetes"\n'), [SECRETS], {}),
    "another cluster needs nothing of this one": (toml('[sources.x]\ntype = "kubernetes"\nkubeconfig = "/etc/k"\ncontext = "far"\n'), [], {}),
    "two sources share rules": (
        toml('[sources.a]\ntype = "kubernetes"\nnamespaces = ["a"]\n[sources.b]\ntype = "kubernetes"\nnamespaces = ["a", "b"]\nkinds = ["configmap", "secret"]\n'),
        [],
        {"a": [SECRETS, CONFIGMAPS], "b": [SECRETS, CONFIGMAPS]},
    ),
    "all namespaces cover one": (
        toml('[sources.a]\ntype = "kubernetes"\nnamespaces = ["a"]\n[sources.b]\ntype = "kubernetes"\n'),
        [SECRETS],
        {},
    ),
    "files alone": (CASES["node-files"], [], {}),
    "rules of one's own": (
        {"rbac": {"extraRules": [{"apiGroups": ["x"], "resources": ["y"], "verbs": ["list"]}]}},
        [SECRETS, ("x", "y", L)],
        {},
    ),
}


def flat(role):
    """Each rule is for one resource, so that rows and rules can be told one by one."""
    rules = []
    for rule in role["rules"]:
        (group,), (resource,) = rule.pop("apiGroups"), rule.pop("resources")
        entry = (group, resource, tuple(rule.pop("verbs")))
        if "resourceNames" in rule:
            (name,) = rule.pop("resourceNames")
            entry += (name,)
        assert not rule, rule
        rules.append(entry)
    return rules


class Access(unittest.TestCase):
    maxDiff = None

    def test_rules_are_exactly_what_is_needed(self):
        for name, (values, everywhere, inside) in ROWS.items():
            with self.subTest(name):
                objects = render(values)
                self.assertEqual(sorted(everywhere), sorted(rule for role in of_kind(objects, "ClusterRole") for rule in flat(role)))
                roles = {role["metadata"]["namespace"]: sorted(flat(role)) for role in of_kind(objects, "Role")}
                self.assertEqual({namespace: sorted(rules) for namespace, rules in inside.items()}, roles)

    def test_each_role_is_bound_to_the_service_account_alone(self):
        for name, (values, _, _) in ROWS.items():
            with self.subTest(name):
                objects = render(values)
                for kind in ("ClusterRole", "Role"):
                    roles = [(item["metadata"].get("namespace"), item["metadata"]["name"]) for item in of_kind(objects, kind)]
                    bindings = of_kind(objects, f"{kind}Binding")
                    self.assertEqual(roles, [(item["metadata"].get("namespace"), item["roleRef"]["name"]) for item in bindings])
                    for binding in bindings:
                        self.assertEqual(kind, binding["roleRef"]["kind"])
                        self.assertEqual([{"kind": "ServiceAccount", "name": "prod-notafter", "namespace": NAMESPACE}], binding["subjects"])

    def test_nothing_is_ever_read_singly_or_written(self):
        for values, _, _ in ROWS.values():
            for role in of_kind(render(values), "ClusterRole") + of_kind(render(values), "Role"):
                for rule in role["rules"]:
                    self.assertLessEqual(set(rule["verbs"]), {"list", "watch"})

    def test_without_the_kind_secret_no_rule_speaks_of_secrets(self):
        guide = (ROOT / "docs/KUBERNETES.md").read_text().split("\n### Without Secrets\n")[1]
        documented = yaml.safe_load(guide.split("```yaml\n")[1].split("```")[0])
        self.assertNotIn("secret", documented["cluster"]["kinds"])
        others = [kind for kind in KINDS if kind != "secret"]
        for name, values in {
            "as documented": documented,
            "every other kind and preset": {"cluster": {"kinds": others, "presets": PRESETS}},
            "in namespaces": {"cluster": {"kinds": others, "presets": PRESETS, "namespaces": ["a"]}},
            "the golden file": CASES["no-secrets"],
        }.items():
            with self.subTest(name):
                objects = render(values)
                rules = [rule for kind in ("ClusterRole", "Role") for role in of_kind(objects, kind) for rule in role["rules"]]
                self.assertTrue(rules)
                self.assertFalse([rule for rule in rules if {"secrets", "*"} & set(rule["resources"])])

    def test_without_rbac_there_is_none(self):
        kinds = {item["kind"] for item in render({"rbac": {"create": False}})}
        self.assertFalse(kinds & {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"})

    def test_the_documented_table_has_each_rule(self):
        """docs/KUBERNETES.md says of each resource and API group what it is for."""
        text = (ROOT / "docs/KUBERNETES.md").read_text()
        documented = set(re.findall(r"^\| `([a-z]+)` \| `([a-z0-9.\"-]+)` \| (list(?:, watch)?)", text, re.M))
        documented = {(group.replace('""', ""), resource, tuple(verbs.split(", "))) for resource, group, verbs in documented}
        given = {rule[:3] for name, (_, everywhere, inside) in ROWS.items() if name != "rules of one's own" for rule in [*everywhere, *sum(inside.values(), [])]}
        # Discovery lists what the kinds ingress and gateway also watch: one row each, with both.
        given -= {rule for rule in given if rule[2] == L and (rule[0], rule[1], LW) in given}
        self.assertEqual(given, documented)
