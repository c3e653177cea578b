//! Revocation: what is revoked, of what nobody can say, and how the lists and responders are that say so.

import { JOB, OWNER, SOURCE, band, dashboard, section } from './dashboard';
import { BAD_ABOVE_0, ODD_ABOVE_0, bars, lines, stat, table } from './panel';
import { count, lists, places, whole, withOwner, withPlace, withPlaceOrUrl } from './series';
import { age, blind, toCertificate } from './shared';

const status = (word: string) => places('x509_cert_revocation_status', `status="${word}"`);
const responders = (metric: string) => `max by (url) (${whole(metric)})`;

const glance = section(
  'At a glance',
  band(
    4,
    [3, age()],
    [3, blind()],
    [3, stat({ title: 'Revoked', description: 'Certificates that their issuer has revoked, one for each place.', unit: 'none' }, count(`${places('x509_cert_revoked')} == 1`), BAD_ABOVE_0)],
    [3, stat({ title: 'Nobody can say', description: 'Certificates whose issuer offers an answer that cannot be had, or not be trusted.', unit: 'none' }, count(status('unknown')), ODD_ABOVE_0)],
    [3, stat({ title: 'Known', description: 'Of the certificates whose issuers offer an answer, the part about which there is one.', unit: 'percentunit' }, `(count(${places('x509_cert_revocation_status', 'status=~"good|revoked"')}) or vector(0)) / count(${places('x509_cert_revocation_status', 'status!~"not_applicable|pending"')})`, [['red', null], ['orange', 0.9], ['green', 0.99]], { decimals: 0, noValue: 'none' })],
    [3, stat({ title: 'Stale CRLs', description: 'CRLs, in files and fetched, whose next update is overdue.', unit: 'none' }, count(`${lists('x509_crl_stale')} == 1`), BAD_ABOVE_0)],
    [3, stat({ title: 'Bad responders', description: 'OCSP responders about which something is wrong.', unit: 'none' }, count(`max by (url) (${whole('x509_responder_finding')})`), BAD_ABOVE_0)],
    [3, stat({ title: 'They disagree', description: 'Certificates about which CRL, OCSP and staple say different things for longer than a day.', unit: 'none' }, count(places('x509_cert_finding', 'finding="revocation_disagreement"')), BAD_ABOVE_0)],
  ),
);

const certificates = section(
  'Certificates',
  band(
    8,
    [6, bars({ title: 'By status', description: 'Certificates by what is known of their revocation. Not applicable: the issuer offers no answer. Pending: not asked yet.', unit: 'none' }, { expr: `sort_desc(count by (status) (${places('x509_cert_revocation_status')}))`, legend: '{{status}}' })],
    [
      9,
      table(
        { title: 'Revoked certificates', description: 'Where each one is. The page of the certificate shows how that is known.', unit: 'none' },
        [withOwner(withPlace(`${places('x509_cert_revoked')} == 1`))],
        [
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'place', title: 'Place' },
          { of: 'issuer_CN', title: 'Issuer' },
          { of: 'owner', title: 'Owner', width: 100 },
        ],
        { by: 'Certificate' },
      ),
    ],
    [
      9,
      table(
        { title: 'Issuers of which nobody can say', description: 'How many certificates of each issuer are of unknown status, and of how many it is known. Known 0: revocation is blind for the issuer.', unit: 'none' },
        [`count by (issuer_CN) (${status('unknown')})`, `(count by (issuer_CN) (${places('x509_cert_revocation_status', 'status=~"good|revoked"')}) or 0 * count by (issuer_CN) (${status('unknown')})) and on (issuer_CN) ${status('unknown')}`],
        [
          { of: 'issuer_CN', title: 'Issuer' },
          { of: 'A', title: 'Unknown', unit: 'none', steps: ODD_ABOVE_0, width: 100 },
          { of: 'B', title: 'Known', unit: 'none', width: 100 },
        ],
        { by: 'Unknown', descending: true },
      ),
    ],
  ),
);

