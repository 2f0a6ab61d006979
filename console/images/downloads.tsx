import { useEffect, useRef } from 'react';
import { apiAddress, apiPath } from '../api/client.ts';
import { useWords } from '../shell/language.tsx';
import { Icon } from '../shell/parts/icon.tsx';
import { reportWords } from './report-words.ts';

const FORMATS = [
  ['report', 'html', 'reportHtml'],
  ['report', 'json', 'reportJson'],
  ['report', 'sarif', 'reportSarif'],
  ['report', 'openvex', 'vexOpen'],
  ['report', 'cyclonedx-vex', 'vexCycloneDx'],
  ['sbom', 'cyclonedx', 'billCycloneDx'],
  ['sbom', 'cyclonedx-1.7', 'billCycloneDx17'],
  ['sbom', 'spdx', 'billSpdx'],
  ['sbom', 'spdx-3', 'billSpdx3'],
] as const;

/** Every form in which the report and the components of an image can be kept. */
export function Downloads({ project, digest }: { project: string; digest: string }) {
  const t = useWords(reportWords);
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const away = (event: Event) => {
      if (event.target instanceof Node && menu.current?.contains(event.target) === false)
        menu.current.removeAttribute('open');
    };
    document.addEventListener('pointerdown', away);
    return () => document.removeEventListener('pointerdown', away);
  }, []);
  return (
    <details
      className="downloads"
      ref={menu}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || menu.current?.open !== true) return;
        event.preventDefault();
        menu.current.removeAttribute('open');
        menu.current.querySelector('summary')?.focus();
      }}
    >
      <summary className="button plain">
        <Icon name="download" />
        {t('download')}
      </summary>
      <div className="downloads-menu">
        {FORMATS.map(([kind, format, word]) => (
          <a
            key={format}
            href={apiAddress(apiPath(['projects', project, 'images', digest, kind], { format }))}
            download=""
            onClick={() => menu.current?.removeAttribute('open')}
          >
            {t(word)}
          </a>
        ))}
      </div>
    </details>
  );
}
