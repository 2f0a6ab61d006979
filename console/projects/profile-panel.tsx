import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { CallProfile, RootTrial, RootWorkload } from '../api/types.ts';
import { waitForOperation } from '../hosts/operation.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { EmptyState, Facts, Loaded, Panel } from '../shell/parts/surface.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { profileWords } from './profile-words.ts';
import { RootDialog, RootResult } from './root-removal.tsx';

const TONES: Readonly<Record<CallProfile['state'], Tone>> = {
  recorded: 'pending',
  passed: 'ok',
  failed: 'bad',
  applied: 'ok',
};

type Act = 'record' | 'tryIt' | 'apply' | 'withdraw';
const ACTS = ['record', 'tryIt', 'apply', 'withdraw'] as const satisfies readonly Act[];
const TEXTS = {
  record: 'recordText',
  tryIt: 'tryText',
  apply: 'applyText',
  withdraw: 'withdrawText',
} as const satisfies Record<Act, string>;
const STEPS = { record: 'record', tryIt: 'try' } as const;

/** What the containers of a workload were seen to call, and what can be made of it. */
export function ProfilePanel({ project, environment, workload, digests }: Place & { digests: readonly string[] }) {
  const t = useWords(profileWords);
  const mayChange = hasRole(useMe(), ['admin', 'developer'], project);
  const [asking, setAsking] = useState<Act | null>(null);
  const [unrooting, setUnrooting] = useState(false);
  const [trial, setTrial] = useState<RootTrial | null>(null);
  const found = useQuery(queries.profiles(project, workload));
  const roots = useQuery(queries.roots(project));
  const known = (found.data ?? []).filter(({ digest }) => digests.includes(digest));
  const root = roots.data?.find((one) => one.workload === workload && one.environment === environment);
  const can: Readonly<Record<Act, boolean>> = {
    record: true,
    tryIt: true,
    apply: known.some(({ state }) => state === 'passed'),
    withdraw: known.some(({ appliedAt }) => appliedAt !== null),
  };
  return (
    <Panel
      title={t('profile')}
      actions={
        mayChange
          ? [
              ...ACTS.filter((act) => can[act]).map((act) => (
                <Button key={act} onClick={() => setAsking(act)}>
                  {t(act)}
                </Button>
              )),
              root?.needs == null ? null : (
                <Button key="unroot" onClick={() => setUnrooting(true)}>
                  {t('unroot')}
                </Button>
              ),
            ]
          : null
      }
    >
      <div className="stack">
        {root === undefined ? null : <Root root={root} />}
        {trial === null ? null : <RootResult trial={trial} />}
        <Loaded query={found}>
          {() =>
            known.length === 0 ? (
              <EmptyState title={t('noProfile')} command={`darsena profile record ${project}/${workload}`}>
                {t('noProfileText')}
              </EmptyState>
            ) : (
              known.map((one) => <Profile key={`${one.container} ${one.digest}`} profile={one} />)
            )
          }
        </Loaded>
      </div>
      {unrooting ? (
        <RootDialog place={{ project, environment, workload }} onTried={setTrial} onClose={() => setUnrooting(false)} />
      ) : null}
      {asking === null ? null : (
        <AskDialog act={asking} place={{ project, environment, workload }} onClose={() => setAsking(null)} />
      )}
    </Panel>
  );
}

interface Place {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
}

function Root({ root: { containers, needs } }: { root: RootWorkload }) {
  const t = useWords(profileWords);
  const parts = (needs ?? []).flatMap(({ capabilities, scratch, volumes, inImage, lowPorts }) => [
    ...capabilities,
    ...(lowPorts ? ['NET_BIND_SERVICE'] : []),
    ...[...scratch, ...volumes, ...inImage],
  ]);
  return (
    <p className="note warn profile-text">
      {t('root', { containers: containers.join(', ') })}.{' '}
      {needs === null ? t('rootUnknown') : t('rootNeeds', { needs: parts.join(', ') || t('none') })}
    </p>
  );
}

function Profile({ profile }: { profile: CallProfile }) {
  const t = useWords(profileWords);
  const text = useText();
  const formats = useFormats();
  const { container, state, calls, families, capabilities, fromStart, trial, appliedAt } = profile;
  return (
    <div className="stack-tight">
      <p>
        <span className="mono">{container}</span> <StateBadge tone={TONES[state]}>{t(state)}</StateBadge>
        {appliedAt === null || state === 'applied' ? null : <> {t('stands')}</>}
      </p>
      {trial?.why == null ? null : <p className="note bad profile-text">{text(trial.why)}</p>}
      <Facts
        items={[
          [
            t('calls'),
            <details key="c">
              <summary>{formats.number(calls.length)}</summary>
              <span className="mono profile-text">{calls.join(' ')}</span>
            </details>,
          ],
          [t('families'), families.join(', ') || t('none')],
          [t('capabilities'), capabilities === null ? t('hidden') : capabilities.join(', ') || t('none')],
          [t('start'), t(fromStart ? 'yes' : 'no')],
        ]}
      />
    </div>
  );
}

function AskDialog({ act, place, onClose }: { act: Act; place: Place; onClose: () => void }) {
  const t = useWords(profileWords);
  const client = useQueryClient();
  const { project, environment, workload } = place;
  const path = apiPath(['projects', project, 'workloads', workload, 'profile'], { environment });
  const sending = useMutation({
    async mutationFn() {
      if (act === 'apply') return api.put(path, {});
      if (act === 'withdraw') return api.delete(path);
      const { operation } = await api.post<{ operation: string }>(path, { step: STEPS[act] });
      return waitForOperation(operation);
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ['profiles', project] }),
  });
  return (
    <FormDialog title={t(act)} sending={sending} onClose={onClose}>
      <p>{t(TEXTS[act])}</p>
    </FormDialog>
  );
}
