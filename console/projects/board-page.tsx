import { useQueries, useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Promotion } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Failure, Loaded, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { VerdictCard } from '../shell/parts/verdict.tsx';
import { Link } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { compareWords } from './compare-words.ts';
import './compare.css';
import './projects.css';
import { Decision } from './promotion-list.tsx';
import { words } from './words.ts';

/** What was decided, newest first. */
const DECIDED_SHOWN = 20;

function Waiting({ promotion }: { promotion: Promotion }) {
  const t = useWords(compareWords);
  const { project, from, to } = promotion;
  return (
    <Panel>
      <div className="board-card">
        <h2>
          <Link to={`${addresses.project(project, 'promotions')}?sel=${encodeURIComponent(promotion.id)}`}>
            {project}: {from} → {to}
          </Link>
        </h2>
        <p className="chips">
          <State state={promotion.state} />
          <span className="quiet-text">
            <Actor actor={promotion.requestedBy} />, <When at={promotion.requestedAt} />
          </span>
        </p>
        <VerdictCard verdict={promotion.verdict} />
        <p>
          <Link to={`${addresses.project(project, 'compare')}?${new URLSearchParams({ from, to })}`}>{t('show')}</Link>
        </p>
        <Decision promotion={promotion} onDecide={() => undefined} />
      </div>
    </Panel>
  );
}

/** Promotions of all projects: what waits, who asked, what policy says, with the decision in place. */
export default function BoardPage() {
  const t = useWords(compareWords);
  const w = useWords(words);
  const shell = useWords(shellWords);
  const projects = useQuery(queries.projects());
  const names = (projects.data ?? []).map(({ name }) => name);
  const asked = useQueries({ queries: names.map((name) => queries.promotions(name)) });
  const failure = asked.find(({ error }) => error !== null)?.error ?? null;
  const all = asked.flatMap(({ data }) => data ?? []);
  const waiting = all.filter(({ state }) => state === 'awaiting-approval');
  const decided = all
    .filter(({ state }) => state !== 'awaiting-approval')
    .sort((a, b) => (a.requestedAt < b.requestedAt ? 1 : -1))
    .slice(0, DECIDED_SHOWN);
  const columns: readonly Column<Promotion>[] = [
    {
      id: 'what',
      label: w('promotionOne'),
      cell: (promotion) => (
        <Link to={`${addresses.project(promotion.project, 'promotions')}?sel=${encodeURIComponent(promotion.id)}`}>
          {promotion.project}: {promotion.from} → {promotion.to}
        </Link>
      ),
    },
    { id: 'state', label: w('state'), cell: (promotion) => <State state={promotion.state} /> },
    { id: 'by', label: w('requestedBy'), from: 'medium', cell: (promotion) => <Actor actor={promotion.requestedBy} /> },
    { id: 'when', label: w('when'), align: 'end', cell: (promotion) => <When at={promotion.requestedAt} /> },
  ];
  return (
    <div className="page">
      <PageHead title={t('promotions')} path={[[shell('projects'), addresses.projects()]]} />
      <Loaded query={projects}>
        {() => (
          <div className="stack">
            <section className="stack" aria-label={t('board')}>
              {failure === null ? null : <Failure error={failure} />}
              {waiting.length === 0 && asked.every(({ isSuccess }) => isSuccess) ? (
                <Panel>
                  <EmptyState title={t('boardNone')} command="darsena promote PROJECT --to prod">
                    {t('boardNoneText')}
                  </EmptyState>
                </Panel>
              ) : (
                <div className="board">
                  {waiting.map((promotion) => (
                    <Waiting key={promotion.id} promotion={promotion} />
                  ))}
                </div>
              )}
            </section>
            {decided.length === 0 ? null : (
              <Panel title={t('decided')} flush>
                <Table label={t('decided')} columns={columns} rows={decided} keyOf={({ id }) => id} />
              </Panel>
            )}
          </div>
        )}
      </Loaded>
    </div>
  );
}
