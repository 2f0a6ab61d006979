import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { ForeignContainer, ForeignRules } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, Field, FilterBox, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState, Loaded, Panel, Until, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { foreignRules } from './foreign-queries.ts';
import { foreignWords } from './foreign-words.ts';
import { hostQueries } from './queries.ts';
import '../shell/parts/toolbar.css';

/** Those that are gone, latest first: where others work with containers too there are hundreds. */
const GONE_SHOWN = 50;
const DAY_MS = 86_400_000;

type Allowed = ForeignRules['allowed'][number];
type StopRule = ForeignRules['stops'][number];

/** What runs on a host beside the platform. */
export function Foreign({ host }: { host: string }) {
  const t = useWords(foreignWords);
  const client = useQueryClient();
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const [opened, open] = useState<{ kind: 'stop' | 'allow'; container: ForeignContainer } | null>(null);
  const [filter, setFilter] = useSearchParam('q');
  const [which, setWhich] = useSearchParam('which');
  const foreign = useQuery(hostQueries.foreign());
  const done = () => client.invalidateQueries({ queryKey: ['foreign'] });
  const close = () => open(null);
  const columns: readonly Column<ForeignContainer>[] = [
    { id: 'container', label: t('container'), cell: (one) => <span className="mono">{nameOf(one)}</span> },
    { id: 'image', label: t('image'), from: 'medium', grow: true, cell: ({ image, command }) => image ?? command },
    { id: 'by', label: t('by'), from: 'wide', cell: ({ engine }) => engine },
    {
      id: 'state',
      label: t('state'),
      cell: (one) => {
        const state = stateOf(one);
        return (
          <span title={one.allowedBy === null ? undefined : t('allowedBecause', { reason: one.allowedBy.reason })}>
            <StateBadge tone={state === 'runs' ? 'warn' : 'absent'}>{t(state)}</StateBadge>
          </span>
        );
      },
    },
    { id: 'found', label: t('found'), from: 'medium', cell: ({ foundAt }) => <When at={foundAt} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (one) =>
        isAdmin && stateOf(one) === 'runs' ? (
          <span className="row-acts">
            {one.image === null && one.name === null ? null : (
              <RowAct
                name={t('allowOf', { name: nameOf(one) })}
                onClick={() => open({ kind: 'allow', container: one })}
              >
                {t('allow')}
              </RowAct>
            )}
            {one.pid > 0 ? (
              <RowAct name={t('stopOf', { name: nameOf(one) })} onClick={() => open({ kind: 'stop', container: one })}>
                {t('stop')}
              </RowAct>
            ) : null}
          </span>
        ) : null,
    },
  ];
  const wanted = (one: ForeignContainer): boolean =>
    (which === '' || stateOf(one) === 'runs') &&
    matchesFilter(filter, [one.name ?? '', one.id, one.image ?? '', one.engine, one.command]);
  return (
    <>
      <Panel title={t('title')} flush>
        <Loaded query={foreign}>
          {(all) => {
            const own = all.filter((one) => one.host === host);
            const here = own.filter((one) => ['runs', 'allowed'].includes(stateOf(one)));
            const gone = own.filter((one) => !here.includes(one));
            const shown = here.filter(wanted);
            const shownGone = gone.filter(wanted);
            return (
              <>
                {own.length === 0 ? null : (
                  <div className="toolbar in-panel">
                    <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
                    <Select
                      bare
                      label={t('show')}
                      value={which}
                      onPick={setWhich}
                      options={[
                        ['', t('all')],
                        ['open', t('notAllowed')],
                      ]}
                    />
                  </div>
                )}
                <Table
                  label={t('title')}
                  columns={columns}
                  rows={shown}
                  keyOf={({ id }) => id}
                  empty={<EmptyState title={t(here.length === 0 ? 'none' : 'noMatch')} />}
                />
                {shownGone.length === 0 ? null : (
                  <details className="in-panel">
                    <summary>{t('gone', { count: shownGone.length })}</summary>
                    <Table
                      label={t('gone', { count: shownGone.length })}
                      columns={columns}
                      rows={shownGone.slice(0, GONE_SHOWN)}
                      keyOf={({ id }) => id}
                    />
                  </details>
                )}
              </>
            );
          }}
        </Loaded>
      </Panel>
      {opened?.kind === 'stop' ? (
        <ConfirmDialog
          title={t('stopAsk', { name: nameOf(opened.container) })}
          text={t('stopText')}
          action={t('stop')}
          run={async () => {
            await api.post(apiPath(['foreign', opened.container.id, 'stop']));
            await done();
          }}
          onClose={close}
        />
      ) : null}
      {opened?.kind === 'allow' ? <AllowDialog container={opened.container} onDone={done} onClose={close} /> : null}
    </>
  );
}

