import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Deadline } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { EmptyState, Loaded, Until } from '../shell/parts/surface.tsx';
import { Link } from '../shell/router.tsx';
import { AdvisoryAge } from './advisory-age.tsx';
import { deadlineWords } from './deadline-words.ts';

const SHOWN_MAX = 8;

interface Group {
  readonly project: string;
  readonly environment: string;
  readonly digest: string;
  readonly due: string;
  readonly isOver: boolean;
  readonly all: readonly Deadline[];
}

/** One line for each image in an environment: what is due first says when. */
function groupOf(all: readonly Deadline[]): readonly Group[] {
  const groups = [...Map.groupBy(all, (one) => `${one.project} ${one.environment} ${one.digest}`).values()];
  return groups
    .flatMap((list): Group[] => {
      const [first] = [...list].sort((a, b) => a.due.localeCompare(b.due));
      if (first === undefined) return [];
      const { project, environment, digest, due } = first;
      return [{ project, environment, digest, due, isOver: Date.parse(due) <= Date.now(), all: list }];
    })
    .sort((a, b) => a.due.localeCompare(b.due));
}

function About({ all }: { all: readonly Deadline[] }) {
  const t = useWords(deadlineWords);
  const text = useText();
  const ids = [...new Set(all.flatMap(({ finding }) => (finding === null ? [] : [finding])))];
  const reasons = all.flatMap(({ reasons: list }) => list.map(text));
  return (
    <span className="deadline-about">
      {ids.slice(0, 3).map((id) => (
        <Link key={id} to={addresses.finding(id)} className="mono">
          {id}
        </Link>
      ))}
      {ids.length > 3 ? <span className="quiet-text">+{ids.length - 3}</span> : null}
      {reasons.length === 0 ? null : (
        <span className="clip quiet-text" title={reasons.join('; ')}>
          {t('wholeImage')}: {reasons.join('; ')}
        </span>
      )}
    </span>
  );
}

/** By when what runs has to be better; all that the reader may see, or of some images in one environment. */
export function Deadlines({
  of,
}: {
  readonly of?: { readonly project: string; readonly environment: string; readonly digests: readonly string[] };
}) {
  const t = useWords(deadlineWords);
  const formats = useFormats();
  const deadlines = useQuery(queries.deadlines(of?.project ?? ''));
  return (
    <Loaded query={deadlines} lines={2}>
      {(all) => {
        const groups = groupOf(
          of === undefined
            ? all
            : all.filter(({ environment, digest }) => environment === of.environment && of.digests.includes(digest)),
        );
        if (groups.length === 0) return <EmptyState title={t('deadlinesNone')}>{t('deadlinesNoneText')}</EmptyState>;
        return (
          <>
            <ul className="deadlines">
              {groups.slice(0, SHOWN_MAX).map((group) => (
                <li key={`${group.project} ${group.environment} ${group.digest}`}>
                  <span className="deadline-due">
                    {group.isOver ? <StateBadge tone="bad">{t('overdue')}</StateBadge> : null}
                    <Until at={group.due} />
                  </span>
                  {of === undefined ? (
                    <span className="deadline-place">
                      <Link to={addresses.image(group.project, group.digest)}>
                        {group.project}@{shortDigest(group.digest)}
                      </Link>
                      <Chip>{group.environment}</Chip>
                    </span>
                  ) : null}
                  <About all={group.all} />
                </li>
              ))}
            </ul>
            {groups.length > SHOWN_MAX ? (
              <p className="quiet-text deadlines-foot">
                {t('moreDeadlines', { count: formats.number(groups.length - SHOWN_MAX) })}
              </p>
            ) : null}
            <p className="deadlines-foot">
              <AdvisoryAge />
            </p>
          </>
        );
      }}
    </Loaded>
  );
}
