//! Endpoints and mutual TLS: handshakes, their errors, what is negotiated, who wants client certificates; Envoy's own counters beside ours.

import { OWNER, JOB, SOURCE, band, dashboard, section } from './dashboard';
import { BAD_ABOVE_0, PLAIN, bars, lines, stat, table, timeline } from './panel';
import { count, each, endpoints, places, withOwner, withSide } from './series';
import { age, blind, toTarget } from './shared';

const glance = section(
  'At a glance',
  band(
    4,
    [3, age()],
    [3, blind()],
    [3, stat({ title: 'Endpoints', description: 'Endpoints that are looked at: targets, and each address behind a name where every one is probed.', unit: 'none' }, count(endpoints('tls_probe_success')), PLAIN)],
    [3, stat({ title: 'Fail', description: 'Endpoints that no replica could look at in the last round.', unit: 'none' }, count(`${endpoints('tls_probe_success')} == 0`), BAD_ABOVE_0)],
    [4, stat({ title: 'Handshakes that fail', description: 'The part of the handshakes of the last hour that failed.', unit: 'percentunit' }, `sum(increase(${each('tls_handshakes_total', 'result="error"')}[1h])) / sum(increase(${each('tls_handshakes_total')}[1h]))`, [['green', null], ['orange', 0.02], ['red', 0.1]], { decimals: 1, noValue: 'none yet' })],
    [4, stat({ title: 'Ask for a client certificate', description: 'Endpoints that asked for a client certificate in the last handshake.', unit: 'none' }, count(`${endpoints('tls_client_certificate_requested')} == 1`), PLAIN)],
    [4, stat({ title: 'Mutual TLS not enforced', description: 'Endpoints that are expected to want a client certificate and let a client in that shows none.', unit: 'none' }, count(endpoints('tls_target_finding', 'finding="mutual_tls_not_enforced"')), BAD_ABOVE_0)],
  ),
);

const handshakes = section(
  'Handshakes',
  band(
    8,
    [
      8,
      lines(
        { title: 'Handshakes', description: 'Handshakes tried, a second, by result.', unit: 'reqps' },
        [{ expr: `sum by (result) (rate(${each('tls_handshakes_total')}[$__rate_interval]))`, legend: '{{result}}' }],
        { stacked: true, colors: { ok: 'green', error: 'red' } },
      ),
    ],
    [
      8,
      lines(
        { title: 'Errors by stage and reason', description: 'Handshakes that failed, a second, by how far they came and why no further. docs/runbooks/reasons.md explains each reason.', unit: 'reqps' },
        [{ expr: `sum by (stage, reason) (rate(${each('tls_handshake_errors_total')}[$__rate_interval])) > 0`, legend: '{{stage}}: {{reason}}' }],
        { stacked: true },
      ),
    ],
    [
      8,
      lines(
        { title: 'How long handshakes take', description: 'TLS handshakes that ended well, without name resolution and connecting: in the middle, and the slowest twentieth, of all sources.', unit: 's' },
        [
          { expr: `histogram_quantile(0.5, sum by (le) (rate(${each('tls_handshake_duration_seconds_bucket')}[$__rate_interval])))`, legend: 'middle' },
          { expr: `histogram_quantile(0.95, sum by (le) (rate(${each('tls_handshake_duration_seconds_bucket')}[$__rate_interval])))`, legend: 'slowest twentieth' },
        ],
      ),
    ],
  ),
  band(
    7,
    [
      14,
      table(
        { title: 'Endpoints that fail, and why now', description: 'How far the last look came, why no further, and who has to look at it.', unit: 'none' },
        [withOwner(withSide(endpoints('tls_probe_failure_info')))],
        [
          { of: 'target', title: 'Target', link: toTarget },
          { of: 'server_name', title: 'Name' },
          { of: 'address', title: 'Address' },
          { of: 'side', title: 'Side', width: 180 },
          { of: 'stage', title: 'Stage', width: 100 },
          { of: 'reason', title: 'Reason' },
          { of: 'owner', title: 'Owner', width: 110 },
        ],
        { by: 'Target' },
      ),
    ],
    [
      10,
      table(
        { title: 'Errors in the last hour, by endpoint', description: 'The part of the handshakes of the last hour that failed, highest first: where it is neither 0 nor 1, often one of several servers behind a name is broken.', unit: 'none' },
        [`topk(50, sum without (instance, pod, result) (increase(${each('tls_handshakes_total', 'result="error"')}[1h])) / sum without (instance, pod, result) (increase(${each('tls_handshakes_total')}[1h])) > 0)`],
        [
          { of: 'target', title: 'Target', link: toTarget },
          { of: 'server_name', title: 'Name' },
          { of: 'source_name', title: 'Source', width: 130 },
          { of: 'A', title: 'Failed', unit: 'percentunit', decimals: 1, steps: [['text', null], ['orange', 0.02], ['red', 0.1]], width: 100 },
        ],
        { by: 'Failed', descending: true },
      ),
    ],
  ),
  band(
    6,
    [
      24,
      timeline(
        { title: 'Endpoints over time', description: 'Those that failed at some time in the range: well or failing.', unit: 'none' },
        { expr: `${endpoints('tls_probe_success')} and min_over_time((${endpoints('tls_probe_success')})[$__range:$__interval]) == 0`, legend: '{{target}} {{server_name}}' },
        { '0': ['fails', 'red'], '1': ['well', 'green'] },
      ),
    ],
  ),
);

