import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { IncidentDetail, PlaybookRun } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { Dialog, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { useActionName } from './measures.tsx';
import { caseQueries } from './queries.ts';
import { words } from './words.ts';

type RunState = PlaybookRun['state'] | PlaybookRun['steps'][number]['state'];

const STATES: Readonly<Record<RunState, readonly [word: keyof typeof words.en, tone: Tone]>> = {
  queued: ['actionQueued', 'pending'],
  pending: ['stepLater', 'absent'],
  awaiting: ['actionAwaits', 'warn'],
  running: ['actionRuns', 'pending'],
  done: ['actionDone', 'ok'],
  skipped: ['stepSkipped', 'absent'],
  failed: ['actionFailed', 'bad'],
  declined: ['stepDeclined', 'absent'],
  interrupted: ['runInterrupted', 'warn'],
};

/** How a step or a run stands; which step waits for somebody is told apart from those that come after it. */
function RunBadge({ state }: { state: RunState }) {
  const t = useWords(words);
  const [word, tone] = STATES[state];
  return <StateBadge tone={tone}>{t(word)}</StateBadge>;
}

/** Steps have no names: their place in the order is theirs. */
function numbered<T extends object>(steps: readonly T[]): readonly (T & { readonly number: number })[] {
  return steps.map((step, index) => ({ ...step, number: index + 1 }));
}

/** What each step will do, before it does. */
function RunDialog({ incident, name, onClose }: { incident: IncidentDetail; name: string; onClose: () => void }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const text = useText();
  const client = useQueryClient();
  const nameOf = useActionName(incident.number);
  const preview = useQuery(caseQueries.playbookPreview(name, incident.number));
  const start = useMutation({
    mutationFn: () => api.post(apiPath(['incidents', incident.number, 'playbooks']), { playbook: name }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['incidents'] });
      onClose();
    },
  });
  return (
    <Dialog title={t('playbookPreview', { name })} onClose={onClose}>
      <div className="dialog-body">
        <Loaded query={preview}>
          {(steps) => (
            <ol className="will-stop">
              {numbered(steps).map((step) => (
                <li key={step.number}>
                  <strong>{nameOf(step.do)}</strong>
                  {step.approve ? ` (${t('playbookAsks')})` : ''}
                  {step.why === null
                    ? step.effect.map((effect) => <p key={effect.en}>{text(effect)}</p>)
                    : `: ${t('playbookSkipped', { why: text(step.why) })}`}
                </li>
              ))}
            </ol>
          )}
        </Loaded>
        {start.error === null ? null : <Failure error={start.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button look="danger" busy={start.isPending} onClick={() => start.mutate()}>
            {t('runPlaybook')}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function Run({ run, incident }: { run: PlaybookRun; incident: IncidentDetail }) {
  const t = useWords(words);
  const text = useText();
  const client = useQueryClient();
  const nameOf = useActionName(incident.number);
  const me = useMe();
  // Four eyes: whoever started it, or wrote the playbook or the policy that did, does not agree to it.
  const author = useQuery({
    ...caseQueries.responsePolicies(),
    enabled: run.state === 'awaiting' && run.actor.startsWith('policy:'),
  }).data?.find(({ policy }) => `policy:${policy.name}` === run.actor)?.author;
  const isOwn = me !== undefined && [run.author, run.starter, author].includes(me.actor);
  const mayAnswer = hasRole(me, ['admin', 'analyst'], incident.project ?? '*');
  const answer = useMutation({
    mutationFn: (approve: boolean) => api.post(apiPath(['playbook-runs', run.id, 'answer']), { approve }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['incidents', String(incident.number)] }),
  });
  return (
    <li>
      <RunBadge state={run.state} /> <strong>{run.playbook}</strong> <Actor actor={run.actor} /> <When at={run.at} />
      <ol>
        {numbered(run.steps).map((step) => (
          <li key={step.number}>
            <RunBadge state={step.state} /> {nameOf(step.do)}
            {step.detail === null ? '' : `: ${text(step.detail)}`}
            {step.by === null ? null : (
              <>
                {' '}
                (<Actor actor={step.by} />)
              </>
            )}
          </li>
        ))}
      </ol>
      {run.state === 'awaiting' && isOwn ? <p className="quiet-text">{t('ownRun')}</p> : null}
      {run.state === 'awaiting' && mayAnswer ? (
        <p className="chips">
          {isOwn ? null : (
            <Button busy={answer.isPending} onClick={() => answer.mutate(true)}>
              {t('agree')}
            </Button>
          )}
          <Button look="quiet" busy={answer.isPending} onClick={() => answer.mutate(false)}>
            {t('decline')}
          </Button>
        </p>
      ) : null}
      {answer.error === null ? null : <Failure error={answer.error} />}
    </li>
  );
}

/** Playbooks that were run about an incident, and those that can be. */
export function PlaybookPanel({ incident }: { incident: IncidentDetail }) {
  const t = useWords(words);
  const me = useMe();
  const runs = useQuery(caseQueries.playbookRuns(String(incident.number)));
  const playbooks = useQuery(caseQueries.playbooks()).data ?? [];
  const [name, setName] = useState('');
  const [open, setOpen] = useState(false);
  const mayRun = incident.state !== 'closed' && hasRole(me, ['admin', 'analyst'], incident.project ?? '*');
  if (playbooks.length === 0 && (runs.data ?? []).length === 0) return null;
  return (
    <Panel title={t('playbooks')}>
      <Loaded query={runs}>
        {(all) => (
          <>
            {all.length === 0 ? <p className="quiet-text">{t('noPlaybooks')}</p> : null}
            <ul className="conditions">
              {all.map((run) => (
                <Run key={run.id} run={run} incident={incident} />
              ))}
            </ul>
          </>
        )}
      </Loaded>
      {mayRun && playbooks.length > 0 ? (
        <div className="toolbar">
          <Select
            label={t('playbook')}
            value={name}
            onPick={setName}
            options={[['', '—'], ...playbooks.map(({ playbook }) => [playbook.name, playbook.name] as const)]}
          />
          <Button disabled={name === ''} onClick={() => setOpen(true)}>
            {t('runPlaybook')}
          </Button>
        </div>
      ) : null}
      {open ? <RunDialog incident={incident} name={name} onClose={() => setOpen(false)} /> : null}
    </Panel>
  );
}
