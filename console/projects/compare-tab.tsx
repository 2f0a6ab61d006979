import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Comparison, Project, Release } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Select } from '../shell/parts/controls.tsx';
import { EmptyState, Facts, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { compareWords } from './compare-words.ts';
import './compare.css';
import { Documents } from './diff-view.tsx';
import { words } from './words.ts';

type Workload = Comparison['workloads'][number];
type Setting = Comparison['settings'][number];

const TONES: Readonly<Record<Workload['state'], Tone>> = {
  'only-from': 'warn',
  'only-to': 'warn',
  differs: 'pending',
  same: 'ok',
};

function Difference({ state }: { state: Workload['state'] }) {
  const t = useWords(compareWords);
  return <StateBadge tone={TONES[state]}>{t(state)}</StateBadge>;
}

/** `registry.darsena.internal/tienda/web@sha256:…` in the length that tells two apart. */
function shortImage(image: string): string {
  const [name = '', digest = ''] = image.split('@sha256:');
  return `${name.split('/').at(-1) ?? name} ${digest.slice(0, 12)}`.trim();
}

function Images({ workload }: { workload: Workload }) {
  const t = useWords(compareWords);
  const { from, to } = workload;
  const names = [...new Set([...(from?.images ?? []), ...(to?.images ?? [])].map(({ container }) => container))];
  const imageOf = (side: Workload['from'], name: string) =>
    side?.images.find(({ container }) => container === name)?.image;
  return (
    <span className="stack-tight">
      {names.map((name) => {
        const [a, b] = [imageOf(from, name), imageOf(to, name)];
        return (
          <span key={name}>
            {name}:{' '}
            {a === b ? (
              <span className="quiet-text">{t('sameImages')}</span>
            ) : (
              <span className="mono">
                {a === undefined ? '—' : shortImage(a)} → {b === undefined ? '—' : shortImage(b)}
              </span>
            )}
          </span>
        );
      })}
    </span>
  );
}

function Guards({ comparison }: { comparison: Comparison }) {
  const t = useWords(compareWords);
  const project = useWords(words);
  const policies = useQuery(queries.policies()).data ?? [];
  const { from, to } = comparison;
  const rulesOf = (name: string) => policies.find((policy) => policy.name === name)?.rules ?? [];
  const [before, after] = [rulesOf(from.policy), rulesOf(to.policy)];
  const effects = [...new Set([...before, ...after].map(({ id }) => id))].flatMap((id) => {
    const [a, b] = [before.find((rule) => rule.id === id)?.effect, after.find((rule) => rule.id === id)?.effect];
    return a === b ? [] : [{ id, from: a, to: b }];
  });
  const say = (effect: string | undefined) =>
    effect === 'refuse' ? t('refuse') : effect === 'warn' ? t('warn') : t('notThere');
  return (
    <Panel title={t('policies')}>
      <Facts
        items={[
          [t('policy'), `${from.policy} → ${to.policy}`],
          [t('class'), `${project(from.class)} → ${project(to.class)}`],
          [t('approvals'), `${from.approvals} → ${to.approvals}`],
        ]}
      />
      {effects.length === 0 ? (
        <p className="quiet-text">{t('rulesSame')}</p>
      ) : (
        <details>
          <summary>
            {t('rulesDiffer')} ({effects.length})
          </summary>
          <Table
            label={t('rulesDiffer')}
            rows={effects}
            keyOf={({ id }) => id}
            columns={[
              { id: 'rule', label: t('rule'), cell: ({ id }) => <span className="mono">{id}</span> },
              { id: 'from', label: from.name, cell: (row) => say(row.from) },
              { id: 'to', label: to.name, cell: (row) => say(row.to) },
            ]}
          />
        </details>
      )}
    </Panel>
  );
}

function Found({ comparison }: { comparison: Comparison }) {
  const t = useWords(compareWords);
  const workloads: readonly Column<Workload>[] = [
    { id: 'name', label: t('workload'), cell: ({ name }) => <strong>{name}</strong> },
    { id: 'state', label: t('state'), cell: ({ state }) => <Difference state={state} /> },
    {
      id: 'replicas',
      label: t('replicas'),
      align: 'end',
      cell: ({ from, to }) =>
        from?.replicas === to?.replicas ? (to?.replicas ?? '—') : `${from?.replicas ?? '—'} → ${to?.replicas ?? '—'}`,
    },
    { id: 'image', label: t('image'), from: 'medium', grow: true, cell: (workload) => <Images workload={workload} /> },
  ];
  const settings: readonly Column<Setting>[] = [
    { id: 'kind', label: 'ConfigMap / Secret', cell: ({ kind, name }) => `${kind} ${name}` },
    { id: 'key', label: t('key'), cell: ({ key }) => <span className="mono">{key}</span> },
    { id: 'state', label: t('state'), cell: ({ state }) => <Difference state={state} /> },
  ];
  return (
    <div className="stack">
      <Panel title={t('workloads')} flush>
        <Table label={t('workloads')} columns={workloads} rows={comparison.workloads} keyOf={({ name }) => name} />
      </Panel>
      <Panel title={t('settings')} count={comparison.settings.length} flush={comparison.settings.length > 0}>
        {comparison.settings.length === 0 ? (
          <p className="quiet-text">{t('settingsSame')}</p>
        ) : (
          <Table
            label={t('settings')}
            columns={settings}
            rows={comparison.settings}
            keyOf={({ kind, name, key }) => `${kind} ${name} ${key}`}
          />
        )}
      </Panel>
      <Guards comparison={comparison} />
      <Panel title={t('documents')} count={comparison.documents.length}>
        <Documents comparison={comparison} />
      </Panel>
    </div>
  );
}

/** Environments as they are, and every release of them, by the names that the API takes. */
function sidesOf(project: Project, releases: readonly Release[], say: (number: number) => string) {
  const now = project.environments.map(({ name }): readonly [string, string] => [name, name]);
  const then = releases.map(({ environment, number }): readonly [string, string] => [
    `${environment}@${number}`,
    `${environment}: ${say(number)}`,
  ]);
  return [...now, ...then];
}

/** What differs between two environments, or between two releases. */
export default function CompareTab({ project }: { project: Project }) {
  const t = useWords(compareWords);
  const w = useWords(words);
  const asked = useQuery(queries.releases(project.name));
  const releases = asked.data ?? [];
  const placed = project.environments.filter(({ release }) => release !== null).map(({ name }) => name);
  const [pickedFrom, setFrom] = useSearchParam('from');
  const [pickedTo, setTo] = useSearchParam('to');
  const from = pickedFrom === '' ? (placed[0] ?? '') : pickedFrom;
  // Where only one has a release, the last one is what people would compare it with: it says that nothing is there yet.
  const other = placed.length > 1 ? placed.at(-1) : project.environments.at(-1)?.name;
  const to = pickedTo === '' ? (other ?? '') : pickedTo;
  const isKnown = (side: string) =>
    placed.includes(side) || releases.some((one) => `${one.environment}@${one.number}` === side);
  const missing = [from, to].filter((side) => !isKnown(side));
  const comparison = useQuery({ ...queries.comparison(project.name, from, to), enabled: isKnown(from) && isKnown(to) });
  if (from === '') {
    return (
      <Panel>
        <EmptyState title={t('nothingYet')} command={`darsena release diff ${project.name} dev prod`}>
          {t('nothingYetText')}
        </EmptyState>
      </Panel>
    );
  }
  const sides = sidesOf(project, releases, (number) => w('release', { number: String(number) }));
  return (
    <div className="stack">
      <div className="compare-sides">
        <Select label={t('from')} options={sides} value={from} onPick={setFrom} />
        <span className="compare-arrow" aria-hidden="true">
          →
        </span>
        <Select label={t('to')} options={sides} value={to} onPick={setTo} />
      </div>
      {asked.isSuccess && missing.length > 0 ? (
        <Panel>
          <EmptyState
            title={t('nothingIn', { side: missing.join(', ') })}
            command={
              project.environments.some(({ name }) => name === missing[0])
                ? `darsena promote ${project.name} --to ${missing[0]}`
                : undefined
            }
          >
            {t('nothingYetText')}
          </EmptyState>
        </Panel>
      ) : (
        <Loaded query={comparison}>{(data) => <Found comparison={data} />}</Loaded>
      )}
    </div>
  );
}
