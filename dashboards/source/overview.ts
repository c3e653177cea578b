//! Certificates overview, for the weekly review: what ends when, whose it is, what of it is not automated.

import { OWNER, JOB, SOURCE, band, dashboard, section } from './dashboard';
import { BAD_ABOVE_0, ODD_ABOVE_0, PLAIN, bars, columns, lines, stat, table, type Column } from './panel';
import { count, each, endingWithin, leaves, lifetimes, lists, newestLeaves, overdue, places, whole, withNamespace, withOwner, withPlace, withPlaceOrUrl } from './series';
import { age, blind, toCertificate } from './shared';

const DAY = 86400;
/** 13 weeks with nothing in them. */
const WEEKS = Array.from({ length: 13 }, (_, week) => `label_replace(vector(0), "week", "${week}", "", "")`).join(' or ');

const ending = (days: number, color: string) =>
  stat(
    {
      title: `End in ${days} days`,
      description: `Leaf certificates, one for each place, that end within ${days} days and have not ended yet. Many short-lived ones that renew themselves are no worry: the tables say what is overdue.`,
      unit: 'none',
    },
    count(endingWithin(days)),
    [['text', null], [color, 1]],
  );

/** For each value of a label: how much is watched, ended, ends, is overdue. */
const summary = (title: string, description: string, label: string, heading: string, labelled: (of: string) => string) =>
  table(
    { title, description, unit: 'none' },
    [
      `count by (${label}) (${labelled(leaves())})`,
      `count by (${label}) (${labelled(`${leaves()} <= time()`)})`,
      `count by (${label}) (${labelled(endingWithin(7))})`,
      `count by (${label}) (${labelled(endingWithin(30))})`,
      `count by (${label}) (${labelled(endingWithin(90))})`,
      `count by (${label}) (${labelled(`${overdue()} > 0.25 < 1`)})`,
    ],
    [
      { of: label, title: heading },
      { of: 'A', title: 'Watched', unit: 'none', width: 78 },
      { of: 'B', title: 'Ended', unit: 'none', steps: BAD_ABOVE_0, width: 65 },
      { of: 'C', title: '7 d', unit: 'none', width: 55 },
      { of: 'D', title: '30 d', unit: 'none', width: 55 },
      { of: 'E', title: '90 d', unit: 'none', width: 55 },
      { of: 'F', title: 'Overdue', unit: 'none', steps: ODD_ABOVE_0, width: 78 },
    ],
    { by: '90 d', descending: true },
  );

const who: Column[] = [
  { of: 'subject_CN', title: 'Certificate', link: toCertificate },
  { of: 'place', title: 'Place' },
  { of: 'issuer_CN', title: 'Issuer' },
  { of: 'owner', title: 'Owner', width: 120 },
];

const glance = section(
  'At a glance',
  band(
    4,
    [3, age()],
    [3, blind()],
    [3, stat({ title: 'Leaf certificates', description: 'Leaf certificates, one for each place in which one is: a file, a Secret, an endpoint.', unit: 'none' }, count(leaves()), PLAIN)],
    [3, stat({ title: 'Ended', description: 'Leaf certificates that have ended and are still in their place.', unit: 'none' }, count(`${leaves()} <= time()`), BAD_ABOVE_0)],
    [3, stat({ title: 'Renewal overdue', description: 'Leaf certificates of which more than a quarter of the time between the due renewal and the end has passed.', unit: 'none' }, count(`${overdue()} > 0.25 < 1`), ODD_ABOVE_0)],
    [3, ending(7, 'orange')],
    [3, ending(30, 'yellow')],
    [3, ending(90, 'blue')],
  ),
);

const when = section(
  'What ends when',
  band(
    8,
    [
      24,
      columns(
        { title: 'Leaf certificates that end, week by week', description: 'How many leaf certificates end in each of the next 13 weeks; week 0 is the next seven days. Ended ones are left out.', unit: 'none' },
        `count_values("week", floor(((${leaves()} - time()) >= 0 < ${91 * DAY}) / ${7 * DAY})) or on (week) (${WEEKS})`,
        'week',
        'weeks from now',
      ),
    ],
  ),
  band(
    10,
    [
      24,
      table(
        { title: 'Next to end', description: 'The 50 leaf certificates that end first, ended ones with them. Overdue: of the time from the due renewal to the end, the part that has passed; above 25 % somebody should look. Lead: to every place of the certificate.', unit: 'none' },
        [
          withOwner(withPlace(`bottomk(50, ${newestLeaves()})`)) + ' * 1000',
          withOwner(withPlace(`max without (subject, serial_number, not_after) (${overdue()}) and bottomk(50, ${newestLeaves()})`)),
        ],
        [
          ...who,
          { of: 'instance', title: 'Machine', width: 140 },
          { of: 'A', title: 'Ends', unit: 'dateTimeFromNow', width: 130 },
          { of: 'B', title: 'Overdue', unit: 'percentunit', decimals: 0, steps: [['green', null], ['orange', 0.25], ['red', 0.6]], width: 100 },
        ],
        { by: 'Ends' },
      ),
    ],
  ),
);

