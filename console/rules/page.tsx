import { useQuery } from '@tanstack/react-query';
import { ActivityTabs } from '../operations/activity-tabs.tsx';
import { addresses } from '../shell/addresses.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Button, FilterBox, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { PriorityBadge } from '../shell/parts/states.tsx';
import { EmptyState, Loaded, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useNavigate, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { ruleQueries } from './queries.ts';
import './rules.css';
import type { OwnRuleFile, RuleBook, RuleInForce } from './types.ts';
import { words } from './words.ts';

/** Where rules and files count. */
export function ScopeText({ project, environment }: { project: string | null; environment: string | null }) {
  const t = useWords(words);
  if (project === null) return <span className="quiet-text">{t('everywhere')}</span>;
  return (
    <span className="chips">
      {project}
      {environment === null ? null : <Chip>{environment}</Chip>}
    </span>
  );
}

function Rules({ book }: { book: RuleBook }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const text = useText();
  const [filter, setFilter] = useSearchParam('q');
  const [which, setWhich] = useSearchParam('which');
  const rows = book.items.filter(
    (rule) =>
      (which === '' || (which === 'off' ? rule.off !== null : rule.origin === which)) &&
      matchesFilter(filter, [rule.name, text(rule.title), rule.file, rule.project, ...rule.tags]),
  );
  const columns: readonly Column<RuleInForce>[] = [
    { id: 'priority', label: t('priority'), cell: ({ priority }) => <PriorityBadge priority={priority} /> },
    {
      id: 'rule',
      label: t('rule'),
      grow: true,
      cell: ({ name, title }) => <Link to={addresses.rule(name)}>{text(title)}</Link>,
    },
    {
      id: 'state',
      label: t('state'),
      cell: ({ off }) => (
        <StateBadge tone={off === null ? 'ok' : 'absent'}>{t(off === null ? 'on' : 'off')}</StateBadge>
      ),
    },
    { id: 'where', label: t('where'), from: 'medium', cell: (rule) => <ScopeText {...rule} /> },
    { id: 'origin', label: t('origin'), from: 'wide', cell: ({ origin }) => t(origin) },
    {
      id: 'tags',
      label: t('technique'),
      from: 'wide',
      cell: ({ tags }) => <span className="mono">{tags.find((tag) => /^T\d{4}/.test(tag)) ?? '—'}</span>,
    },
  ];
  return (
    <>
      <div className="toolbar">
        <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
        <Select
          bare
          label={t('origin')}
          value={which}
          onPick={setWhich}
          options={[
            ['', t('all')],
            ['shipped', t('shipped')],
            ['own', t('own')],
            ['off', t('onlyOff')],
          ]}
        />
        <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
      </div>
      <Panel flush>
        <Table
          label={t('title')}
          columns={columns}
          rows={rows}
          keyOf={({ name }) => name}
          pageOf={({ name }) => addresses.rule(name)}
          empty={t('noneFits')}
        />
      </Panel>
    </>
  );
}

function Files({ files }: { files: readonly OwnRuleFile[] }) {
  const t = useWords(words);
  const navigate = useNavigate();
  const may = hasRole(useMe(), ['admin', 'analyst']);
  const columns: readonly Column<OwnRuleFile>[] = [
    { id: 'name', label: t('file'), grow: true, cell: ({ name }) => <Link to={addresses.ruleFile(name)}>{name}</Link> },
    { id: 'where', label: t('where'), cell: (file) => <ScopeText {...file} /> },
    { id: 'by', label: t('by'), from: 'medium', cell: ({ author }) => <Actor actor={author} /> },
    { id: 'at', label: t('appliedAt'), from: 'medium', align: 'end', cell: ({ appliedAt }) => <When at={appliedAt} /> },
  ];
  return (
    <Panel
      title={t('files')}
      count={files.length}
      flush
      actions={
        may ? (
          <Button look="primary" onClick={() => navigate(addresses.newRule())}>
            {t('newRule')}
          </Button>
        ) : undefined
      }
    >
      {files.length === 0 ? (
        <EmptyState title={t('noFiles')} command="darsena rules try FILE --since 7d">
          {t('noFilesText')}
        </EmptyState>
      ) : (
        <Table
          label={t('files')}
          columns={columns}
          rows={files}
          keyOf={({ name }) => name}
          pageOf={({ name }) => addresses.ruleFile(name)}
        />
      )}
    </Panel>
  );
}

/** What is looked for: the rules in force, and the files of one's own. */
export default function RulesPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const book = useQuery(ruleQueries.book());
  return (
    <div className="page">
      <PageHead title={shell('activity')} />
      <ActivityTabs current="rules" />
      <Loaded query={book}>
        {(data) => (
          <div className="stack">
            {data.hosts
              .filter(({ state }) => state !== 'in-force')
              .map(({ host, state }) => (
                <p key={host} className="note" role="status">
                  {t(state === 'refused' ? 'hostRefused' : 'hostBehind', { host })}
                </p>
              ))}
            <Files files={data.files} />
            <section className="stack" aria-label={t('title')}>
              <Rules book={data} />
            </section>
          </div>
        )}
      </Loaded>
    </div>
  );
}
