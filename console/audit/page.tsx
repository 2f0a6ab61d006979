import { useQuery } from '@tanstack/react-query';
import { memo, useDeferredValue, useMemo } from 'react';
import { FACTS_PER_PAGE, queries } from '../api/queries.ts';
import type { AuditVerification, Fact } from '../api/types.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useGathered } from '../shell/gather.ts';
import { useText, useWords } from '../shell/language.tsx';
import { useLiveFacts } from '../shell/live.ts';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Button, Copyable, FilterBox, Select } from '../shell/parts/controls.tsx';
import { Actor, FactLine, factAddress } from '../shell/parts/fact-line.tsx';
import { factWords } from '../shell/parts/fact-words.ts';
import { State } from '../shell/parts/states.tsx';
import {
  Drawer,
  EmptyState,
  Facts,
  Failure,
  Loaded,
  NewRows,
  PageHead,
  Panel,
  Split,
  When,
} from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import './audit.css';
import { words } from './words.ts';

const keyOf = (fact: Fact) => String(fact.seq);

const KINDS = Object.keys(factWords.en).sort();

function VerificationResult({ result }: { result: AuditVerification }) {
  const t = useWords(words);
  const text = useText();
  const formats = useFormats();
  const intact = result.state === 'intact';
  return (
    <div className={intact ? 'verification tone-ok' : 'verification tone-bad'} role="status">
      <State state={result.state} />
      <div>
        <p className="verification-title">
          {intact ? t('intactTitle') : t('brokenTitle', { seq: String(result.firstBad?.seq ?? 0) })}
        </p>
        {result.firstBad === null ? null : <p>{text(result.firstBad.why)}</p>}
        <p className="quiet-text">
          {t('intactText', {
            facts: result.facts,
            checkpoints: result.checkpoints,
            time: formats.duration(result.durationMs),
            seq: result.head?.seq ?? 0,
          })}
        </p>
        {result.head === null ? null : <Copyable value={result.head.hash} />}
      </div>
    </div>
  );
}

function FactDrawer({ fact, onClose }: { fact: Fact; onClose: () => void }) {
  const t = useWords(words);
  const formats = useFormats();
  return (
    <Drawer title={t('fact', { seq: String(fact.seq) })} to={factAddress(fact) ?? undefined} onClose={onClose}>
      <p>
        <FactLine fact={fact} />
      </p>
      <Facts
        items={[
          [
            t('kind'),
            <span key="k" className="mono">
              {fact.kind}
            </span>,
          ],
          [t('at'), formats.instant(fact.at)],
          [t('actor'), fact.actor],
          [t('project'), fact.project ?? '—'],
          [
            t('digest'),
            fact.digest === null ? (
              '—'
            ) : (
              <Copyable key="d" value={fact.digest}>
                {shortDigest(fact.digest)}
              </Copyable>
            ),
          ],
          [t('hash'), <Copyable key="h" value={fact.hash} />],
          [t('identifier'), <Copyable key="i" value={fact.id} />],
        ]}
      />
      <section>
        <h3>{t('body')}</h3>
        <pre className="fact-body">{JSON.stringify(fact.body, null, 2)}</pre>
      </section>
    </Drawer>
  );
}

