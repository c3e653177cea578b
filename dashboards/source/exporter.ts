//! The exporter itself: sources, scans, what cannot be read, memory.

import { JOB, SOURCE, band, dashboard, section } from './dashboard';
import { BAD_ABOVE_0, ODD_ABOVE_0, PLAIN, lines, stat, table } from './panel';
import { count, each, places, whole, withPlace } from './series';
import { age, blind } from './shared';

const source = (metric: string, only = '') => `max by (instance, source_kind, source_name) (${each(metric, only)})`;

const glance = section(
  'At a glance',
  band(
    4,
    [4, age()],
    [4, blind()],
    [4, stat({ title: 'Places in error', description: 'Places that exist or are configured and give no certificate.', unit: 'none' }, count(`${places('x509_cert_error')} > 0`), BAD_ABOVE_0)],
    [4, stat({ title: 'Configuration', description: 'Whether the configuration, and the web configuration where there is one, were loaded when they were last tried. Refused: the one before it stays.', unit: 'none' }, `min(${whole('notafter_config_last_reload_successful')} or ${whole('notafter_web_config_last_reload_successful')})`, [['red', null], ['green', 1]], { mappings: [{ type: 'value', options: { '0': { text: 'refused', index: 0 }, '1': { text: 'loaded', index: 1 } } } as never] })],
    [4, stat({ title: 'Loaded since', description: 'Time since the configuration was last loaded.', unit: 's' }, `time() - max(${whole('notafter_config_last_reload_success_timestamp_seconds')})`, PLAIN, { decimals: 0 })],
    [4, stat({ title: 'Exporters by version', description: 'How many exporters run which version.', unit: 'none' }, `count by (version) (${whole('notafter_build_info')})`, PLAIN, { legend: '{{version}}' })],
  ),
);

const sources = section(
  'Sources',
  band(
    10,
    [
      24,
      table(
        { title: 'Sources', description: 'Each source of each exporter: whether it could be listed, when it was last scanned and last well, when the next scan is due, how long scans take, how much it holds, what of that is in error.', unit: 'none' },
        [
          source('x509_source_up'),
          `${source('x509_source_last_scan_timestamp_seconds')} * 1000`,
          `${source('x509_source_last_success_timestamp_seconds')} * 1000`,
          `${source('x509_source_next_scan_timestamp_seconds')} * 1000`,
          `sum by (instance, source_kind, source_name) (rate(${each('x509_source_scan_duration_seconds_sum')}[$__range])) / sum by (instance, source_kind, source_name) (rate(${each('x509_source_scan_duration_seconds_count')}[$__range]))`,
          source('x509_source_bundles'),
          `count by (instance, source_kind, source_name) (${each('x509_cert_error')} > 0)`,
        ],
        [
          { of: 'source_name', title: 'Source' },
          { of: 'source_kind', title: 'Kind', width: 130 },
          { of: 'instance', title: 'Exporter' },
          { of: 'A', title: 'State', words: { '0': ['down', 'red'], '1': ['up', 'green'] }, width: 80 },
          { of: 'B', title: 'Last scan', unit: 'dateTimeFromNow', width: 130 },
          { of: 'C', title: 'Last well', unit: 'dateTimeFromNow', width: 130 },
          { of: 'D', title: 'Next scan', unit: 'dateTimeFromNow', width: 130 },
          { of: 'E', title: 'Scan takes', unit: 's', decimals: 2, width: 110 },
          { of: 'F', title: 'Places', unit: 'none', width: 80 },
          { of: 'G', title: 'In error', unit: 'none', steps: BAD_ABOVE_0, width: 80 },
        ],
        { by: 'State' },
      ),
    ],
  ),
  band(
    8,
    [
      12,
      table(
        { title: 'Places in error', description: 'Which places exist or are configured and give no certificate. The log and the page say why.', unit: 'none' },
        [withPlace(`${places('x509_cert_error')} > 0`)],
        [
          { of: 'place', title: 'Place' },
          { of: 'source_name', title: 'Source', width: 150 },
          { of: 'instance', title: 'Machine', width: 150 },
        ],
        { by: 'Place' },
      ),
    ],
    [
      12,
      lines(
        { title: 'What cannot be read', description: 'Things that could not be read, a second, by reason. Each scan counts again what still cannot be read.', unit: 'cps' },
        [{ expr: `sum by (source_name, reason) (rate(${each('x509_source_errors_total')}[$__rate_interval])) > 0`, legend: '{{source_name}}: {{reason}}' }],
      ),
    ],
  ),
  band(
    8,
    [
      8,
      lines(
        { title: 'How long scans take', description: 'The mean of the scans of each source.', unit: 's' },
        [{ expr: `sum by (source_name) (rate(${each('x509_source_scan_duration_seconds_sum')}[$__rate_interval])) / sum by (source_name) (rate(${each('x509_source_scan_duration_seconds_count')}[$__rate_interval]))`, legend: '{{source_name}}' }],
      ),
    ],
    [8, lines({ title: 'Places', description: 'Places of each source that give at least one certificate, CRL or OCSP response. A sudden fall is a source that lost its way.', unit: 'none' }, [{ expr: `max by (source_name) (${each('x509_source_bundles')})`, legend: '{{source_name}}' }], { steps: true })],
    [
      8,
      lines(
        { title: 'Scans skipped, series left out', description: 'In the last hour: scans that were due while another of the same source still ran, and series left out because a source reached its max_series. Both should be 0.', unit: 'none' },
        [
          { expr: `sum(increase(${each('notafter_scans_skipped_total')}[1h]))`, legend: 'scans skipped' },
          { expr: `sum(increase(${each('notafter_series_dropped_total')}[1h]))`, legend: 'series left out' },
        ],
      ),
    ],
  ),
);

