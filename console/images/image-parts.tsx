import type { Image, ScanReport } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { RiskCounts, StateBadge } from '../shell/parts/badge.tsx';
import { State } from '../shell/parts/states.tsx';
import { DoorName } from '../shell/parts/verdict.tsx';
import { words } from './words.ts';

/** What the scan says in one glance; no data is never shown as clean. */
export function ScanSummary({ scan }: { scan: Image['scan'] | ScanReport['summary'] }) {
  const t = useWords(words);
  if (scan === null) return <span className="quiet-text">{t('notScanned')}</span>;
  const secrets = 'secrets' in scan ? (scan.secrets ?? 0) : 0;
  const hasMalware = 'malware' in scan && scan.malware === 'found';
  if (secrets === 0 && !hasMalware) return <PackageSummary scan={scan} />;
  return (
    <span className="chips">
      {hasMalware ? <StateBadge tone="bad">{t('malware')}</StateBadge> : null}
      {secrets > 0 ? <StateBadge tone="bad">{t('secretCount', { count: secrets })}</StateBadge> : null}
      <PackageSummary scan={scan} />
    </span>
  );
}

function PackageSummary({ scan }: { scan: NonNullable<Image['scan']> | ScanReport['summary'] }) {
  const t = useWords(words);
  const counted = Object.values(scan.byRisk).some((count) => count !== undefined && count > 0);
  const { answered = 0 } = scan;
  if (answered > 0) {
    return (
      <span className="chips">
        {counted ? <RiskCounts byRisk={scan.byRisk} /> : null}
        <span className="quiet-text" title={t('answeredLong')}>
          {t('answered', { count: answered })}
        </span>
      </span>
    );
  }
  if (counted) return <RiskCounts byRisk={scan.byRisk} />;
  if (scan.state === 'clean') return <StateBadge tone="ok">{t('clean')}</StateBadge>;
  if (scan.state === 'unknown')
    return (
      <span title={t('noDataLong')}>
        <StateBadge tone="absent">{t('noData')}</StateBadge>
      </span>
    );
  return <StateBadge tone="pending">{t('scanning')}</StateBadge>;
}

export function VerdictChips({ verdicts }: { verdicts: Image['verdicts'] }) {
  return (
    <span className="chips">
      {verdicts.map((verdict) => (
        <span key={`${verdict.environment}-${verdict.door}`} className="verdict-chip">
          {verdict.environment ?? <DoorName door={verdict.door} />}
          <State state={verdict.decision} />
        </span>
      ))}
    </span>
  );
}
