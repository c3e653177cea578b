//! PromQL building blocks: what every dashboard asks for, written once.
//!
//! Two replicas that watch the same things export equal series but for `instance` and `pod`; sources of one machine (files and the like) keep
//! both. A renewal changes `subject`, `serial_number` and `not_after`. See the head of alerts/expiry.yml, which holds to the same.

/** Kinds of sources that belong to one machine. */
const LOCAL = 'file|kubeconfig|nginx|envoy-config';
/** The labels of the group V, which change with each renewal. */
const GENERATION = 'subject, serial_number, not_after';
/** The selection that the variables of each dashboard make. */
export const SELECTED = 'job=~"$job", source_name=~"$source_name"';
/** The same where the series of a URL, which belong to no source, count too. */
const SELECTED_OR_URL = 'job=~"$job", source_name=~"$source_name|"';

const DAY = 86400;

function matchers(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}

/** A family whose places may be of one machine or of all: replicas once, machines apart. */
export function places(metric: string, only = ''): string {
  return perPlace((kind) => `${metric}{${matchers(SELECTED, kind, only)}}`);
}

/** The same for anything that is computed for each place: `of` gets the matcher that chooses the kinds of sources. */
export function perPlace(of: (kind: string) => string): string {
  return `(max without (instance, pod) (${of(`source_kind!~"${LOCAL}"`)}) or ${of(`source_kind=~"${LOCAL}"`)})`;
}

/** A family of CRLs at a place or a URL: a URL is of no machine. */
export function lists(metric: string, only = ''): string {
  return perPlace((kind) => `${metric}{${matchers(SELECTED_OR_URL, kind, only)}}`);
}

/** A family without any source's label. */
export function whole(metric: string, only = ''): string {
  return `${metric}{${matchers('job=~"$job"', only)}}`;
}

/** A family of endpoints or sources, each replica's own series. */
export function each(metric: string, only = ''): string {
  return `${metric}{${matchers(SELECTED, only)}}`;
}

/** A family of endpoints: what the best of several replicas saw. */
export function endpoints(metric: string, only = ''): string {
  return `max without (instance, pod) (${each(metric, only)})`;
}

/** The end of each leaf certificate, in Unix seconds. */
export const leaves = (only = ''): string => places('x509_cert_not_after', matchers('cert_role="leaf"', only));

/** The end of the newest leaf certificate of each place: one series over all renewals. */
export const newestLeaves = (only = ''): string => newest('x509_cert_not_after', matchers('cert_role="leaf"', only));

/** Of a family of certificates the newest generation in each place. */
export function newest(metric: string, only = ''): string {
  const of = (kind: string) => `${metric}{${matchers(SELECTED, kind, only)}}`;
  return `(max without (instance, pod, ${GENERATION}) (${of(`source_kind!~"${LOCAL}"`)}) or max without (${GENERATION}) (${of(`source_kind=~"${LOCAL}"`)}))`;
}

/** For how long each leaf certificate is valid in all, in seconds. */
export const lifetimes = (): string =>
  perPlace((kind) => `(x509_cert_not_after{${matchers(SELECTED, kind, 'cert_role="leaf"')}} - x509_cert_not_before)`);

/** Of the time from the moment at which a leaf was due to its end, the part that has passed; negative before. Below 1: the end is still to come. */
export const overdue = (only = ''): string =>
  perPlace((kind) => {
    const due = `x509_cert_renewal_due_timestamp_seconds{${matchers(SELECTED, kind, only)}}`;
    return `((time() - ${due}) / clamp_min(x509_cert_not_after - ${due}, 1))`;
  });

/** Leaves that end within so many days and have not ended yet. */
export const endingWithin = (days: number): string => {
  const left = `(${leaves()} - time())`;
  return `${left} > 0 and ${left} < ${days * DAY}`;
};

/** Gives each series the label `place`: where it is, in words. */
export const withPlace = (expression: string): string => placed(expression, ['target', 'filepath']);

/** The same for CRLs and responders, which may be at a URL. */
export const withPlaceOrUrl = (expression: string): string => placed(expression, ['target', 'url', 'filepath']);

function placed(expression: string, simple: string[]): string {
  const joined = (of: string, label: string, ...from: string[]) => `label_join(${of}, "${label}", "", ${from.map((name) => `"${name}"`).join(', ')})`;
  let out = joined(expression, 'place', ...simple);
  out = joined(out, 'in_namespace', 'secret_namespace', 'configmap_namespace', 'certificate_namespace');
  out = joined(out, 'object', 'secret_name', 'configmap_name', 'certificate_name', 'cabundle_resource_name', 'csr_name');
  out = joined(out, 'entry', 'secret_key', 'configmap_key', 'cabundle_entry');
  out = `label_join(${out}, "object", "/", "in_namespace", "object", "entry")`;
  return `label_replace(${out}, "place", "$1", "object", "/*([^/].*?)/*")`;
}

/** Gives each series the label `owner`, of the label that the variable names. */
export const withOwner = (expression: string): string =>
  `label_replace(label_join(${expression}, "owner", "", "$owner"), "owner", "nobody", "owner", "")`;

/** Gives each series the label `in_namespace`. */
export const withNamespace = (expression: string): string =>
  `label_replace(label_join(${expression}, "in_namespace", "", "secret_namespace", "configmap_namespace", "certificate_namespace"), "in_namespace", "(none)", "in_namespace", "")`;

/** Gives each failure the label `side`: who has to look at it. */
export function withSide(expression: string): string {
  const sides: [string, string][] = [
    ['name or network', 'dns|connect'],
    ['proxy', 'proxy'],
    ['server, before TLS', 'starttls'],
    ['server', 'handshake|verify'],
    ['our client certificate', 'client_auth'],
    ['application', 'http'],
  ];
  return sides.reduce((out, [side, stages]) => `label_replace(${out}, "side", "${side}", "stage", "${stages}")`, expression);
}

/** The number of series, 0 where there is none. */
export const count = (expression: string): string => `count(${expression}) or vector(0)`;
