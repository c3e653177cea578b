"""values.schema.json: a wrong value is refused with the place where it stands, before anything is installed."""

import unittest

import helm_python

from cases import CASES
from support import chart

REFUSED = {
    "an unknown value": ({"replicaCount": 2}, "replicaCount"),
    "a misspelt value": ({"serviceMonitor": {"enable": True}}, "/serviceMonitor"),
    "an unknown kind": ({"cluster": {"kinds": ["secrets"]}}, "/cluster/kinds/0"),
    "no kinds": ({"cluster": {"kinds": []}}, "/cluster/kinds"),
    "a kind twice": ({"cluster": {"kinds": ["secret", "secret"]}}, "/cluster/kinds"),
    "an unknown preset": ({"cluster": {"presets": ["consul"]}}, "/cluster/presets/0"),
    "a namespace with a wildcard": ({"cluster": {"namespaces": ["team-*"]}}, "/cluster/namespaces/0"),
    "a namespace in capitals": ({"cluster": {"namespaces": ["Shop"]}}, "/cluster/namespaces/0"),
    "an unknown setting": ({"cluster": {"settings": {"namespace": ["a"]}}}, "/cluster/settings"),
    "a kind among the settings": ({"cluster": {"settings": {"kinds": ["secret"]}}}, "/cluster/settings"),
    "a label from nowhere": ({"cluster": {"settings": {"labels_from": {"team": ["team"]}}}}, "/cluster/settings/labels_from/team/0"),
    "a passphrase without a key": ({"cluster": {"settings": {"passphrase_refs": [{"secret": "s"}]}}}, "/cluster/settings/passphrase_refs/0"),
    "a page size of zero": ({"cluster": {"settings": {"page_size": 0}}}, "/cluster/settings/page_size"),
    "a fraction of a page": ({"cluster": {"settings": {"page_size": 1.5}}}, "/cluster/settings/page_size"),
    "no replica": ({"replicas": 0}, "/replicas"),
    "no shards": ({"sharding": {"totalShards": 0}}, "/sharding/totalShards"),
    "shards as text": ({"sharding": {"totalShards": "3"}}, "/sharding/totalShards"),
    "a configuration as a table": ({"config": {"sources": {}}}, "/config"),
    "an unknown pull policy": ({"image": {"pullPolicy": "always"}}, "/image/pullPolicy"),
    "a digest that is none": ({"image": {"digest": "sha256:abc"}}, "/image/digest"),
    "an empty repository": ({"image": {"repository": ""}}, "/image/repository"),
    "a log level": ({"logging": {"level": "verbose"}}, "/logging/level"),
    "the name of a Secret": ({"web": {"secretName": "Web_1"}}, "/web/secretName"),
    "a port out of range": ({"service": {"port": 70000}}, "/service/port"),
    "an interval without a unit": ({"serviceMonitor": {"interval": "60"}}, "/serviceMonitor/interval"),
    "a label that is no text": ({"commonLabels": {"a": 1}}, "/commonLabels/a"),
    "a relative host path": ({"nodeFiles": {"hostPaths": [{"path": "etc"}]}}, "/nodeFiles/hostPaths/0/path"),
    "a host path of the whole node": ({"nodeFiles": {"hostPaths": [{"path": "/"}]}}, "/nodeFiles/hostPaths/0/path"),
    "no host path": ({"nodeFiles": {"hostPaths": []}}, "/nodeFiles/hostPaths"),
    "a quantity": ({"persistence": {"size": "1 GB"}}, "/persistence/size"),
    "less time than the program needs to end": ({"terminationGracePeriodSeconds": 5}, "/terminationGracePeriodSeconds"),
}


class Schema(unittest.TestCase):
    def test_wrong_values_are_refused_where_they_stand(self):
        for name, (values, place) in REFUSED.items():
            with self.subTest(name):
                with self.assertRaises(helm_python.HelmValuesError) as refused:
                    chart().render(values)
                self.assertIn(place, str(refused.exception))

    def test_right_values_are_taken(self):
        for name, values in CASES.items():
            with self.subTest(name):
                chart().validate_schema(values)

    def test_a_configuration_that_is_no_toml_is_refused(self):
        with self.assertRaisesRegex(helm_python.HelmError, "the configuration is no TOML.*line 2"):
            chart().render({"config": "[sources.x]\ntype = = 1\n"})

    def test_a_service_monitor_needs_the_service(self):
        with self.assertRaisesRegex(helm_python.HelmError, "serviceMonitor.enabled needs service.enabled"):
            chart().render({"serviceMonitor": {"enabled": True}, "service": {"enabled": False}})
