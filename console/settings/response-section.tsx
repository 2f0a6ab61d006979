import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { listOf } from '../api/queries.ts';
import type { ResponsePolicy, StoredPlaybook, Text } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { PriorityBadge } from '../shell/parts/states.tsx';
import { EmptyState, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { responseQueries } from './response-queries.ts';
import { responseWords } from './response-words.ts';

/** Most come to read; what writes comes when somebody does. */
const ResponseEditor = lazy(async () => ({ default: (await import('./response-editor.tsx')).ResponseEditor }));

interface HeldImage {
  readonly project: string;
  readonly digest: string;
  readonly incident: number | null;
  readonly actor: string;
  readonly reason: string | null;
  readonly at: string;
}

interface Channel {
  readonly name: string;
  readonly kind: string;
  readonly host: string;
  readonly signed: boolean;
  readonly priority: string;
  readonly projects: readonly string[] | null;
  readonly recipients?: readonly string[];
}

interface Delivery {
  readonly id: string;
  readonly channel: string;
  readonly incident: number;
  readonly state: 'pending' | 'sent' | 'failed';
  readonly attempts: number;
  readonly at: string;
  readonly error: Text | null;
}

const asked = {
  held: queryOptions({ queryKey: ['response-quarantine'], queryFn: () => listOf<HeldImage>('/response/quarantine') }),
  channels: queryOptions({ queryKey: ['notice-channels'], queryFn: () => listOf<Channel>('/notices/channels') }),
  deliveries: queryOptions({
    queryKey: ['notice-deliveries'],
    queryFn: () => listOf<Delivery>('/notices/deliveries'),
    refetchInterval: 10_000,
  }),
};

function Chips({ of, none = '—' }: { of: readonly string[]; none?: string }) {
  if (of.length === 0) return none;
  return (
    <span className="chips">
      {of.map((one) => (
        <Chip key={one}>
          <span className="mono" lang="en">
            {one}
          </span>
        </Chip>
      ))}
    </span>
  );
}

/** What is chosen in the lists below stands in the address: `policy:NAME`, `playbook:NAME`, and `policy:` for a new one. */
interface Choice {
  readonly chosen: string;
  readonly choose: (key: string) => void;
  readonly isAdmin: boolean;
}

function PoliciesPanel({ chosen, choose, isAdmin }: Choice) {
  const t = useWords(responseWords);
  return (
    <Panel
      title={t('policies')}
      flush
      actions={isAdmin ? <Button onClick={() => choose('policy:')}>{t('writePolicy')}</Button> : undefined}
    >
      <Loaded query={useQuery(responseQueries.policies())}>
        {(all) => (
          <Table
            label={t('policies')}
            rows={all}
            keyOf={({ policy }) => `policy:${policy.name}`}
            selected={chosen}
            onSelect={choose}
            empty={
              <EmptyState title={t('noPolicies')} command="darsena response policy apply FILE">
                {t('noPoliciesText')}
              </EmptyState>
            }
            columns={[
              { id: 'name', label: t('name'), cell: ({ policy }) => <strong>{policy.name}</strong> },
              {
                id: 'mode',
                label: t('mode'),
                cell: ({ policy }) => t(policy.mode === 'enforce' ? 'enforce' : 'dryRun'),
              },
              { id: 'does', label: t('does'), cell: ({ policy }) => <Chips of={[...policy.do, ...policy.run]} /> },
              {
                id: 'asks',
                label: t('asksIn'),
                from: 'medium',
                cell: ({ policy }) => <Chips of={policy.approve} />,
              },
              {
                id: 'limit',
                label: t('limit'),
                from: 'wide',
                cell: ({ policy: { limit } }) =>
                  t('limitOf', { actions: String(limit.actions), minutes: String(limit.minutes) }),
              },
              { id: 'author', label: t('author'), from: 'wide', cell: ({ author }) => <Actor actor={author} /> },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function PlaybooksPanel({ chosen, choose, isAdmin }: Choice) {
  const t = useWords(responseWords);
  return (
    <Panel
      title={t('playbooks')}
      flush
      actions={isAdmin ? <Button onClick={() => choose('playbook:')}>{t('writePlaybook')}</Button> : undefined}
    >
      <Loaded query={useQuery(responseQueries.playbooks())}>
        {(all) => (
          <Table
            label={t('playbooks')}
            rows={all}
            keyOf={({ playbook }) => `playbook:${playbook.name}`}
            selected={chosen}
            onSelect={choose}
            empty={
              <EmptyState title={t('noPlaybooks')} command="darsena playbook apply FILE">
                {t('noPlaybooksText')}
              </EmptyState>
            }
            columns={[
              { id: 'name', label: t('name'), cell: ({ playbook }) => <strong>{playbook.name}</strong> },
              { id: 'what', label: t('what'), from: 'medium', cell: ({ playbook }) => playbook.description },
              {
                id: 'steps',
                label: t('steps'),
                cell: ({ playbook }) => (
                  <Chips
                    of={playbook.steps.map(
                      (step, place) => `${place + 1}. ${step.do}${step.approve ? ` (${t('asks')})` : ''}`,
                    )}
                  />
                ),
              },
              {
                id: 'author',
                label: t('author'),
                from: 'wide',
                cell: ({ author }) => <Actor actor={author} />,
              },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function HeldPanel() {
  const t = useWords(responseWords);
  return (
    <Panel title={t('held')} flush>
      <Loaded query={useQuery(asked.held)}>
        {(all) => (
          <Table
            label={t('held')}
            rows={all}
            keyOf={({ project, digest, incident }) => `${project} ${digest} ${incident}`}
            empty={<EmptyState title={t('noneHeld')} />}
            columns={[
              {
                id: 'image',
                label: t('image'),
                cell: ({ project, digest }) => (
                  <span className="mono">
                    {project} {shortDigest(digest)}
                  </span>
                ),
              },
              {
                id: 'incident',
                label: t('incident'),
                cell: ({ incident }) =>
                  incident === null ? '—' : <Link to={addresses.incident(incident)}>{incident}</Link>,
              },
              { id: 'reason', label: t('reason'), from: 'medium', cell: ({ reason }) => reason ?? '—' },
              { id: 'author', label: t('author'), from: 'wide', cell: ({ actor }) => <Actor actor={actor} /> },
              { id: 'since', label: t('since'), align: 'end', from: 'medium', cell: ({ at }) => <When at={at} /> },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function ChannelsPanel() {
  const t = useWords(responseWords);
  const client = useQueryClient();
  const test = useMutation({
    mutationFn: async (name: string) => {
      await api.post(apiPath(['notices', 'channels', name, 'test']), {});
      return name;
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['notice-deliveries'] }),
  });
  return (
    <Panel title={t('channels')} flush>
      {test.error === null ? null : <Failure error={test.error} />}
      <p role="status" className={test.isSuccess ? 'quiet-text' : 'hidden-text'}>
        {test.isSuccess ? t('tested', { name: test.data }) : ''}
      </p>
      <Loaded query={useQuery(asked.channels)}>
        {(all) => (
          <Table
            label={t('channels')}
            rows={all}
            keyOf={({ name }) => name}
            empty={
              <EmptyState title={t('noChannels')} command="darsena notice add NAME --kind webhook --to https://…">
                {t('noChannelsText')}
              </EmptyState>
            }
            columns={[
              { id: 'name', label: t('name'), cell: ({ name }) => <strong>{name}</strong> },
              { id: 'kind', label: t('kind'), cell: ({ kind }) => kind },
              {
                id: 'to',
                label: t('to'),
                from: 'medium',
                cell: ({ host, recipients = [] }) => <span className="mono">{[host, ...recipients].join(' · ')}</span>,
              },
              {
                id: 'from',
                label: t('from'),
                from: 'medium',
                cell: ({ priority }) => <PriorityBadge priority={priority} />,
              },
              {
                id: 'projects',
                label: t('projects'),
                from: 'wide',
                cell: ({ projects }) => <Chips of={projects ?? []} none={t('all')} />,
              },
              { id: 'signed', label: t('signed'), from: 'wide', cell: ({ signed }) => t(signed ? 'yes' : 'no') },
              {
                id: 'acts',
                label: '',
                align: 'end',
                cell: ({ name }) => (
                  <Button
                    aria-label={t('testOf', { name })}
                    busy={test.isPending && test.variables === name}
                    onClick={() => test.mutate(name)}
                  >
                    {t('test')}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function DeliveriesPanel() {
  const t = useWords(responseWords);
  const text = useText();
  return (
    <Panel title={t('deliveries')} flush>
      <Loaded query={useQuery(asked.deliveries)}>
        {(all) => (
          <Table
            label={t('deliveries')}
            rows={all}
            keyOf={({ id }) => id}
            empty={<EmptyState title={t('noDeliveries')} />}
            columns={[
              { id: 'at', label: t('at'), cell: ({ at }) => <When at={at} /> },
              { id: 'channel', label: t('to'), cell: ({ channel }) => channel },
              {
                id: 'incident',
                label: t('incident'),
                cell: ({ incident }) => <Link to={addresses.incident(incident)}>{incident}</Link>,
              },
              { id: 'state', label: t('state'), cell: ({ state }) => t(state) },
              { id: 'tries', label: t('tries'), align: 'end', from: 'medium', cell: ({ attempts }) => attempts },
              {
                id: 'error',
                label: t('error'),
                from: 'wide',
                cell: ({ error }) => (error === null ? '—' : text(error)),
              },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

/** The text of what is chosen: administrators change it, the others read it. */
function Chosen({ chosen, choose, isAdmin }: Choice) {
  const policies = useQuery(responseQueries.policies());
  const playbooks = useQuery(responseQueries.playbooks());
  // A new text has an editor of its own once it is in force: what was said stays said.
  const [applied, setApplied] = useState('');
  const [kind, name] = [chosen.startsWith('playbook:') ? 'playbook' : 'policy', chosen.slice(chosen.indexOf(':') + 1)];
  const all: readonly (ResponsePolicy | StoredPlaybook)[] = (kind === 'policy' ? policies.data : playbooks.data) ?? [];
  const stored = all.find((one) => ('policy' in one ? one.policy.name : one.playbook.name) === name) ?? null;
  // A name that is not there (any more) is no new text to write.
  if (stored === null && name !== '') return null;
  if (!isAdmin) {
    return stored === null ? null : (
      <Panel title={name}>
        <pre className="diff policy-text">{stored.source}</pre>
      </Panel>
    );
  }
  return (
    <Suspense fallback={null}>
      <ResponseEditor
        key={chosen}
        kind={kind === 'policy' ? 'policy' : 'playbook'}
        stored={stored}
        isApplied={applied === chosen}
        onApplied={(as) => {
          const key = as === null ? '' : `${kind}:${as}`;
          setApplied(key);
          choose(key);
        }}
      />
    </Suspense>
  );
}

/** What answers an incident, and who hears of it: policies, playbooks, held images, and for administrators the notices. */
export function ResponseSection() {
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const [chosen, choose] = useSearchParam('sel');
  const choice: Choice = { chosen, choose, isAdmin };
  return (
    <>
      <PoliciesPanel {...choice} />
      {chosen.startsWith('policy:') ? <Chosen {...choice} /> : null}
      <PlaybooksPanel {...choice} />
      {chosen.startsWith('playbook:') ? <Chosen {...choice} /> : null}
      <HeldPanel />
      {isAdmin ? (
        <>
          <ChannelsPanel />
          <DeliveriesPanel />
        </>
      ) : null}
    </>
  );
}
