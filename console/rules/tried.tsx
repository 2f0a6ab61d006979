import type { Text } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { EmptyState, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link } from '../shell/router.tsx';
import { useRuleTitle } from './queries.ts';
import type { RuleFinding, TriedRules } from './types.ts';
import { words } from './words.ts';

/** What is wrong with a file, with its places. */
export function Findings({ findings }: { findings: readonly RuleFinding[] }) {
  const t = useWords(words);
  const text = useText();
  return (
    <ul className="rule-findings" aria-label={t('findings')}>
      {findings.map((one) => (
        <li key={`${one.line}:${one.column}:${one.code}:${one.message}`} className={one.severity}>
          <span className="mono">
            {one.line}:{one.column}
          </span>{' '}
          <strong>{t(one.severity)}</strong> {text({ en: one.message, es: one.spanish ?? one.message })}
          {one.hint === undefined ? null : (
            <span className="quiet-text"> {text({ en: one.hint, es: one.spanishHint ?? one.hint })}</span>
          )}{' '}
          <code>{one.code}</code>
        </li>
      ))}
    </ul>
  );
}

type HostAnswer = TriedRules['hosts'][number];

function HostLine({ answer }: { answer: HostAnswer }) {
  const t = useWords(words);
  const text = useText();
  const formats = useFormats();
  const { host, why, from, opensFrom, events, missing, lossy, damaged, completeFrom, stoppedAt, milliseconds } = answer;
  if (why !== null) return <HostWhy host={host} why={why} say={text} />;
  if (from == null) return <li>{t('nothingKept', { host })}</li>;
  return (
    <li>
      <strong>{host}</strong> {t('keptSince')} <When at={from} />
      {opensFrom == null || opensFrom === from ? null : (
        <>
          {' '}
          ({t('opensSince')} <When at={opensFrom} />)
        </>
      )}
      {'. '}
      {t('triedEvents', { count: events ?? 0, time: formats.duration(milliseconds ?? 0) })}
      {missing == null || missing === 0 ? null : <span className="tone-warn"> {t('notKept', { count: missing })}</span>}
      {missing == null && lossy === true ? <span className="tone-warn"> {t('notAllKept')}</span> : null}
      {damaged === undefined || damaged === 0 ? null : (
        <span className="tone-warn"> {t('damaged', { count: damaged })}</span>
      )}
      {completeFrom == null ? null : (
        <span className="tone-warn"> {t('completeFrom', { time: formats.instant(completeFrom) })}</span>
      )}
      {stoppedAt == null ? null : (
        <span className="tone-warn"> {t('stoppedAt', { time: formats.instant(stoppedAt) })}</span>
      )}
    </li>
  );
}

function HostWhy({ host, why, say }: { host: string; why: Text; say: (text: Text) => string }) {
  return (
    <li className="tone-warn">
      <strong>{host}</strong> {say(why)}
    </li>
  );
}

interface DayRow {
  readonly key: string;
  readonly rule: string;
  readonly where: string;
  readonly total: number;
  readonly days: readonly number[];
}

/** The last seven days, oldest first, as `2027-01-31`. */
function lastDays(nowMs: number): readonly string[] {
  return [6, 5, 4, 3, 2, 1, 0].map((back) => new Date(nowMs - back * 86_400_000).toISOString().slice(0, 10));
}

function rowsOf(counts: TriedRules['counts'], days: readonly string[]): DayRow[] {
  const rows = new Map<string, { rule: string; where: string; days: number[] }>();
  for (const { rule, project, environment, workload, day, matches } of counts) {
    const where = project === null ? '—' : [project, environment, workload].filter((part) => part !== null).join('/');
    const key = `${rule}\n${where}`;
    const row = rows.get(key) ?? { rule, where, days: days.map(() => 0) };
    // A week ends in the middle of its eighth day.
    const place = Math.max(0, days.indexOf(day));
    row.days[place] = (row.days[place] ?? 0) + matches;
    rows.set(key, row);
  }
  return [...rows]
    .map(([key, row]) => ({ key, ...row, total: row.days.reduce((sum, one) => sum + one, 0) }))
    .sort((one, other) => other.total - one.total);
}

/** What rules would have found: by place and day, with examples. */
export function Tried({ tried }: { tried: TriedRules }) {
  const t = useWords(words);
  const formats = useFormats();
  const titleOf = useRuleTitle();
  const days = lastDays(Date.now());
  const rows = rowsOf(tried.counts, days);
  const most = Math.max(1, ...rows.flatMap((row) => row.days));
  const columns: readonly Column<DayRow>[] = [
    { id: 'rule', label: t('rule'), grow: true, cell: ({ rule }) => titleOf(rule) },
    { id: 'where', label: t('where'), cell: ({ where }) => where },
    {
      id: 'days',
      label: t('byDay'),
      from: 'medium',
      cell: (row) => (
        <span className="day-bars" role="img" aria-label={row.days.map((n, i) => `${days[i]}: ${n}`).join(', ')}>
          {row.days.map((count, place) => (
            <svg key={days[place]} viewBox="0 0 8 20" aria-hidden="true">
              <title>{`${days[place]}: ${formats.number(count)}`}</title>
              <rect className="ground" x="0" y="19" width="8" height="1" />
              <rect x="1" y={20 - height(count, most)} width="6" height={height(count, most)} />
            </svg>
          ))}
        </span>
      ),
    },
    { id: 'matches', label: t('matches'), align: 'end', cell: ({ total }) => formats.number(total) },
  ];
  return (
    <div className="stack">
      <ul className="kept-hosts">
        {tried.hosts.map((answer) => (
          <HostLine key={answer.host} answer={answer} />
        ))}
      </ul>
      {rows.length === 0 ? (
        <EmptyState title={t('foundNothing')}>{t('foundNothingText')}</EmptyState>
      ) : (
        <>
          <Panel title={t('wouldHaveFound')} count={formats.number(tried.matches)} flush>
            <Table label={t('wouldHaveFound')} columns={columns} rows={rows} keyOf={({ key }) => key} />
          </Panel>
          <Panel title={t('examples')} count={tried.examples.length}>
            <ul className="rule-examples">
              {tried.examples.map((one) => (
                <li key={`${one.host} ${one.at} ${one.rule} ${one.output}`}>
                  <When at={one.at} />{' '}
                  {one.project === null ? (
                    one.host
                  ) : (
                    <Link
                      to={addresses.workload(one.project, one.environment ?? '', one.workload ?? '')}
                    >{`${one.project}/${one.workload ?? '—'}`}</Link>
                  )}{' '}
                  <span className="mono">{one.output}</span>
                </li>
              ))}
            </ul>
          </Panel>
        </>
      )}
      <p className="quiet-text">{t('triedNote')}</p>
    </div>
  );
}

function height(count: number, most: number): number {
  return count === 0 ? 0 : Math.max(2, Math.round((count / most) * 19));
}
