import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { KernelPatch, KernelRollout, RolloutPhase } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { EmptyState, Failure, Loaded, Meter, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { hostQueries } from './queries.ts';
import { words } from './words.ts';

type Word = keyof typeof words.en;

const STATE: Readonly<Record<KernelRollout['state'], readonly [Tone, Word]>> = {
  running: ['pending', 'rolloutRunning'],
  paused: ['warn', 'rolloutPaused'],
  withdrawing: ['warn', 'rolloutWithdrawing'],
  done: ['ok', 'rolloutDone'],
  'rolled-back': ['bad', 'rolloutRolledBack'],
  stopped: ['bad', 'rolloutStopped'],
};

const PHASE: Readonly<Record<RolloutPhase, readonly [Tone, Word]>> = {
  waiting: ['absent', 'phaseWaiting'],
  applying: ['pending', 'phaseApplying'],
  watching: ['pending', 'phaseWatching'],
  well: ['ok', 'phaseWell'],
  failed: ['bad', 'phaseFailed'],
  lost: ['bad', 'phaseLost'],
  absent: ['warn', 'phaseAbsent'],
  withdrawing: ['warn', 'phaseWithdrawing'],
  withdrawn: ['absent', 'phaseWithdrawn'],
  stuck: ['bad', 'phaseStuck'],
};

const RING: Readonly<Record<string, Word>> = { canary: 'ringCanary', share: 'ringShare', all: 'ringAll' };

/** Begins a roll-out with the platform's rules, or with those that are written here. */
function StartDialog({ patch, onClose }: { patch: KernelPatch; onClose: () => void }) {
  const t = useWords(words);
  const client = useQueryClient();
  const [canaries, setCanaries] = useState('1');
  const [soak, setSoak] = useState('600');
  const starting = useMutation({
    mutationFn: () =>
      api.post('/kernel/rollouts', {
        patch: patch.name,
        rules: { canaries: Number(canaries), soakSeconds: Number(soak) },
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['kernel'] });
      onClose();
    },
  });
  return (
    <FormDialog title={t('rolloutStart', { patch: patch.name })} sending={starting} onClose={onClose}>
      <p className="note">{t('rolloutStartText', { hosts: patch.fitting })}</p>
      <Field
        label={t('canaries')}
        type="number"
        min={1}
        required
        value={canaries}
        onChange={(event) => setCanaries(event.target.value)}
      />
      <Field
        label={t('soak')}
        type="number"
        min={0}
        required
        value={soak}
        onChange={(event) => setSoak(event.target.value)}
      />
    </FormDialog>
  );
}

function Patches() {
  const t = useWords(words);
  const text = useText();
  const isAdministrator = hasRole(useMe(), ['admin'], '*');
  const patches = useQuery(hostQueries.kernelPatches());
  const [chosen, setChosen] = useState<KernelPatch | null>(null);
  const columns: readonly Column<KernelPatch>[] = [
    {
      id: 'name',
      label: t('patch'),
      cell: ({ name, signers, doubt }) => (
        <span className="stack-tight">
          <span className="mono">{name}</span>
          {doubt === null ? (
            <StateBadge tone="ok">{t('signedByWhom', { names: signers.join(', ') })}</StateBadge>
          ) : (
            <StateBadge tone="bad">{t('notBelieved')}</StateBadge>
          )}
        </span>
      ),
    },
    {
      id: 'cves',
      label: t('fixes'),
      grow: true,
      cell: ({ cves, doubt }) => (
        <span>
          {cves.join(', ') || '—'}
          {doubt === null ? null : (
            <>
              <br />
              <span className="quiet-text">{text(doubt)}</span>
            </>
          )}
        </span>
      ),
    },
    { id: 'inForce', label: t('inForce'), from: 'medium', cell: ({ inForce }) => inForce },
    { id: 'fitting', label: t('couldBe'), from: 'medium', cell: ({ fitting }) => fitting },
    {
      id: 'act',
      label: '',
      cell: (patch) =>
        isAdministrator && patch.doubt === null && patch.fitting > 0 ? (
          <Button onClick={() => setChosen(patch)}>{t('rollOut')}</Button>
        ) : null,
    },
  ];
  return (
    <>
      <Loaded query={patches}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState title={t('patchesNone')} command="darsena kernel patch push FOLDER --key KEY" />
          ) : (
            <Table label={t('livePatches')} columns={columns} rows={all} keyOf={({ name }) => name} />
          )
        }
      </Loaded>
      {chosen === null ? null : <StartDialog patch={chosen} onClose={() => setChosen(null)} />}
    </>
  );
}

