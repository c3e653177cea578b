//! One target: how it answers, why not, what it shows, where else that is.

import { JOB, OWNER, SOURCE, band, dashboard, labelValues, section } from './dashboard';
import { renewals } from './oncall';
import { BAD_ABOVE_0, PLAIN, lines, stat, table, timeline, valueWords } from './panel';
import { count, each, endpoints, places, withOwner, withPlace, withSide } from './series';
import { age, blind, toCertificate } from './shared';

const CHOSEN = 'target=~"$target", server_name=~"$server_name"';

const yesNo = (bad: string, good: string) => [valueWords({ '0': ['no', bad], '1': ['yes', good] })];

const glance = section(
  'Now',
  band(
    4,
    [3, age()],
    [3, blind()],
    [3, stat({ title: 'Answers', description: 'Whether the last look ended well on every address and name that is chosen: the handshake, and the HTTP request where one is configured.', unit: 'none' }, `min(${endpoints('tls_probe_success', CHOSEN)})`, [['red', null], ['green', 1]], { mappings: yesNo('red', 'green'), noValue: 'not watched' })],
    [3, stat({ title: 'Ends', description: 'When the first certificate that it shows ends.', unit: 'dateTimeFromNow' }, `min(${places('x509_cert_not_after', CHOSEN)}) * 1000`, PLAIN, { noValue: 'shows none' })],
    [3, stat({ title: 'Findings', description: 'What is wrong with it and with what it shows; waived things excepted.', unit: 'none' }, count(`${endpoints('tls_target_finding', CHOSEN)} or ${places('x509_cert_finding', CHOSEN)}`), BAD_ABOVE_0)],
    [3, stat({ title: 'Client certificate', description: 'Whether it asked for a client certificate in the last handshake.', unit: 'none' }, `max(${endpoints('tls_client_certificate_requested', CHOSEN)})`, PLAIN, { mappings: yesNo('text', 'text'), noValue: 'unknown' })],
    [3, stat({ title: 'Staples', description: 'Whether it stapled an OCSP response in the last handshake.', unit: 'none' }, `max(${endpoints('tls_ocsp_stapled', CHOSEN)})`, PLAIN, { mappings: yesNo('text', 'text'), noValue: 'unknown' })],
    [3, stat({ title: 'Its clock', description: 'By how much its clock is ahead of ours, where it shows one.', unit: 's' }, `max(${endpoints('tls_clock_skew_seconds', CHOSEN)})`, PLAIN, { noValue: 'unknown' })],
  ),
  band(
    7,
    [
      12,
      table(
        { title: 'Why it fails now', description: 'How far the last look came, why no further, and who has to look at it. Empty: it does not fail.', unit: 'none' },
        [withOwner(withSide(endpoints('tls_probe_failure_info', CHOSEN)))],
        [
          { of: 'target', title: 'Target' },
          { of: 'server_name', title: 'Name' },
          { of: 'address', title: 'Address' },
          { of: 'side', title: 'Side' },
          { of: 'stage', title: 'Stage', width: 110 },
          { of: 'reason', title: 'Reason' },
          { of: 'owner', title: 'Owner', width: 110 },
        ],
        { by: 'Target' },
      ),
    ],
    [
      12,
      table(
        { title: 'Findings', description: 'What is wrong with the endpoint itself and with the certificates that it shows; with an end where it is waived.', unit: 'none' },
        [`${endpoints('tls_target_finding', CHOSEN)} or ${places('x509_cert_finding', CHOSEN)}`, `(${endpoints('tls_target_finding_waived', CHOSEN)} or ${places('x509_cert_finding_waived', CHOSEN)}) * 1000`],
        [
          { of: 'finding', title: 'Finding', width: 220 },
          { of: 'target', title: 'Target' },
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'B', title: 'Waived until', unit: 'dateTimeFromNow', width: 140 },
        ],
        { by: 'Finding' },
      ),
    ],
  ),
);