const whose = section(
  'Whose',
  band(
    8,
    [8, summary('By owner', 'Leaf certificates by the label that the variable names. Nobody: no such label is on the series.', 'owner', 'Owner', withOwner)],
    [8, summary('By namespace', 'Leaf certificates by namespace of Kubernetes; (none) is everything outside.', 'in_namespace', 'Namespace', withNamespace)],
    [8, summary('By issuer', 'Leaf certificates by the common name of their issuer.', 'issuer_CN', 'Issuer', (of) => of)],
  ),
);

/** The leaves past their due moment, longest overdue first. */
const due = `topk(50, max without (subject, serial_number, not_after) (${overdue()} > 0 < 1))`;

const automation = section(
  'Renewal and automation',
  band(
    8,
    [
      14,
      table(
        { title: 'Due, and not renewed', description: 'Leaf certificates past the moment at which their owner should have renewed them: what of the above is not automated, or whose automation fails. Longest overdue first.', unit: 'none' },
        [
          withOwner(withPlace(due)),
          withOwner(withPlace(`${newestLeaves()} and ${due}`)) + ' * 1000',
        ],
        [
          ...who,
          { of: 'instance', title: 'Machine', width: 140 },
          { of: 'A', title: 'Overdue', unit: 'percentunit', decimals: 0, steps: [['green', null], ['orange', 0.25], ['red', 0.6]], width: 100 },
          { of: 'B', title: 'Ends', unit: 'dateTimeFromNow', width: 130 },
        ],
        { by: 'Overdue', descending: true },
      ),
    ],
    [
      5,
      bars(
        { title: 'Lowest part of life left', description: 'How low the leaf certificates of an issuer fell in the range before they were renewed, as a part of their lifetime: their renewal margin. Near 0 is near an outage; about 0.25 to 0.33 is usual.', unit: 'percentunit' },
        {
          expr: `sort(min by (issuer_CN) (min_over_time((min by (issuer_CN) ((${leaves()} - time()) / ${lifetimes()}))[$__range:$__interval])))`,
          legend: '{{issuer_CN}}',
        },
      ),
    ],
    [
      5,
      lines(
        { title: 'Margin at renewals', description: 'At the renewals seen in the range: the part of the lifetime that was left, in the middle and for the worst tenth.', unit: 'percentunit' },
        [
          { expr: `histogram_quantile(0.5, sum by (le) (increase(${each('x509_renewal_margin_ratio_bucket')}[$__range])))`, legend: 'middle' },
          { expr: `histogram_quantile(0.1, sum by (le) (increase(${each('x509_renewal_margin_ratio_bucket')}[$__range])))`, legend: 'worst tenth' },
        ],
        { soft: 1 },
      ),
    ],
  ),
  band(
    8,
    [
      4,
      stat(
        { title: 'Ready for 47 days', description: 'The part of the leaf certificates that is valid for 47 days at most already: what public CAs may issue from 15 March 2029 (CA/Browser Forum ballot SC-081; 200 days since March 2026, 100 from March 2027).', unit: 'percentunit' },
        `(count(${lifetimes()} <= ${47 * DAY}) or vector(0)) / count(${lifetimes()})`,
        PLAIN,
        { decimals: 0, noValue: 'no leaf' },
      ),
    ],
    [
      12,
      table(
        { title: 'Lifetimes by issuer', description: 'For how long the leaf certificates of each issuer are valid in all, against what public CAs may issue now and later. An internal CA is bound by none of it, and its renewals show the same habits.', unit: 'none' },
        [
          `count by (issuer_CN) (${lifetimes()})`,
          `max by (issuer_CN) (${lifetimes()})`,
          `count by (issuer_CN) (${lifetimes()} > ${47 * DAY})`,
          `count by (issuer_CN) (${lifetimes()} > ${100 * DAY})`,
          `count by (issuer_CN) (${lifetimes()} > ${200 * DAY})`,
        ],
        [
          { of: 'issuer_CN', title: 'Issuer' },
          { of: 'A', title: 'Leaves', unit: 'none', width: 80 },
          { of: 'B', title: 'Longest', unit: 'dtdurations', width: 150 },
          { of: 'C', title: 'over 47 d', unit: 'none', steps: ODD_ABOVE_0, width: 95 },
          { of: 'D', title: 'over 100 d', unit: 'none', steps: ODD_ABOVE_0, width: 100 },
          { of: 'E', title: 'over 200 d', unit: 'none', steps: BAD_ABOVE_0, width: 100 },
        ],
        { by: 'Longest', descending: true },
      ),
    ],
    [
      8,
      table(
        { title: 'Findings', description: 'How many certificates, CRLs and endpoints each finding is about now. docs/runbooks explains them; the dashboard On call names the places.', unit: 'none' },
        [
          `sort_desc(count by (finding) (${places('x509_cert_finding')} or ${lists('x509_crl_finding')} or ${places('tls_target_finding')} or max without (instance, pod) (${whole('x509_responder_finding')})))`,
        ],
        [
          { of: 'finding', title: 'Finding' },
          { of: 'A', title: 'How many', unit: 'none', width: 120 },
        ],
        { by: 'How many', descending: true },
      ),
    ],
  ),
);

