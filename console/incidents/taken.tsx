import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { IncidentDetail } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { Failure, Panel, When } from '../shell/parts/surface.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { ActionBadge } from './action-badge.tsx';
import { useActionName } from './measures.tsx';
import { caseQueries } from './queries.ts';
import { words } from './words.ts';

type Taken = IncidentDetail['actions'][number];

const TARGETS = {
  container: 'targetContainer',
  process: 'targetProcess',
  image: 'targetImage',
  host: 'targetHost',
  incident: 'targetIncident',
} as const;

/** The platform names targets as `container 3f2a…` and `process 300, 301`; the word before the number is of the reader's language. */
function Target({ target }: { target: string }) {
  const t = useWords(words);
  const [, kind, which] = /^(container|process|image|host|incident) (.+)$/.exec(target) ?? [];
  if (which === undefined) return <span className="mono">{target}</span>;
  return (
    <span>
      {t(TARGETS[kind as keyof typeof TARGETS])} <span className="mono">{which}</span>
    </span>
  );
}

function Awaiting({ action, incident }: { action: Taken; incident: IncidentDetail }) {
  const t = useWords(words);
  const me = useMe();
  const client = useQueryClient();
  const nameOf = useActionName(incident.number);
  const policies = useQuery(caseQueries.responsePolicies()).data;
  const [reason, setReason] = useState('');
  const decide = useMutation({
    mutationFn: (approve: boolean) =>
      api.post(apiPath(['incidents', incident.number, 'actions', action.id]), {
        approve,
        reason: reason.trim() === '' ? null : reason.trim(),
      }),
    onSettled: () => client.invalidateQueries({ queryKey: ['incidents'] }),
  });
  const author = policies?.find(({ policy }) => `policy:${policy.name}` === action.actor)?.author;
  const isOwn = author !== undefined && author === me?.actor;
  const mayAnswer = hasRole(me, ['admin', 'analyst'], incident.project ?? '*');
  return (
    <li className="awaiting-item">
      <p className="chips">
        <strong>{nameOf(action.action)}</strong>
        <Target target={action.target} />
        <span className="quiet-text">
          {t('askedBy')} <Actor actor={action.actor} /> <When at={action.at} />
        </span>
      </p>
      {isOwn ? <p className="quiet-text">{t('ownAction')}</p> : null}
      {policies !== undefined && author === undefined ? <p className="quiet-text">{t('policyGone')}</p> : null}
      {mayAnswer ? (
        <>
          <Field
            label={t('reason')}
            value={reason}
            maxLength={2_000}
            onChange={(event) => setReason(event.target.value)}
          />
          <p className="chips">
            {isOwn || (policies !== undefined && author === undefined) ? null : (
              <Button look="danger" busy={decide.isPending} onClick={() => decide.mutate(true)}>
                {t('agreeTo', { action: nameOf(action.action) })}
              </Button>
            )}
            <Button busy={decide.isPending} onClick={() => decide.mutate(false)}>
              {t('decline')}
            </Button>
          </p>
        </>
      ) : null}
      {decide.error === null ? null : <Failure error={decide.error} />}
    </li>
  );
}

/** What a policy asks for and nobody has answered: it stands before everything else. */
export function AwaitingPanel({ incident }: { incident: IncidentDetail }) {
  const t = useWords(words);
  const waiting = incident.actions.filter(({ state }) => state === 'awaiting');
  if (waiting.length === 0 || incident.state === 'closed') return null;
  return (
    <Panel title={t('awaitsYou')} count={waiting.length}>
      <ul className="awaiting">
        {waiting.map((action) => (
          <Awaiting key={action.id} action={action} incident={incident} />
        ))}
      </ul>
    </Panel>
  );
}

/** What was done, tried or declined. */
export function TakenPanel({ incident: { number, actions, alertsList } }: { incident: IncidentDetail }) {
  const t = useWords(words);
  const text = useText();
  const nameOf = useActionName(number);
  // What a policy gives as its reason is the rule that spoke.
  const titleOf = (reason: string) => alertsList.find(({ rule }) => rule === reason)?.title ?? reason;
  return (
    <Panel title={t('actions')} count={actions.length}>
      {actions.length === 0 ? (
        <p className="quiet-text">{t('noActions')}</p>
      ) : (
        <ul className="conditions">
          {actions.map((action) => (
            <li key={action.id}>
              <ActionBadge state={action.state} />
              <strong>{nameOf(action.action)}</strong>
              <Target target={action.target} />
              <Actor actor={action.actor} />
              {action.detail === null ? null : <span>{text(action.detail)}</span>}
              {action.reason === null ? null : <span className="quiet-text">{titleOf(action.reason)}</span>}
              <When at={action.at} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
