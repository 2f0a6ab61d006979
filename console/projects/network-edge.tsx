import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queries } from '../api/queries.ts';
import type { AccessEntry, Project, Route, ServedCertificate, ShownPolicy } from '../api/types.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Button, Select } from '../shell/parts/controls.tsx';
import { EmptyState, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { networkWords } from './network-words.ts';

const RULES = {
  h2c: 'ruleH2c',
  sticky: 'ruleSticky',
  rate: 'ruleRate',
  bodyBytesMax: 'ruleBody',
  answerSeconds: 'ruleTimeout',
  quietSeconds: 'ruleTimeout',
  denyPaths: 'ruleDeny',
  denyMethods: 'ruleDeny',
  allowMethods: 'ruleDeny',
  denyAgents: 'ruleDeny',
  denyNetworks: 'ruleDeny',
  allowNetworks: 'ruleDeny',
} as const;

const CERTIFICATE_TONES = { valid: 'ok', expiring: 'warn', expired: 'bad' } as const;

/** Whether a name of a certificate is for a host; a wildcard, for one label. */
function covers(name: string, host: string): boolean {
  return name === host || (name.startsWith('*.') && host.slice(host.indexOf('.') + 1) === name.slice(2));
}

function Certificate({
  host,
  certificates,
  domain,
}: {
  host: string;
  certificates: readonly ServedCertificate[];
  domain: string | undefined;
}) {
  const t = useWords(networkWords);
  const own = certificates.find(({ names }) => names.some((name) => covers(name, host)));
  // The platform's own is for names below its domain; under another one a browser refuses it.
  if (own === undefined && domain !== undefined && !covers(`*.${domain}`, host))
    return <StateBadge tone="warn">{t('noCertificate')}</StateBadge>;
  if (own === undefined) return <span>{t('platformCertificate')}</span>;
  return (
    <StateBadge tone={CERTIFICATE_TONES[own.state]}>
      {own.state === 'expired' ? t('certificateEnded') : t('certificateDays', { count: own.days })}
    </StateBadge>
  );
}

/** What is published of a project, with its rules and the certificate that its host is served with. */
export function PublishedPanel({ project }: { project: Project }) {
  const t = useWords(networkWords);
  const [environment] = useEnvironment();
  const routes = useQuery(queries.routes());
  const certificates = useQuery(queries.certificates()).data ?? [];
  const domain = useQuery(queries.status()).data?.domain;
  const columns: readonly Column<Route>[] = [
    { id: 'environment', label: t('environment'), from: 'medium', cell: (route) => <Chip>{route.environment}</Chip> },
    { id: 'service', label: t('service'), cell: (route) => route.service },
    {
      id: 'address',
      label: t('address'),
      grow: true,
      cell: (route) =>
        route.kind === 'http' ? (
          <a href={route.url} target="_blank" rel="noreferrer">
            {route.url}
          </a>
        ) : (
          <span className="mono">{route.url}</span>
        ),
    },
    {
      id: 'rules',
      label: t('rules'),
      from: 'medium',
      cell: (route) => {
        const names = Object.keys(route.options).filter((name): name is keyof typeof RULES => name in RULES);
        return [...new Set(names.map((name) => RULES[name]))].map((word) => <Chip key={word}>{t(word)}</Chip>);
      },
    },
    {
      id: 'certificate',
      label: t('certificate'),
      from: 'wide',
      cell: (route) =>
        route.url.startsWith('tcp:') ? (
          ''
        ) : (
          <Certificate host={route.host} certificates={certificates} domain={domain} />
        ),
    },
  ];
  return (
    <Panel title={t('published')} flush>
      <Loaded query={routes}>
        {(all) => (
          <Table
            label={t('published')}
            columns={columns}
            rows={all.filter(
              (route) => route.project === project.name && (environment === '' || route.environment === environment),
            )}
            keyOf={(route) => `${route.environment} ${route.url} ${route.service}`}
            empty={<EmptyState title={t('noRoutes')}>{t('noRoutesText')}</EmptyState>}
          />
        )}
      </Loaded>
    </Panel>
  );
}

/** A key for each request; equal ones, which a client can send within a millisecond, are counted. */
function keysOf(entries: readonly AccessEntry[]): ReadonlyMap<AccessEntry, string> {
  const seen = new Map<string, number>();
  return new Map(
    entries.map((entry) => {
      const { at, client, method, host, path, status } = entry;
      const what = [at, client, method, host, path, status].join(' ');
      const times = (seen.get(what) ?? 0) + 1;
      seen.set(what, times);
      return [entry, `${what} ${times}`];
    }),
  );
}

function toneOfStatus(status: number | null): 'ok' | 'warn' | 'bad' {
  if (status === null || status >= 500) return 'bad';
  return status >= 400 ? 'warn' : 'ok';
}

/** The newest ones say what happens now; whoever looks for one asks for the rest. */
const REQUESTS_SHOWN = 20;

/** The last requests to what the project publishes, newest first, read again every two seconds. */
export function RequestsPanel({ project }: { project: Project }) {
  const t = useWords(networkWords);
  const [environment] = useEnvironment();
  const [which, setWhich] = useSearchParam('requests');
  const [isWhole, showWhole] = useState(false);
  const entries = useQuery(queries.accessLog(project.name));
  const columns: readonly Column<AccessEntry>[] = [
    { id: 'at', label: t('at'), cell: (entry) => <When at={entry.at} /> },
    { id: 'client', label: t('client'), from: 'medium', cell: (entry) => <span className="mono">{entry.client}</span> },
    {
      id: 'asked',
      label: t('asked'),
      grow: true,
      cell: (entry) => (
        <span className="mono">
          {entry.kind === 'tcp' ? 'TCP' : `${entry.method ?? ''} ${entry.host ?? ''}${entry.path ?? ''}`}
        </span>
      ),
    },
    { id: 'service', label: t('service'), from: 'wide', cell: (entry) => entry.service?.split('/')[2] ?? '' },
    {
      id: 'time',
      label: t('time'),
      align: 'end',
      from: 'medium',
      cell: (entry) => (entry.durationMs === null ? '' : `${entry.durationMs} ms`),
    },
    {
      id: 'answer',
      label: t('answer'),
      cell: (entry) =>
        entry.refused !== null ? (
          <StateBadge tone="bad">
            {entry.status ?? ''} {t(`refused-${entry.refused}`)}
          </StateBadge>
        ) : entry.kind === 'tcp' ? (
          (entry.ended ?? '')
        ) : (
          <StateBadge tone={toneOfStatus(entry.status)}>{entry.status ?? t('cut')}</StateBadge>
        ),
    },
  ];
  return (
    <Panel
      title={t('requests')}
      flush
      actions={
        <Select
          bare
          label={t('show')}
          value={which}
          onPick={setWhich}
          options={[
            ['', t('allRequests')],
            ['refused', t('onlyRefusedRequests')],
          ]}
        />
      }
    >
      <Loaded query={entries}>
        {(all) => {
          const keys = keysOf(all);
          const wanted = all
            .filter(
              (entry) =>
                (environment === '' || entry.service?.split('/')[1] === environment) &&
                (which !== 'refused' || entry.refused !== null),
            )
            .toReversed();
          return (
            <>
              <Table
                label={t('requests')}
                columns={columns}
                rows={isWhole ? wanted : wanted.slice(0, REQUESTS_SHOWN)}
                keyOf={(entry) => keys.get(entry) ?? ''}
                empty={
                  <EmptyState title={t('noRequests')} command={`darsena route log ${project.name} --follow`}>
                    {t('noRequestsText')}
                  </EmptyState>
                }
              />
              {isWhole || wanted.length <= REQUESTS_SHOWN ? null : (
                <p className="in-panel">
                  <Button onClick={() => showWhole(true)}>{t('allOfThem', { count: wanted.length })}</Button>
                </p>
              )}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

/** The policies in force, and the names that may be reached outside. */
export function PoliciesPanel({ project }: { project: Project }) {
  const t = useWords(networkWords);
  const [environment] = useEnvironment();
  const policies = useQuery(queries.networkPolicies(project.name));
  const side = (rules: readonly string[] | null) => {
    if (rules === null) return t('open');
    return rules.length === 0 ? t('closed') : <span className="mono">{rules.join('; ')}</span>;
  };
  const columns: readonly Column<ShownPolicy>[] = [
    { id: 'environment', label: t('environment'), from: 'medium', cell: (policy) => <Chip>{policy.environment}</Chip> },
    { id: 'name', label: t('policy'), cell: (policy) => policy.name },
    {
      id: 'pods',
      label: t('pods'),
      from: 'medium',
      cell: (policy) => <span className="mono">{policy.selects.join(' ') || '*'}</span>,
    },
    { id: 'in', label: t('incoming'), from: 'medium', cell: (policy) => side(policy.ingress) },
    { id: 'out', label: t('outgoing'), from: 'wide', cell: (policy) => side(policy.egress) },
    {
      id: 'names',
      label: t('names'),
      grow: true,
      cell: (policy) => <span className="mono">{policy.egressNames.join(', ')}</span>,
    },
  ];
  return (
    <Panel title={t('policies')} flush>
      <Loaded query={policies}>
        {(all) => (
          <Table
            label={t('policies')}
            columns={columns}
            rows={all.filter((policy) => environment === '' || policy.environment === environment)}
            keyOf={(policy) => `${policy.environment}/${policy.name}`}
            empty={<EmptyState title={t('noPolicies')}>{t('noPoliciesText')}</EmptyState>}
          />
        )}
      </Loaded>
    </Panel>
  );
}
