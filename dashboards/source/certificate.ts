//! One certificate, by its common name: every place and generation of it, what is wrong, who uses it, what hangs on it.

import { JOB, OWNER, SOURCE, band, dashboard, labelValues, section } from './dashboard';
import { renewals } from './oncall';
import { BAD_ABOVE_0, ODD_ABOVE_0, PLAIN, lines, stat, table } from './panel';
import { count, newest, overdue, places, whole, withOwner, withPlace } from './series';
import { age, blind, toTarget } from './shared';

/** What the variables choose. */
const CHOSEN = 'subject_CN=~"$subject_CN", serial_number=~"$serial_number"';
/** The same in families that know no generation. */
const NAMED = 'subject_CN=~"$subject_CN"';
/** What says where a certificate is. */
const WHERE =
  'source_name, filepath, embedded_kind, embedded_key, target, server_name, address, secret_namespace, secret_name, secret_key, configmap_namespace, configmap_name, ' +
  'configmap_key, cabundle_resource_kind, cabundle_resource_name, cabundle_entry, csr_name, certificate_namespace, certificate_name';

const ends = places('x509_cert_not_after', CHOSEN);

const glance = section(
  'At a glance',
  band(
    4,
    [3, age()],
    [3, blind()],
    [4, stat({ title: 'Ends', description: 'When the first of its generations that is still somewhere ends.', unit: 'dateTimeFromNow' }, `min(${ends}) * 1000`, PLAIN, { noValue: 'not there' })],
    [3, stat({ title: 'Places', description: 'In how many places it is, all generations together.', unit: 'none' }, count(ends), PLAIN)],
    [3, stat({ title: 'Generations', description: 'Different certificates of this name that are somewhere now. Two are usual while a renewal is rolled out.', unit: 'none' }, `count(count by (issuer_CN, serial_number) (${ends}))`, PLAIN, { noValue: '0' })],
    [4, stat({ title: 'Findings', description: 'What is wrong with it, over all places; waived things excepted.', unit: 'none' }, count(places('x509_cert_finding', NAMED)), BAD_ABOVE_0)],
    [4, stat({ title: 'Renewal overdue', description: 'Of the time from the due renewal to the end, the part that has passed, in the place where that is most; below 0 it is not due yet.', unit: 'percentunit' }, `max(${overdue(CHOSEN)})`, [['green', null], ['orange', 0.25], ['red', 0.6]], { decimals: 0, noValue: 'no leaf' })],
  ),
);

const where = section(
  'Where it is',
  band(
    9,
    [
      24,
      table(
        { title: 'Places', description: 'Each place and generation: since when it is valid, when it is due for renewal, when it ends. Different serial numbers are different certificates: one place was renewed, the other not.', unit: 'none' },
        [
          withOwner(withPlace(places('x509_cert_not_before', CHOSEN))) + ' * 1000',
          withOwner(withPlace(places('x509_cert_renewal_due_timestamp_seconds', CHOSEN))) + ' * 1000',
          withOwner(withPlace(ends)) + ' * 1000',
        ],
        [
          { of: 'place', title: 'Place' },
          { of: 'target', title: 'Target', link: toTarget },
          { of: 'instance', title: 'Machine', width: 140 },
          { of: 'cert_role', title: 'Role', width: 100 },
          { of: 'issuer_CN', title: 'Issuer' },
          { of: 'serial_number', title: 'Serial number' },
          { of: 'A', title: 'Valid since', unit: 'dateTimeFromNow', width: 120 },
          { of: 'B', title: 'Renewal due', unit: 'dateTimeFromNow', width: 120 },
          { of: 'C', title: 'Ends', unit: 'dateTimeFromNow', width: 120 },
          { of: 'owner', title: 'Owner', width: 100 },
          { of: 'source_name', title: 'Source', width: 130 },
        ],
        { by: 'Ends' },
      ),
    ],
  ),
  band(
    8,
    [
      12,
      lines(
        { title: 'Time left', description: 'How long the newest generation in each place had left: a jump upwards is a renewal, and the height from which it jumps is the margin.', unit: 's' },
        [{ expr: `${withPlace(`(${newest('x509_cert_not_after', NAMED)} - time())`)}`, legend: '{{place}}' }],
        { steps: true },
      ),
    ],
    [
      12,
      table(
        { title: 'Used by', description: 'What is known to use a place in which it is: Ingresses, Gateways, workloads, webhooks, servers of nginx, listeners and clusters of Envoy, with the host that they serve.', unit: 'none' },
        [withPlace(`${places('x509_cert_used_by')} and on (${WHERE}) ${ends}`)],
        [
          { of: 'kind', title: 'Kind', width: 130 },
          { of: 'name', title: 'Name' },
          { of: 'host', title: 'Host' },
          { of: 'place', title: 'Place' },
        ],
        { by: 'Kind' },
      ),
    ],
  ),
);

