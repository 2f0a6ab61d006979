import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { HostKernel, KernelCves, TruthState } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Select } from '../shell/parts/controls.tsx';
import { EmptyState, Facts, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hostQueries } from './queries.ts';
import { words } from './words.ts';

const STATES: readonly TruthState[] = [
  'exposed',
  'unknown',
  'mitigated',
  'live-patched',
  'not-reachable',
  'not-affected',
];

const WORD: Readonly<Record<TruthState, keyof typeof words.en>> = {
  exposed: 'exposed',
  unknown: 'unknownState',
  mitigated: 'mitigated',
  'live-patched': 'livePatched',
  'not-reachable': 'notReachable',
  'not-affected': 'notAffected',
};

const TONE: Readonly<Record<TruthState, Tone>> = {
  exposed: 'bad',
  unknown: 'warn',
  mitigated: 'ok',
  'live-patched': 'ok',
  'not-reachable': 'absent',
  'not-affected': 'ok',
};

type Truth = KernelCves['cves'][number];

function TruthTable({ host, state }: { host: string; state: TruthState }) {
  const t = useWords(words);
  const text = useText();
  const answer = useQuery(hostQueries.hostKernelCves(host, state));
  const columns: readonly Column<Truth>[] = [
    { id: 'cve', label: 'CVE', cell: ({ cve }) => <span className="mono">{cve}</span> },
    { id: 'cvss', label: 'CVSS', cell: ({ cvss }) => cvss?.toFixed(1) ?? '—' },
    {
      id: 'kev',
      label: '',
      from: 'medium',
      cell: ({ kev }) => (kev ? <StateBadge tone="bad">{t('exploited')}</StateBadge> : null),
    },
    {
      id: 'evidence',
      label: t('evidence'),
      grow: true,
      cell: ({ title, evidence }) => (
        <span>
          {title}
          <br />
          <span className="quiet-text">{evidence.map((one) => text(one)).join('; ')}</span>
        </span>
      ),
    },
    { id: 'fixed', label: t('fixedIn'), from: 'medium', cell: ({ fixedIn }) => fixedIn ?? '—' },
  ];
  return (
    <Loaded query={answer}>
      {(found) =>
        found === null || found.cves.length === 0 ? (
          <EmptyState title={t('truthAll')} />
        ) : (
          <>
            <p className="quiet-text">{t('truthFirst', { count: found.cves.length })}</p>
            <Table label={t(WORD[state])} columns={columns} rows={found.cves} keyOf={({ cve }) => cve} />
          </>
        )
      }
    </Loaded>
  );
}

function Runtimes({ runtimes }: { runtimes: HostKernel['runtimes'] }) {
  const t = useWords(words);
  const text = useText();
  return (
    <ul className="conditions">
      {runtimes.map(({ program, version, package: own, issues }) => {
        const open = issues.filter(({ state }) => state !== 'not-affected');
        return (
          <li key={program}>
            <StateBadge tone={open.length === 0 ? 'ok' : 'bad'}>{own ?? `${program} ${version}`}</StateBadge>
            <span>
              {open.length === 0
                ? t('runtimeClean')
                : open.map(({ cve, title }) => `${cve}: ${text(title)}`).join('; ')}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** What a host's kernel has open, by state, with the evidence; and what else of it runs containers. */
export function KernelTruth({ host }: { host: string }) {
  const t = useWords(words);
  const formats = useFormats();
  const [state, setState] = useState<TruthState>('exposed');
  const kernel = useQuery(hostQueries.hostKernel(host));
  return (
    <Loaded query={kernel}>
      {(known) =>
        known === null ? null : (
          <>
            <Panel title={t('kernel')}>
              <Facts
                items={[
                  [t('inside'), known.facts.kernel.upstream ?? '—'],
                  [
                    t('buildId'),
                    <span key="b" className="mono clip">
                      {known.facts.kernel.buildId ?? '—'}
                    </span>,
                  ],
                  [
                    t('modules'),
                    t('modulesText', {
                      loaded: formats.number(known.facts.modules.loaded?.length ?? 0),
                      available: formats.number(known.facts.modules.available?.length ?? 0),
                    }),
                  ],
                  [t('livePatches'), known.facts.livePatches.map(({ name }) => name).join(', ') || t('none')],
                  [t('lockdown'), known.facts.lockdown ?? '—'],
                  [t('microcode'), known.facts.cpu.microcode ?? '—'],
                  [
                    t('restart'),
                    <StateBadge key="r" tone={known.facts.reboot.isRequired ? 'warn' : 'ok'}>
                      {known.facts.reboot.isRequired ? t('restartNeeded') : t('restartNot')}
                    </StateBadge>,
                  ],
                ]}
              />
            </Panel>
            <Panel title={t('runtimes')}>
              <Runtimes runtimes={known.runtimes} />
            </Panel>
            <Panel title={t('truth')}>
              {known.summary === null ? (
                <EmptyState title={t('truthNone')} command="darsena advisories import FOLDER" />
              ) : (
                <div className="stack">
                  <Select
                    label={t('truth')}
                    value={state}
                    options={STATES.map(
                      (one) => [one, `${t(WORD[one])} (${formats.number(known.summary?.[one] ?? 0)})`] as const,
                    )}
                    onPick={(picked) => setState(STATES.find((one) => one === picked) ?? 'exposed')}
                  />
                  <StateBadge tone={TONE[state]}>{t(WORD[state])}</StateBadge>
                  <TruthTable host={host} state={state} />
                </div>
              )}
            </Panel>
          </>
        )
      }
    </Loaded>
  );
}
