//! What several dashboards show: how old their data is, and where a cell leads.

import type { Panel } from '@grafana/schema';

import { BAD_ABOVE_0, PLAIN, stat, type Link } from './panel';
import { count, each, whole } from './series';

/** Every dashboard begins with these two: nothing below them is newer than this. */
export const age = (): Panel =>
  stat(
    {
      title: 'Age of the data',
      description: 'Time since the last successful scan of the source that has waited longest for one. Nothing here is newer; what a source has not seen since is what it last knew.',
      unit: 's',
    },
    `time() - min(${each('x509_source_last_success_timestamp_seconds')})`,
    PLAIN,
    { decimals: 0, noValue: 'no data' },
  );

/** Exporters that Prometheus knew within a week and cannot scrape now. */
const GONE = `up{job=~"$job"} == 0 and on (job, instance) max_over_time(${whole('notafter_build_info')}[7d])`;

/** Without its last line a Prometheus that has nothing at all would show a calm 0. */
export const blind = (): Panel =>
  stat(
    {
      title: 'Late or down',
      description: 'Sources that could not be listed at the last scan, have not been scanned yet, or whose next scan is five minutes overdue, and exporters that cannot be scraped: what is shown of them is old, or nothing. 1 as well where no exporter is there at all.',
      unit: 'none',
    },
    count(
      `max by (source_name) (${each('x509_source_up')} == 0) or max by (source_name) (time() - ${each('x509_source_next_scan_timestamp_seconds')} > 300) ` +
        `or max by (source_name) (${each('notafter_scans_skipped_total')} unless on (job, instance, source_kind, source_name) x509_source_up) ` +
        `or max by (job, instance) (${GONE}) or (absent(${whole('notafter_build_info')}) unless on () (${GONE}))`,
    ),
    BAD_ABOVE_0,
  );

const KEEP = '${datasource:queryparam}&${job:queryparam}&${__url_time_range}';

/** From a row with the label `subject_CN` to the page of that certificate. */
export const toCertificate: Link = {
  title: 'This certificate',
  url: `/d/notafter-certificate?${KEEP}&var-subject_CN=\${__data.fields.subject_CN:percentencode}`,
};

/** From a row with the label `target` to the page of that endpoint. */
export const toTarget: Link = {
  title: 'This target',
  url: `/d/notafter-target?${KEEP}&var-target=\${__data.fields.target:percentencode}`,
};