const negotiated = section(
  'What is negotiated',
  band(
    7,
    [6, bars({ title: 'Versions', description: 'Endpoints by the version of TLS in the last handshake.', unit: 'none' }, { expr: `sort_desc(count by (version) (${endpoints('tls_version_info')}))`, legend: '{{version}}' })],
    [6, bars({ title: 'Cipher suites', description: 'Endpoints by cipher suite of the last handshake.', unit: 'none' }, { expr: `sort_desc(count by (cipher) (${endpoints('tls_version_info')}))`, legend: '{{cipher}}' })],
    [6, bars({ title: 'Key exchange', description: 'Endpoints by the group of the key exchange in the last handshake: X25519MLKEM768 is safe against quantum computers.', unit: 'none' }, { expr: `sort_desc(count by (group) (${endpoints('tls_version_info', 'group!=""')}))`, legend: '{{group}}' })],
    [6, bars({ title: 'Protocols by ALPN', description: 'Endpoints by the application protocol that was agreed on; none where none was offered or chosen.', unit: 'none' }, { expr: `sort_desc(count by (alpn) (label_replace(${endpoints('tls_version_info')}, "alpn", "none", "alpn", "")))`, legend: '{{alpn}}' })],
  ),
  band(
    8,
    [
      12,
      table(
        { title: 'Findings about endpoints', description: 'What is wrong with an endpoint itself: old versions accepted, an incomplete chain, another certificate than stored, and so on.', unit: 'none' },
        [withOwner(places('tls_target_finding'))],
        [
          { of: 'finding', title: 'Finding', width: 210 },
          { of: 'target', title: 'Target', link: toTarget },
          { of: 'server_name', title: 'Name' },
          { of: 'owner', title: 'Owner', width: 110 },
        ],
        { by: 'Finding' },
      ),
    ],
    [
      6,
      bars({ title: 'Clocks that differ', description: 'By how much the clock of an endpoint differs from ours, where it shows one, largest first.', unit: 's' }, { expr: `sort_desc(topk(10, max by (target) (abs(${each('tls_clock_skew_seconds')}))))`, legend: '{{target}}' }, 'orange'),
    ],
    [
      6,
      bars({ title: 'Stapled answers', description: 'Endpoints that staple an OCSP response (1) and that do not (0).', unit: 'none' }, { expr: `count_values("stapled", ${endpoints('tls_ocsp_stapled')})`, legend: 'stapled: {{stapled}}' }),
    ],
  ),
);