const crls = section(
  'CRLs',
  band(
    10,
    [
      24,
      table(
        { title: 'CRLs, next to end first', description: 'Lists in files and fetched from URLs: when they were issued, when the next one is due, the part of that time which has passed (above 75 % a newer one should be there), number, size, and whether something is wrong.', unit: 'none' },
        [
          withPlaceOrUrl(`max without (crl_number) (${lists('x509_crl_this_update')})`) + ' * 1000',
          withPlaceOrUrl(`max without (crl_number) (${lists('x509_crl_next_update')})`) + ' * 1000',
          withPlaceOrUrl(`max without (crl_number) ((time() - ${lists('x509_crl_this_update')}) / (${lists('x509_crl_next_update')} - ${lists('x509_crl_this_update')}))`),
          withPlaceOrUrl(`max without (crl_number) (${lists('x509_crl_number')})`),
          withPlaceOrUrl(`max without (crl_number) (${lists('x509_crl_entries')})`),
          withPlaceOrUrl(`count without (finding) (${lists('x509_crl_finding')})`),
        ],
        [
          { of: 'place', title: 'Place' },
          { of: 'issuer_CN', title: 'Issuer' },
          { of: 'A', title: 'Issued', unit: 'dateTimeFromNow', width: 130 },
          { of: 'B', title: 'Next update', unit: 'dateTimeFromNow', width: 130 },
          { of: 'C', title: 'Passed', unit: 'percentunit', decimals: 0, steps: [['green', null], ['orange', 0.75], ['red', 1]], width: 90 },
          { of: 'D', title: 'Number', unit: 'none', width: 100 },
          { of: 'E', title: 'Entries', unit: 'short', width: 90 },
          { of: 'F', title: 'Findings', unit: 'none', steps: BAD_ABOVE_0, width: 90 },
        ],
        { by: 'Next update' },
      ),
    ],
  ),
  band(
    8,
    [12, lines({ title: 'Size of CRLs', description: 'Entries of each list, by issuer. A list that shrinks by more than what has expired is a finding.', unit: 'short' }, [{ expr: `max by (issuer_CN) (${lists('x509_crl_entries')})`, legend: '{{issuer_CN}}' }], { steps: true })],
    [
      12,
      table(
        { title: 'What is wrong with CRLs and responders', description: 'Findings about lists and responders now. docs/runbooks says what helps.', unit: 'none' },
        [withPlaceOrUrl(`${lists('x509_crl_finding')} or max by (url, finding) (${whole('x509_responder_finding')})`)],
        [
          { of: 'finding', title: 'Finding', width: 180 },
          { of: 'place', title: 'Place' },
          { of: 'issuer_CN', title: 'Issuer' },
        ],
        { by: 'Finding' },
      ),
    ],
  ),
);

const fetches = section(
  'Responders and fetches',
  band(
    8,
    [
      12,
      table(
        { title: 'OCSP responders', description: 'How old the oldest current answer of each responder is, and when the certificate that it signs with ends (empty: the issuer signs itself).', unit: 'none' },
        [`${responders('x509_ocsp_oldest_this_update')} * 1000`, `${responders('x509_responder_cert_not_after')} * 1000`, `count by (url) (max by (url, finding) (${whole('x509_responder_finding')}))`],
        [
          { of: 'url', title: 'Responder' },
          { of: 'A', title: 'Oldest answer', unit: 'dateTimeFromNow', width: 140 },
          { of: 'B', title: 'Its certificate ends', unit: 'dateTimeFromNow', width: 160 },
          { of: 'C', title: 'Findings', unit: 'none', steps: BAD_ABOVE_0, width: 100 },
        ],
        { by: 'Findings', descending: true },
      ),
    ],
    [
      12,
      lines(
        { title: 'Fetches', description: 'What was fetched for revocation, a second, by kind and outcome; errors with their reason.', unit: 'reqps' },
        [{ expr: `sum by (kind, outcome, reason) (rate(${whole('x509_revocation_fetches_total')}[$__rate_interval])) > 0`, legend: '{{kind}} {{outcome}} {{reason}}' }],
        { stacked: true },
      ),
    ],
  ),
  band(
    7,
    [12, bars({ title: 'Age of OCSP responses in files', description: 'How long ago the oldest response of each file was known to be right: staples that a server reads from a file.', unit: 's' }, { expr: `sort_desc(topk(10, time() - max by (filepath) (${places('x509_ocsp_this_update')})))`, legend: '{{filepath}}' })],
    [12, bars({ title: 'Left of OCSP responses in files', description: 'How long each file with an OCSP response still holds.', unit: 's' }, { expr: `sort(bottomk(10, max by (filepath) (${places('x509_ocsp_next_update')}) - time()))`, legend: '{{filepath}}' })],
  ),
);

export const revocation = dashboard({
  uid: 'notafter-revocation',
  title: 'Revocation',
  description: 'What is revoked, of what nobody can say, and how the CRLs and OCSP responders are that say so.',
  from: 'now-24h',
  refresh: '1m',
  variables: [JOB, SOURCE, OWNER],
  sections: [glance, certificates, crls, fetches],
});