const trust = section(
  'Trust, waivers, owners, cost',
  band(
    8,
    [
      12,
      table(
        { title: 'CAs and what hangs on them', description: 'Each CA certificate once, however many copies there are: when it ends, how many leaf certificates hang on it, how many of them have no other path, in how many places it is.', unit: 'none' },
        [
          `max by (subject, serial_number) (${whole('x509_cert_dependants')}) > 0`,
          `max by (subject, serial_number) (${whole('x509_cert_stranded_dependants')}) and on (subject, serial_number) x509_cert_dependants > 0`,
          `max by (subject, serial_number) (${whole('x509_cert_places')}) and on (subject, serial_number) x509_cert_dependants > 0`,
          `max by (subject, serial_number) (x509_cert_not_after{job=~"$job", source_name=~"$source_name", cert_role!="leaf"}) * 1000 and on (subject, serial_number) x509_cert_dependants > 0`,
        ],
        [
          { of: 'subject', title: 'CA' },
          { of: 'D', title: 'Ends', unit: 'dateTimeFromNow', width: 130 },
          { of: 'A', title: 'Leaves', unit: 'none', width: 80 },
          { of: 'B', title: 'No other path', unit: 'none', width: 120 },
          { of: 'C', title: 'Places', unit: 'none', width: 80 },
        ],
        { by: 'Ends' },
      ),
    ],
    [
      12,
      table(
        { title: 'Waivers that end first', description: 'What is wrong and waived in the configuration, and until when.', unit: 'none' },
        [withPlaceOrUrl(`bottomk(20, ${places('x509_cert_finding_waived')} or ${lists('x509_crl_finding_waived')} or ${places('tls_target_finding_waived')})`) + ' * 1000'],
        [
          { of: 'finding', title: 'Finding', width: 180 },
          { of: 'place', title: 'Place' },
          { of: 'subject_CN', title: 'Certificate', link: toCertificate },
          { of: 'A', title: 'Ends', unit: 'dateTimeFromNow', width: 130 },
        ],
        { by: 'Ends' },
      ),
    ],
  ),
  band(
    7,
    [8, bars({ title: 'Places that nobody owns', description: 'Places with a leaf certificate for which no label names an owner, by source.', unit: 'none' }, { expr: `sort_desc(max by (source_name) (${each('x509_source_unowned')}))`, legend: '{{source_name}}' }, 'orange')],
    [8, bars({ title: 'Cost in series, by source', description: 'Series that Prometheus holds of each source now, over all families and replicas.', unit: 'none' }, { expr: 'sort_desc(count by (source_name) ({__name__=~"x509_.+|tls_.+|notafter_.+", job=~"$job", source_name=~"$source_name"}))', legend: '{{source_name}}' })],
    [8, lines({ title: 'Cost in series', description: 'Samples of each scrape, and series that were left out because a source reached its max_series.', unit: 'none' }, [{ expr: 'sum by (job) (scrape_samples_scraped{job=~"$job"}) and on (job) notafter_build_info', legend: '{{job}}' }, { expr: `sum(${each('notafter_series_dropped_total')})`, legend: 'left out' }])],
  ),
);

export const overview = dashboard({
  uid: 'notafter-overview',
  title: 'Certificates overview',
  description: 'For the weekly review: what ends when, whose it is, what of it is not automated, and what hangs on which CA.',
  from: 'now-7d',
  refresh: '5m',
  variables: [JOB, SOURCE, OWNER],
  sections: [glance, when, whose, automation, trust],
});