const mutual = section(
  'Mutual TLS',
  band(
    8,
    [
      14,
      table(
        { title: 'Who asks for client certificates', description: 'Whether an endpoint asked in the last handshake, and where that or what it does then is not what is expected: it lets in who has none, or does not take ours.', unit: 'none' },
        [
          withOwner(endpoints('tls_client_certificate_requested')),
          withOwner(`max without (instance, pod, finding) (${each('tls_target_finding', 'finding=~"mutual_tls_not_enforced|mutual_tls_not_optional|client_ca_not_accepted|client_not_trusted_by_bundle|client_chain_too_deep"')})`),
        ],
        [
          { of: 'target', title: 'Target', link: toTarget },
          { of: 'server_name', title: 'Name' },
          { of: 'A', title: 'Asks', words: { '0': ['no', 'text'], '1': ['yes', 'green'] }, width: 90 },
          { of: 'B', title: 'Unexpected', words: { '1': ['yes', 'red'] }, width: 120 },
          { of: 'owner', title: 'Owner', width: 110 },
          { of: 'source_name', title: 'Source', width: 130 },
        ],
        { by: 'Unexpected', descending: true },
      ),
    ],
    [
      10,
      lines(
        { title: 'Refused because of our client certificate', description: 'Handshakes, a second, in which the server did not take our client certificate, by its reason.', unit: 'reqps' },
        [{ expr: `sum by (reason) (rate(${each('tls_handshake_errors_total', 'stage=~"client_auth|http"')}[$__rate_interval]))`, legend: '{{reason}}' }],
      ),
    ],
  ),
);

const envoy = section(
  "Envoy's own counters",
  band(
    8,
    [
      8,
      lines(
        { title: 'Envoy: handshakes of clients', description: 'What the listeners of Envoy count, a second: completed handshakes, and connections without a client certificate. For a mesh these are the handshakes of real clients, where ours are probes.', unit: 'reqps' },
        [
          { expr: 'sum(rate(envoy_listener_ssl_handshake[$__rate_interval]))', legend: 'completed' },
          { expr: 'sum(rate(envoy_listener_ssl_no_certificate[$__rate_interval]))', legend: 'without a client certificate' },
        ],
      ),
    ],
    [
      8,
      lines(
        { title: 'Envoy: clients that fail', description: 'Handshakes with clients that failed at the listeners of Envoy, a second, by cause: the connection, no certificate, an untrusted one, a name that is not allowed, a pinned hash.', unit: 'reqps' },
        [
          { expr: 'sum(rate(envoy_listener_ssl_connection_error[$__rate_interval]))', legend: 'connection_error' },
          { expr: 'sum(rate(envoy_listener_ssl_fail_verify_no_cert[$__rate_interval]))', legend: 'fail_verify_no_cert' },
          { expr: 'sum(rate(envoy_listener_ssl_fail_verify_error[$__rate_interval]))', legend: 'fail_verify_error' },
          { expr: 'sum(rate(envoy_listener_ssl_fail_verify_san[$__rate_interval]))', legend: 'fail_verify_san' },
          { expr: 'sum(rate(envoy_listener_ssl_fail_verify_cert_hash[$__rate_interval]))', legend: 'fail_verify_cert_hash' },
        ],
      ),
    ],
    [
      8,
      lines(
        { title: 'Envoy: upstreams that fail', description: 'Handshakes of Envoy with its upstreams that failed, a second, by cluster: all of connection_error and fail_verify_*.', unit: 'reqps' },
        [
          {
            expr:
              'sum by (envoy_cluster_name) (rate(envoy_cluster_ssl_connection_error[$__rate_interval]) + rate(envoy_cluster_ssl_fail_verify_no_cert[$__rate_interval]) + ' +
              'rate(envoy_cluster_ssl_fail_verify_error[$__rate_interval]) + rate(envoy_cluster_ssl_fail_verify_san[$__rate_interval]) + rate(envoy_cluster_ssl_fail_verify_cert_hash[$__rate_interval]))',
            legend: '{{envoy_cluster_name}}',
          },
        ],
      ),
    ],
  ),
);

export const endpointsBoard = dashboard({
  uid: 'notafter-endpoints',
  title: 'Endpoints and mutual TLS',
  description: 'Handshakes, their errors by stage and reason, what is negotiated, who wants client certificates, and the counters of Envoy beside ours.',
  from: 'now-6h',
  refresh: '1m',
  variables: [JOB, SOURCE, OWNER],
  sections: [glance, handshakes, negotiated, mutual, envoy],
});