function Rings({ rollout }: { rollout: KernelRollout }) {
  const t = useWords(words);
  const formats = useFormats();
  return (
    <ul className="conditions">
      {rollout.rings.map(({ name, hosts, phases }) => (
        <li key={name}>
          <span>{t(RING[name] ?? 'ringAll')}</span>
          <Meter done={phases.well ?? 0} total={hosts} label={t(RING[name] ?? 'ringAll')} />
          <span className="chips">
            {Object.entries(phases).map(([phase, count]) => {
              const [tone, word] = PHASE[phase as RolloutPhase];
              return (
                <StateBadge key={phase} tone={tone}>
                  {formats.number(count)} {t(word)}
                </StateBadge>
              );
            })}
          </span>
        </li>
      ))}
    </ul>
  );
}

function RolloutCard({ rollout }: { rollout: KernelRollout }) {
  const t = useWords(words);
  const text = useText();
  const client = useQueryClient();
  const isAdministrator = hasRole(useMe(), ['admin'], '*');
  const [tone, word] = STATE[rollout.state];
  const ordering = useMutation({
    mutationFn: (order: 'pause' | 'resume' | 'abort') =>
      api.post(apiPath(['kernel', 'rollouts', rollout.id, order]), order === 'abort' ? {} : undefined),
    onSuccess: () => client.invalidateQueries({ queryKey: ['kernel'] }),
  });
  const bad = rollout.notable.filter(({ phase }) => PHASE[phase][0] === 'bad' || phase === 'absent').slice(0, 20);
  const isOpen = rollout.state === 'running' || rollout.state === 'paused';
  return (
    <section className="stack" aria-label={`${rollout.patch} ${t(word)}`}>
      <div className="host-head">
        <h3 className="mono">{rollout.kind === 'restart' ? t('restarts') : rollout.patch}</h3>
        <StateBadge tone={tone}>{t(word)}</StateBadge>
        <span className="quiet-text">
          <When at={rollout.startedAt} />
        </span>
        {isAdministrator && isOpen ? (
          <span className="chips">
            <Button
              busy={ordering.isPending}
              onClick={() => ordering.mutate(rollout.state === 'running' ? 'pause' : 'resume')}
            >
              {t(rollout.state === 'running' ? 'pause' : 'resume')}
            </Button>
            <Button look="danger" busy={ordering.isPending} onClick={() => ordering.mutate('abort')}>
              {t(rollout.kind === 'restart' ? 'abortRestart' : 'abort')}
            </Button>
          </span>
        ) : null}
      </div>
      {ordering.error === null ? null : <Failure error={ordering.error} />}
      {rollout.why === null ? null : <p className="note bad">{text(rollout.why)}</p>}
      {rollout.state === 'running' && !rollout.isOpen ? <p className="note">{t('windowShut')}</p> : null}
      <Rings rollout={rollout} />
      {bad.length === 0 ? null : (
        <ul className="conditions">
          {bad.map(({ host, phase, why }) => (
            <li key={host}>
              <StateBadge tone={PHASE[phase][0]}>{t(PHASE[phase][1])}</StateBadge>
              <span>
                <span className="mono">{host}</span>
                {why === null ? '' : `: ${text(why)}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Live patches of the registry, and their way over the hosts as it happens. */
export function LivePatches() {
  const t = useWords(words);
  const rollouts = useQuery(hostQueries.kernelRollouts());
  return (
    <>
      <Panel title={t('livePatches')}>
        <Patches />
      </Panel>
      <Loaded query={rollouts}>
        {(all) =>
          all.length === 0 ? null : (
            <Panel title={t('rollouts')} count={all.length}>
              <div className="stack">
                {all.slice(0, 5).map((one) => (
                  <RolloutCard key={one.id} rollout={one} />
                ))}
              </div>
            </Panel>
          )
        }
      </Loaded>
    </>
  );
}