const shown = section(
  'What it shows',
  band(
    8,
    [
      14,
      table(
        { title: 'Chain', description: 'The certificates that it sent in the last handshake that came so far.', unit: 'none' },
        [places('x509_cert_not_after', CHOSEN) + ' * 1000', places('x509_cert_not_before', CHOSEN) + ' * 1000'],
        [
          { of: 'cert_role', title: 'Role', width: 110 },
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'issuer_CN', title: 'Issuer' },
          { of: 'serial_number', title: 'Serial number' },
          { of: 'B', title: 'Valid since', unit: 'dateTimeFromNow', width: 120 },
          { of: 'A', title: 'Ends', unit: 'dateTimeFromNow', width: 120 },
        ],
        { by: 'Ends' },
      ),
    ],
    [
      10,
      table(
        { title: 'Where else its leaf is', description: 'Other places in which the very certificate that it shows is: the file or Secret that it is served from, other endpoints with the same one.', unit: 'none' },
        [withPlace(`(${places('x509_cert_not_after', 'cert_role="leaf"')} and on (issuer_CN, serial_number) ${places('x509_cert_not_after', `cert_role="leaf", ${CHOSEN}`)}) unless ${places('x509_cert_not_after', CHOSEN)}`) + ' * 1000'],
        [
          { of: 'place', title: 'Place' },
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'source_name', title: 'Source', width: 130 },
        ],
        { by: 'Place' },
      ),
    ],
  ),
  band(
    6,
    [
      14,
      table(
        { title: 'What was agreed on', description: 'Version, cipher suite, key exchange and protocol of the last handshake. Method raw: the handshake failed, and this is what the server would have chosen.', unit: 'none' },
        [endpoints('tls_version_info', CHOSEN)],
        [
          { of: 'target', title: 'Target' },
          { of: 'version', title: 'Version', width: 90 },
          { of: 'cipher', title: 'Cipher suite' },
          { of: 'group', title: 'Key exchange', width: 150 },
          { of: 'alpn', title: 'ALPN', width: 80 },
          { of: 'method', title: 'Method', width: 80 },
        ],
        { by: 'Target' },
      ),
    ],
    [
      10,
      table(
        { title: 'Revocation', description: 'What is known of the revocation of what it shows.', unit: 'none' },
        [places('x509_cert_revocation_status', CHOSEN)],
        [
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'cert_role', title: 'Role', width: 110 },
          { of: 'status', title: 'Status', width: 130 },
        ],
        { by: 'Role' },
      ),
    ],
  ),
);

const over = section(
  'Over time',
  band(
    7,
    [
      24,
      timeline(
        { title: 'Well or failing', description: 'Whether the looks ended well, by address and name. Marks are renewals of any certificate.', unit: 'none' },
        { expr: endpoints('tls_probe_success', CHOSEN), legend: '{{target}} {{server_name}} {{address}}' },
        { '0': ['fails', 'red'], '1': ['well', 'green'] },
      ),
    ],
  ),
  band(
    8,
    [12, lines({ title: 'Handshakes', description: 'Handshakes tried, a second, by result.', unit: 'reqps' }, [{ expr: `sum by (result) (rate(${each('tls_handshakes_total', CHOSEN)}[$__rate_interval]))`, legend: '{{result}}' }], { stacked: true, colors: { ok: 'green', error: 'red' } })],
    [12, lines({ title: 'Errors by stage and reason', description: 'Handshakes that failed, a second, by how far they came and why no further.', unit: 'reqps' }, [{ expr: `sum by (stage, reason) (rate(${each('tls_handshake_errors_total', CHOSEN)}[$__rate_interval]))`, legend: '{{stage}}: {{reason}}' }], { stacked: true })],
  ),
);

export const target = dashboard({
  uid: 'notafter-target',
  title: 'One target',
  description: 'How an endpoint answers, why not, what it shows, where else that is. The other dashboards lead here.',
  from: 'now-6h',
  refresh: '30s',
  variables: [
    JOB,
    SOURCE,
    OWNER,
    labelValues('target', 'Target', 'tls_probe_success{job=~"$job", source_name=~"$source_name"}', { multi: true }),
    labelValues('server_name', 'Name', 'tls_probe_success{job=~"$job", target=~"$target"}', { multi: true, all: '.*' }),
  ],
  annotations: [renewals],
  sections: [glance, shown, over],
});
