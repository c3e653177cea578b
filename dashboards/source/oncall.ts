//! On call, for three in the morning: what is broken, whose, since when, which side and why now, what changed just before.

import type { AnnotationQuery } from '@grafana/schema';

import { ALERTS } from './alerts';
import { OWNER, JOB, SOURCE, band, dashboard, section } from './dashboard';
import { BAD_ABOVE_0, DATASOURCE, ODD_ABOVE_0, lines, stat, table, timeline } from './panel';
import { count, each, endpoints, lists, newestLeaves, places, whole, withOwner, withPlace, withPlaceOrUrl, withSide } from './series';
import { age, blind, toCertificate, toTarget } from './shared';

const alerts = `alertname=~"${ALERTS.join('|')}"`;

/** Marks on every graph: a leaf certificate took another's place. */
export const renewals: AnnotationQuery = {
  name: 'Renewals',
  datasource: DATASOURCE,
  enable: true,
  hide: false,
  iconColor: 'green',
  target: { refId: 'Anno', expr: withPlace(`${newestLeaves()} > ${newestLeaves().replaceAll('}', '} offset $__interval')}`) } as AnnotationQuery['target'],
  ...({ titleFormat: '{{subject_CN}} was renewed', textFormat: '{{place}}', tagKeys: 'source_name' } as object),
};

/** Alerts that fire, with where each is: in alerts of Envoy, cert-manager and Istio that is theirs, of a CA its name. */
function firing(): string {
  const found = withPlaceOrUrl(`ALERTS_FOR_STATE{${alerts}} and ignoring (alertstate) ALERTS{alertstate="firing", ${alerts}}`);
  const placed = `label_join(label_join(${found}, "place", "", "place", "envoy_listener_address", "destination_workload", "name"), "or_subject", "|", "place", "subject")`;
  return `label_join(label_replace(${placed}, "place", "$1", "or_subject", "[|](.+)"), "finding", "", "finding", "cause")`;
}

const now = section(
  'Now',
  band(
    4,
    [4, age()],
    [4, blind()],
    [4, stat({ title: 'Critical alerts', description: 'Critical alerts of the rules in alerts/, now. Needs these rules in the same Prometheus.', unit: 'none' }, count(`ALERTS{alertstate="firing", severity="critical", ${alerts}}`), BAD_ABOVE_0)],
    [4, stat({ title: 'Endpoints that fail', description: 'Endpoints that no replica could look at in the last round: no TLS, refused, or the wrong HTTP answer.', unit: 'none' }, count(`${endpoints('tls_probe_success')} == 0`), BAD_ABOVE_0)],
    [4, stat({ title: 'Revoked', description: 'Certificates that their issuer has revoked.', unit: 'none' }, count(`${places('x509_cert_revoked')} == 1`), BAD_ABOVE_0)],
    [4, stat({ title: 'Renewed, not served', description: 'Endpoints that serve an older certificate than the one that is stored for them: a reload is missing.', unit: 'none' }, count(`${endpoints('tls_target_finding', 'finding="stored_not_served"')}`), ODD_ABOVE_0)],
  ),
);