const wrong = section(
  'What is wrong, and what it is',
  band(
    8,
    [
      12,
      table(
        { title: 'Findings', description: 'What is wrong with it in which place; with an end where it is waived.', unit: 'none' },
        [withPlace(places('x509_cert_finding', NAMED)), withPlace(places('x509_cert_finding_waived', NAMED)) + ' * 1000'],
        [
          { of: 'finding', title: 'Finding', width: 220 },
          { of: 'place', title: 'Place' },
          { of: 'B', title: 'Waived until', unit: 'dateTimeFromNow', width: 140 },
        ],
        { by: 'Finding' },
      ),
    ],
    [
      12,
      table(
        { title: 'Revocation', description: 'What is known of its revocation in each place. The page of the exporter shows the evidence: which list, which answer, when fetched.', unit: 'none' },
        [withPlace(places('x509_cert_revocation_status', NAMED))],
        [
          { of: 'status', title: 'Status', width: 130 },
          { of: 'place', title: 'Place' },
          { of: 'issuer_CN', title: 'Issuer' },
        ],
        { by: 'Status', descending: true },
      ),
    ],
  ),
  band(
    8,
    [
      24,
      table(
        { title: 'What it says', description: 'What stands in the certificate: names, key, signature, usages. Leaf certificates only.', unit: 'none' },
        [`max by (subject, issuer, serial_number, fingerprint, sans, spiffe_id, key_algorithm, key_bits, signature_algorithm, extended_key_usage) (x509_cert_info{job=~"$job", source_name=~"$source_name", ${CHOSEN}})`],
        [
          { of: 'subject', title: 'Subject' },
          { of: 'issuer', title: 'Issuer' },
          { of: 'sans', title: 'Names' },
          { of: 'spiffe_id', title: 'SPIFFE ID' },
          { of: 'key_algorithm', title: 'Key', width: 90 },
          { of: 'key_bits', title: 'Bits', width: 70 },
          { of: 'signature_algorithm', title: 'Signature', width: 150 },
          { of: 'extended_key_usage', title: 'Usage' },
          { of: 'fingerprint', title: 'SHA-256' },
        ],
        { by: 'Subject' },
      ),
    ],
  ),
);

const authority = section(
  'If it is a CA',
  band(
    5,
    [8, stat({ title: 'Leaves that hang on it', description: 'Different watched leaf certificates that are issued by its key, or by a CA below it.', unit: 'none' }, `max(${whole('x509_cert_dependants', CHOSEN)})`, PLAIN, { noValue: 'no CA' })],
    [8, stat({ title: 'Without another path', description: 'Leaf certificates that hang on it and have no other path that outlasts it: they end with it.', unit: 'none' }, `max(${whole('x509_cert_stranded_dependants', CHOSEN)})`, ODD_ABOVE_0, { noValue: 'no CA' })],
    [8, stat({ title: 'Copies', description: 'In how many places of all sources the CA certificate is: where its successor has to go.', unit: 'none' }, `max(${whole('x509_cert_places', CHOSEN)})`, PLAIN, { noValue: 'no CA' })],
  ),
);

export const certificate = dashboard({
  uid: 'notafter-certificate',
  title: 'One certificate',
  description: 'Every place and generation of a certificate, what is wrong with it, what uses it, what hangs on it. The other dashboards lead here.',
  from: 'now-7d',
  refresh: '1m',
  variables: [
    JOB,
    SOURCE,
    OWNER,
    labelValues('subject_CN', 'Common name', 'x509_cert_not_after{job=~"$job", source_name=~"$source_name"}', { multi: true }),
    labelValues('serial_number', 'Serial number', 'x509_cert_not_after{job=~"$job", subject_CN=~"$subject_CN"}', { multi: true, all: '.+' }),
  ],
  annotations: [renewals],
  sections: [glance, where, wrong, authority],
});