/** What may run beside the platform on any host, and what is stopped by itself. */
export function ForeignRulesPanels({ hosts }: { hosts: readonly string[] }) {
  const t = useWords(foreignWords);
  const client = useQueryClient();
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const [opened, onOpen] = useState<
    | { readonly kind: 'rule' }
    | { readonly kind: 'take-back'; readonly entry: Allowed }
    | { readonly kind: 'report'; readonly rule: StopRule }
    | null
  >(null);
  const done = () => client.invalidateQueries({ queryKey: ['foreign'] });
  const close = () => onOpen(null);
  const rules = useQuery(foreignRules());
  const allowed: readonly Column<Allowed>[] = [
    { id: 'fits', label: t('fits'), grow: true, cell: (one) => <span className="mono">{fitsOf(one)}</span> },
    { id: 'where', label: t('where'), from: 'wide', cell: ({ host }) => host ?? t('allHosts') },
    { id: 'why', label: t('reason'), from: 'medium', cell: ({ reason }) => reason },
    {
      id: 'until',
      label: t('until'),
      cell: ({ until }) =>
        until === null ? t('never') : Date.parse(until) <= Date.now() ? t('ended') : <Until at={until} />,
    },
    { id: 'author', label: t('author'), from: 'medium', cell: ({ author }) => <Actor actor={author} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (entry) =>
        isAdmin ? (
          <RowAct name={t('takeBackOf', { name: fitsOf(entry) })} onClick={() => onOpen({ kind: 'take-back', entry })}>
            {t('takeBack')}
          </RowAct>
        ) : null,
    },
  ];
  const stops: readonly Column<StopRule>[] = [
    {
      id: 'fits',
      label: t('fits'),
      grow: true,
      cell: (rule) => (fitsOf(rule) === '' ? t('everything') : <span className="mono">{fitsOf(rule)}</span>),
    },
    {
      id: 'where',
      label: t('where'),
      cell: ({ host, environment }) =>
        [host, environment === null ? null : `${t('environment')} ${environment}`].filter(Boolean).join(' · ') ||
        t('allHosts'),
    },
    { id: 'why', label: t('reason'), from: 'medium', cell: ({ reason }) => reason },
    { id: 'author', label: t('author'), from: 'wide', cell: ({ author }) => <Actor actor={author} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (rule) =>
        isAdmin ? (
          <RowAct
            name={t('onlyReportOf', { name: fitsOf(rule) || t('everything') })}
            onClick={() => onOpen({ kind: 'report', rule })}
          >
            {t('onlyReport')}
          </RowAct>
        ) : null,
    },
  ];
  return (
    <Loaded query={rules}>
      {(all) => (
        <>
          <Panel title={t('allowedTitle')} flush>
            <Table
              label={t('allowedTitle')}
              columns={allowed}
              rows={all.allowed}
              keyOf={({ id }) => id}
              empty={
                <EmptyState title={t('allowedNone')} command="darsena foreign allow --image IMAGE --reason …">
                  {t('allowedNoneText')}
                </EmptyState>
              }
            />
          </Panel>
          <Panel
            title={t('rules')}
            flush
            actions={isAdmin ? <Button onClick={() => onOpen({ kind: 'rule' })}>{t('addRule')}</Button> : undefined}
          >
            <Table
              label={t('rules')}
              columns={stops}
              rows={all.stops}
              keyOf={({ id }) => id}
              empty={<EmptyState title={t('rulesNone')}>{t('rulesNoneText')}</EmptyState>}
            />
          </Panel>
          {opened?.kind === 'rule' ? <RuleDialog hosts={hosts} onDone={done} onClose={close} /> : null}
          {opened?.kind === 'take-back' ? (
            <ConfirmDialog
              title={t('takeBackOf', { name: fitsOf(opened.entry) })}
              text={t('takeBackText')}
              action={t('takeBack')}
              run={async () => {
                await api.delete(apiPath(['foreign', 'allowed', opened.entry.id]));
                await done();
              }}
              onClose={close}
            />
          ) : null}
          {opened?.kind === 'report' ? (
            <ConfirmDialog
              title={t('onlyReportOf', { name: fitsOf(opened.rule) || t('everything') })}
              text={t('onlyReportText')}
              action={t('onlyReport')}
              run={async () => {
                await api.delete(apiPath(['foreign', 'stops', opened.rule.id]));
                await done();
              }}
              onClose={close}
            />
          ) : null}
        </>
      )}
    </Loaded>
  );
}

interface Asking {
  readonly onDone: () => Promise<unknown>;
  readonly onClose: () => void;
}