const broken = section(
  'What is broken',
  band(
    10,
    [
      24,
      table(
        { title: 'Alerts that fire', description: 'Alerts of the rules in alerts/ that fire now, with the moment at which each became pending; Machine is empty where what several exporters see alike is meant. Inhibited and silenced ones are shown, too. Needs these rules in the same Prometheus.', unit: 'none' },
        [withOwner(firing()) + ' * 1000'],
        [
          { of: 'severity', title: 'Severity', width: 90, words: { critical: ['critical', 'red'], warning: ['warning', 'orange'] } },
          { of: 'alertname', title: 'Alert', width: 220 },
          { of: 'place', title: 'Place' },
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'issuer_CN', title: 'Issuer' },
          { of: 'finding', title: 'Finding or cause', width: 190 },
          { of: 'owner', title: 'Owner', width: 110 },
          { of: 'source_name', title: 'Source', width: 110 },
          { of: 'instance', title: 'Machine', width: 140 },
          { of: 'A', title: 'Since', unit: 'dateTimeFromNow', width: 130 },
        ],
        { by: 'Severity' },
      ),
    ],
  ),
  band(
    6,
    [
      24,
      table(
        { title: 'Endpoints that fail, and why now', description: 'How far the last look came and why no further; who has to look at it; when the endpoint last answered in the range (empty: not in the range).', unit: 'none' },
        [
          withOwner(withSide(endpoints('tls_probe_failure_info'))),
          withOwner(`max without (instance, pod) (max_over_time((timestamp(${each('tls_probe_success')} == 1))[$__range:$__interval])) * 1000 unless ${endpoints('tls_probe_success')} == 1`),
        ],
        [
          { of: 'target', title: 'Target', link: toTarget },
          { of: 'server_name', title: 'Name' },
          { of: 'side', title: 'Side', width: 180 },
          { of: 'stage', title: 'Stage', width: 110 },
          { of: 'reason', title: 'Reason' },
          { of: 'owner', title: 'Owner', width: 110 },
          { of: 'source_name', title: 'Source', width: 130 },
          { of: 'B', title: 'Last well', unit: 'dateTimeFromNow', width: 130 },
        ],
        { by: 'Last well', descending: true },
      ),
    ],
  ),
  band(
    9,
    [
      24,
      table(
        { title: 'Findings, place by place', description: 'Everything that is wrong now with a certificate, CRL, endpoint or responder, waived things excepted. docs/runbooks says what each means and what helps.', unit: 'none' },
        [withOwner(withPlaceOrUrl(`${places('x509_cert_finding')} or ${places('tls_target_finding')} or ${lists('x509_crl_finding')} or max without (instance, pod) (${whole('x509_responder_finding')})`))],
        [
          { of: 'finding', title: 'Finding', width: 220 },
          { of: 'place', title: 'Place' },
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'issuer_CN', title: 'Issuer' },
          { of: 'owner', title: 'Owner', width: 110 },
          { of: 'source_name', title: 'Source', width: 130 },
          { of: 'instance', title: 'Machine', width: 140 },
        ],
        { by: 'Finding' },
      ),
    ],
  ),
);

/** Places whose newest leaf changed in the range, with how often. */
const renewed = `changes((${newestLeaves()})[$__range:$__interval]) > 0`;

const before = section(
  'Since when, and what changed before',
  band(
    6,
    [
      24,
      timeline(
        { title: 'Endpoints over time', description: 'Those that failed at some time in the range: well or failing. Marks are renewals of any certificate.', unit: 'none' },
        { expr: `${endpoints('tls_probe_success')} and min_over_time((${endpoints('tls_probe_success')})[$__range:$__interval]) == 0`, legend: '{{target}} {{server_name}}' },
        { '0': ['fails', 'red'], '1': ['well', 'green'] },
      ),
    ],
  ),
  band(
    8,
    [
      12,
      table(
        { title: 'Renewed in the range', description: 'Places whose newest leaf certificate was replaced in the range, with how often and the end of the one there now: what changed just before.', unit: 'none' },
        [
          withOwner(withPlace(renewed)),
          withOwner(withPlace(`${newestLeaves()} and ${renewed}`)) + ' * 1000',
        ],
        [
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'place', title: 'Place' },
          { of: 'owner', title: 'Owner', width: 110 },
          { of: 'A', title: 'Times', unit: 'none', width: 80 },
          { of: 'B', title: 'Ends', unit: 'dateTimeFromNow', width: 130 },
        ],
        { by: 'Ends', descending: true },
      ),
    ],
    [
      12,
      lines(
        { title: 'Handshake errors', description: 'Handshakes that failed, a second, by how far they came and why no further.', unit: 'reqps' },
        [{ expr: `sum by (stage, reason) (rate(${each('tls_handshake_errors_total')}[$__rate_interval])) > 0`, legend: '{{stage}}: {{reason}}' }],
        { stacked: true },
      ),
    ],
  ),
);

export const oncall = dashboard({
  uid: 'notafter-on-call',
  title: 'Certificates on call',
  description: 'For three in the morning: what is broken, whose it is, since when, which side and which reason now, what was renewed just before.',
  from: 'now-6h',
  refresh: '30s',
  variables: [JOB, SOURCE, OWNER],
  annotations: [renewals],
  sections: [now, broken, before],
});