const process = section(
  'Process',
  band(
    8,
    [8, lines({ title: 'Memory', description: 'Resident memory of each exporter: about 2 KB for each certificate, and 30 MB besides.', unit: 'bytes' }, [{ expr: 'process_resident_memory_bytes{job=~"$job"} and on (job, instance) notafter_build_info', legend: '{{instance}}' }])],
    [8, lines({ title: 'CPU', description: 'Cores that each exporter uses.', unit: 'none' }, [{ expr: 'rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval]) and on (job, instance) notafter_build_info', legend: '{{instance}}' }])],
    [
      8,
      lines(
        { title: 'Descriptors and threads', description: 'Open file descriptors of each exporter against its limit, and threads.', unit: 'none' },
        [
          { expr: '(process_open_fds{job=~"$job"} / process_max_fds * 100) and on (job, instance) notafter_build_info', legend: '{{instance}}: descriptors, % of the limit' },
          { expr: 'process_threads{job=~"$job"} and on (job, instance) notafter_build_info', legend: '{{instance}}: threads' },
        ],
      ),
    ],
  ),
  band(
    8,
    [4, lines({ title: 'Scrapes', description: 'How long Prometheus takes for a scrape of each exporter.', unit: 's' }, [{ expr: 'scrape_duration_seconds{job=~"$job"} and on (job, instance) notafter_build_info', legend: '{{instance}}' }])],
    [4, lines({ title: 'Turned away', description: 'Connections and requests that the server of the exporter turned away, a second, by reason: no certificate, a wrong password, too many at once.', unit: 'reqps' }, [{ expr: `sum by (reason) (rate(${whole('notafter_http_refused_total')}[$__rate_interval]))`, legend: '{{reason}}' }])],
    [
      8,
      lines(
        { title: 'Kubernetes', description: 'Requests to the API server that failed and watches that broke off, and lists that began anew, a second. Only with a source of type kubernetes.', unit: 'cps' },
        [
          { expr: 'sum by (source_name, reason) (rate(x509_kube_transport_errors_total{job=~"$job", source_name=~"$source_name"}[$__rate_interval]))', legend: '{{source_name}}: {{reason}}' },
          { expr: 'sum by (source_name) (rate(x509_kube_watch_resyncs_total{job=~"$job", source_name=~"$source_name"}[$__rate_interval]))', legend: '{{source_name}}: lists anew' },
        ],
      ),
    ],
    [
      8,
      table(
        { title: 'Small things', description: 'Counted since the start of each exporter: certificates that only a discriminator tells apart, keystores that no passphrase opens.', unit: 'none' },
        [
          `sum by (source_name) (${each('x509_cert_collision_total')})`,
          `sum by (source_name) (${each('x509_pkcs12_passphrase_failures_total')})`,
          `sum by (source_name) (${each('x509_jks_passphrase_failures_total')})`,
        ],
        [
          { of: 'source_name', title: 'Source' },
          { of: 'A', title: 'Alike', unit: 'none', width: 90 },
          { of: 'B', title: 'PKCS#12 closed', unit: 'none', steps: ODD_ABOVE_0, width: 130 },
          { of: 'C', title: 'JKS closed', unit: 'none', steps: ODD_ABOVE_0, width: 110 },
        ],
        { by: 'Source' },
      ),
    ],
  ),
);

export const exporter = dashboard({
  uid: 'notafter-exporter',
  title: 'The exporter',
  description: 'Whether the monitor itself is well: sources, scans, what cannot be read, memory.',
  from: 'now-6h',
  refresh: '1m',
  variables: [JOB, SOURCE],
  sections: [glance, sources, process],
});
