import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { When } from '../shell/parts/surface.tsx';
import { deadlineWords } from './deadline-words.ts';
import './deadlines.css';

/** How old the knowledge is that findings come from; an alarm when a source is old. Says nothing while it is not known. */
export function AdvisoryAge() {
  const t = useWords(deadlineWords);
  const sources = useQuery(queries.advisories()).data;
  if (sources === undefined) return null;
  const [newest] = [...sources].sort((a, b) => a.ageSeconds - b.ageSeconds);
  if (newest === undefined) return <StateBadge tone="bad">{t('advisoriesNone')}</StateBadge>;
  const old = sources.filter(({ isOld }) => isOld === true).map(({ name }) => name);
  return (
    <span className="advisory-age">
      <span className="quiet-text">
        {t('advisoriesAge')}: {sources.length} · <When at={newest.updatedAt} />
      </span>
      {old.length === 0 ? null : (
        <StateBadge tone="warn">{t('advisoriesOld', { names: old.slice(0, 4).join(', ') })}</StateBadge>
      )}
    </span>
  );
}