const FactTable = memo(function FactTable({ facts, scope }: { facts: readonly Fact[]; scope: string }) {
  const t = useWords(words);
  const [selected, select] = useSearchParam('sel');
  const [before, setBefore] = useSearchParam('before');
  const { shown, waiting, reveal } = useGathered(facts, keyOf, scope);
  const chosen = shown.find((fact) => keyOf(fact) === selected);
  const last = shown.at(-1);
  const columns: readonly Column<Fact>[] = [
    { id: 'seq', label: t('number'), align: 'end', cell: (fact) => <span className="quiet-text">{fact.seq}</span> },
    { id: 'what', label: t('what'), cell: (fact) => <FactLine fact={fact} /> },
    {
      id: 'kind',
      label: t('kind'),
      from: 'medium',
      cell: (fact) => <span className="mono quiet-text">{fact.kind}</span>,
    },
    { id: 'project', label: t('project'), from: 'wide', cell: (fact) => fact.project ?? '' },
    { id: 'actor', label: t('actor'), from: 'wide', cell: (fact) => <Actor actor={fact.actor} /> },
    { id: 'at', label: t('at'), align: 'end', cell: (fact) => <When at={fact.at} /> },
  ];
  return (
    <Split
      list={
        <>
          <NewRows count={waiting} onShow={reveal} />
          <Panel flush>
            <Table
              label={t('facts')}
              columns={columns}
              rows={shown}
              keyOf={keyOf}
              selected={selected}
              onSelect={select}
              pageOf={factAddress}
              empty={<EmptyState title={t('emptyTitle')}>{t('emptyText')}</EmptyState>}
            />
          </Panel>
          <div className="toolbar">
            {before === '' ? null : <Button onClick={() => setBefore('')}>{t('newest')}</Button>}
            {last === undefined || facts.length < FACTS_PER_PAGE ? null : (
              <Button onClick={() => setBefore(String(last.seq))}>{t('older')}</Button>
            )}
          </div>
        </>
      }
      drawer={chosen === undefined ? null : <FactDrawer fact={chosen} onClose={() => select('')} />}
    />
  );
});

export default function AuditPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const [kind, setKind] = useSearchParam('kind');
  const [project, setProject] = useSearchParam('project');
  const [filter, setFilter] = useSearchParam('q');
  const [before] = useSearchParam('before');
  const projects = useQuery(queries.projects()).data ?? [];
  const facts = useQuery(queries.facts({ kind, project }, before === '' ? null : before));
  const verification = useQuery(queries.verification());
  const live = useDeferredValue(useLiveFacts());

  // Drawn with low priority: a flood of facts must not hold up typing.
  const read = facts.data;
  const shown = useMemo(() => {
    if (read === undefined) return read;
    const matches = (fact: Fact) =>
      matchesFilter(filter, [fact.subject, fact.actor, fact.kind, fact.project, fact.digest]);
    if (before !== '') return read.filter(matches);
    const known = new Set(read.map((fact) => fact.seq));
    const fresh = live.filter(
      (fact) =>
        !known.has(fact.seq) && (kind === '' || fact.kind === kind) && (project === '' || fact.project === project),
    );
    return [...fresh, ...read].filter(matches);
  }, [read, live, before, kind, project, filter]);

  return (
    <div className="page">
      <PageHead
        title={shell('audit')}
        badges={
          verification.data === undefined ? null : (
            <StateBadge tone={verification.data.state === 'intact' ? 'ok' : 'bad'}>
              {verification.data.facts}
            </StateBadge>
          )
        }
        actions={
          <Button
            look="primary"
            icon="audit"
            busy={verification.isFetching}
            title={t('verifyText')}
            onClick={() => void verification.refetch()}
          >
            {t('verify')}
          </Button>
        }
      />
      {verification.error === null ? null : <Failure error={verification.error} />}
      {verification.data === undefined ? null : <VerificationResult result={verification.data} />}
      <div className="toolbar">
        <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
        <Select
          bare
          label={t('kind')}
          value={kind}
          onPick={setKind}
          options={[['', t('allKinds')], ...KINDS.map((name) => [name, name] as const)]}
        />
        <Select
          bare
          label={t('project')}
          value={project}
          onPick={setProject}
          options={[['', t('allProjects')], ...projects.map((item) => [item.name, item.name] as const)]}
        />
      </div>
      <Loaded query={{ ...facts, data: shown }}>
        {(rows) => <FactTable facts={rows} scope={`${kind} ${project} ${filter} ${before}`} />}
      </Loaded>
    </div>
  );
}
