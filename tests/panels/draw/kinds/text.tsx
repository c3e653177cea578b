// Words: Markdown or HTML, cleaned as Grafana does it.

import { renderTextPanelMarkdown, textUtil } from '@grafana/data';
import type { Props } from './kind';

export function Words({ panel, replace }: Props) {
  const { mode = 'markdown', content = '' } = panel.options as { mode?: string; content?: string };
  const html = mode === 'markdown' ? renderTextPanelMarkdown(replace(content)) : mode === 'html' ? textUtil.sanitizeTextPanelContent(replace(content)) : undefined;
  return html === undefined ? (
    <pre>{replace(content)}</pre>
  ) : (
    <div className="markdown-html" style={{ height: '100%', overflow: 'auto' }} dangerouslySetInnerHTML={{ __html: html }} />
  );
}