function AllowDialog({ container, onDone, onClose }: Asking & { container: ForeignContainer }) {
  const t = useWords(foreignWords);
  const [image, setImage] = useState(container.image ?? '');
  // A name alone is easily taken by others: it is asked for where there is no image.
  const [name, setName] = useState(container.image === null ? (container.name ?? '') : '');
  const [where, setWhere] = useState(container.host);
  const [days, setDays] = useState('90');
  const [reason, setReason] = useState('');
  const sending = useMutation<unknown, Error, void>({
    mutationFn: () =>
      api.post('/foreign/allowed', {
        ...{ image: orNull(image), name: orNull(name), host: orNull(where), reason: reason.trim() },
        until: days.trim() === '' ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString(),
      }),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  const isWhole =
    (orNull(image) ?? orNull(name)) !== null && reason.trim() !== '' && (days.trim() === '' || Number(days) > 0);
  return (
    <FormDialog
      title={t('allowOf', { name: nameOf(container) })}
      act={t('allow')}
      disabled={!isWhole}
      sending={sending}
      onClose={onClose}
    >
      <p>{t('allowText')}</p>
      <Typed label={t('allowImage')} value={image} set={setImage} />
      <Typed label={t('allowName')} value={name} set={setName} />
      <Where value={where} set={setWhere} hosts={[container.host]} />
      <Field
        label={t('days')}
        hint={t('daysHint')}
        type="number"
        min={1}
        max={3650}
        value={days}
        onChange={(event) => setDays(event.target.value)}
      />
      <Reason value={reason} set={setReason} />
    </FormDialog>
  );
}

function RuleDialog({ hosts, onDone, onClose }: Asking & { hosts: readonly string[] }) {
  const t = useWords(foreignWords);
  const running = useQuery(hostQueries.foreign()).data ?? [];
  const [where, setWhere] = useState(hosts[0] ?? '');
  const [environment, setEnvironment] = useState('');
  const [image, setImage] = useState('');
  const [name, setName] = useState('');
  const [reason, setReason] = useState('');
  const sending = useMutation<unknown, Error, void>({
    mutationFn: () =>
      api.post('/foreign/stops', {
        ...{ host: orNull(where), environment: orNull(environment), image: orNull(image), name: orNull(name) },
        reason: reason.trim(),
      }),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  const hit = running.filter(
    (one) =>
      stateOf(one) === 'runs' && one.pid > 0 && fits(where, one.host) && fits(image, one.image) && fits(name, one.name),
  );
  return (
    <FormDialog title={t('addRule')} look="danger" disabled={reason.trim() === ''} sending={sending} onClose={onClose}>
      <p>{t('ruleText')}</p>
      <Where value={where} set={setWhere} hosts={hosts} />
      <Typed label={t('environment')} value={environment} set={setEnvironment} />
      <Typed label={t('allowImage')} value={image} set={setImage} />
      <Typed label={t('allowName')} value={name} set={setName} />
      <Reason value={reason} set={setReason} />
      <p role="status">
        {hit.length === 0
          ? t('nowHitsNone')
          : t('nowHits', { count: hit.length, names: hit.slice(0, NAMED).map(nameOf).join(', ') })}
        {hit.length === 0 || orNull(environment) === null
          ? null
          : ` (${t('nowHitsWhere', { environment: environment.trim() })})`}
      </p>
    </FormDialog>
  );
}

/** Containers that a dialog names before it says how many. */
const NAMED = 5;

function Typed({ label, value, set }: { label: string; value: string; set: (text: string) => void }) {
  return (
    <Field
      label={label}
      value={value}
      autoComplete="off"
      autoCapitalize="none"
      spellCheck={false}
      onChange={(event) => set(event.target.value)}
    />
  );
}

function Where({ value, set, hosts }: { value: string; set: (text: string) => void; hosts: readonly string[] }) {
  const t = useWords(foreignWords);
  return (
    <Select
      label={t('where')}
      value={value}
      onPick={set}
      options={[...hosts.map((name) => [name, t('onHost', { name })] as const), ['', t('allHosts')]]}
    />
  );
}

function Reason({ value, set }: { value: string; set: (text: string) => void }) {
  const t = useWords(foreignWords);
  return (
    <Field
      label={t('reason')}
      hint={t('reasonHint')}
      required
      value={value}
      onChange={(event) => set(event.target.value)}
    />
  );
}

function orNull(text: string): string | null {
  return text.trim() === '' ? null : text.trim();
}

/** As the platform compares: nothing typed is anything, `*` is any text. */
function fits(pattern: string, value: string | null): boolean {
  const wanted = orNull(pattern);
  if (wanted === null) return true;
  if (value === null) return false;
  const [first = '', ...rest] = wanted.split('*');
  const last = rest.pop();
  if (last === undefined) return value === wanted;
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = value.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return value.length - last.length >= at && value.endsWith(last);
}

function fitsOf({ image, name }: Pick<Allowed, 'image' | 'name'>): string {
  return [image, name].filter(Boolean).join(' · ');
}

function nameOf({ name, id }: ForeignContainer): string {
  return name ?? id.slice(0, 12);
}

function stateOf({ goneAt, stoppedAt, allowedBy }: ForeignContainer): 'runs' | 'goneState' | 'allowed' | 'stopped' {
  if (stoppedAt !== null) return 'stopped';
  if (goneAt !== null) return 'goneState';
  return allowedBy === null ? 'runs' : 'allowed';
}
