import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { IncidentDetail } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Field, Select } from '../shell/parts/controls.tsx';
import { Dialog, Failure, Loaded } from '../shell/parts/surface.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { countProcesses } from './process-tree.tsx';
import { caseQueries } from './queries.ts';
import { words } from './words.ts';

type Action = 'kill-container' | 'acknowledge' | 'close';

const DECISIONS = ['confirmed', 'false-alarm', 'accepted', 'test'] as const;
type Decision = (typeof DECISIONS)[number];
const DECISION_WORDS = {
  confirmed: 'decisionConfirmed',
  'false-alarm': 'decisionFalseAlarm',
  accepted: 'decisionAccepted',
  test: 'decisionTest',
} as const;

function useRespond(incident: IncidentDetail, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (request: { action: Action; reason?: string; decision?: Decision }) =>
      api.post(apiPath(['incidents', incident.number, 'respond']), {
        action: request.action,
        ...(request.decision === undefined ? {} : { decision: request.decision }),
        ...(request.reason === undefined || request.reason === '' ? {} : { reason: request.reason }),
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['incidents'] });
      onDone();
    },
  });
}

/** Exactly what will stop, what keeps serving meanwhile, and the name to type: a kill has no undo. */
function KillDialog({ incident, onClose }: { incident: IncidentDetail; onClose: () => void }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState('');
  const workloads =
    useQuery({ ...queries.workloads(incident.project ?? ''), enabled: incident.project !== null }).data ?? [];
  const respond = useRespond(incident, onClose);
  const workload = incident.workload ?? incident.container ?? '';
  const environment = incident.environment ?? '';
  const status = workloads.find((item) => item.name === incident.workload && item.environment === incident.environment);
  const processes = countProcesses(incident.processTree);
  const left = Math.max(0, (status?.ready ?? 0) - 1);
  return (
    <Dialog title={t('killTitle', { workload: `${incident.project}/${workload}` })} onClose={onClose}>
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed === workload) respond.mutate({ action: 'kill-container', reason });
        }}
      >
        <div>
          <p>{t('killWhat')}</p>
          <ul className="will-stop">
            <li>
              <strong>{t('killContainer', { container: incident.container ?? '—', pod: incident.pod ?? '—' })}</strong>
            </li>
            {processes === 0 ? null : <li>{t('killProcesses', { count: processes })}</li>}
            {status === undefined ? null : (
              <li>
                {left === 0
                  ? t('killServingLast', { workload, environment })
                  : t('killServing', { workload, environment, left, wanted: status.wanted })}
              </li>
            )}
            {status === undefined ? null : <li>{t('killReplaced')}</li>}
          </ul>
        </div>
        <p className="quiet-text">{t('killNoUndo')}</p>
        <Field label={t('reason')} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Field
          label={shell('typeToConfirm', { name: workload })}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          autoComplete="off"
          spellCheck={false}
          autoCapitalize="none"
        />
        {respond.error === null ? null : <Failure error={respond.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button type="submit" look="danger" className="solid" busy={respond.isPending} disabled={typed !== workload}>
            {t('kill')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function CloseDialog({ incident, onClose }: { incident: IncidentDetail; onClose: () => void }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const [reason, setReason] = useState('');
  const [decision, setDecision] = useState<Decision>('confirmed');
  const respond = useRespond(incident, onClose);
  return (
    <Dialog title={t('closeTitle', { number: String(incident.number) })} onClose={onClose}>
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          respond.mutate({ action: 'close', decision, reason });
        }}
      >
        <p>{t('closeText')}</p>
        <p className="quiet-text">{t('reopenNote')}</p>
        <Select
          label={t('decision')}
          value={decision}
          onPick={(value) => setDecision(DECISIONS.find((known) => known === value) ?? 'confirmed')}
          options={DECISIONS.map((known) => [known, t(DECISION_WORDS[known])])}
        />
        <Field label={t('reason')} value={reason} onChange={(event) => setReason(event.target.value)} required />
        {respond.error === null ? null : <Failure error={respond.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button type="submit" look="primary" busy={respond.isPending}>
            {t('closeIt')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function ReopenDialog({ incident, onClose }: { incident: IncidentDetail; onClose: () => void }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const reopen = useMutation({
    mutationFn: () => api.post(apiPath(['incidents', incident.number, 'reopen']), { reason }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['incidents'] });
      onClose();
    },
  });
  return (
    <Dialog title={t('reopenTitle', { number: String(incident.number) })} onClose={onClose}>
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          reopen.mutate();
        }}
      >
        <p>{t('reopenText')}</p>
        <Field label={t('reason')} value={reason} onChange={(event) => setReason(event.target.value)} required />
        {reopen.error === null ? null : <Failure error={reopen.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button type="submit" look="primary" busy={reopen.isPending} disabled={reason.trim() === ''}>
            {t('reopen')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Of those who may work on it; whether they take it on is theirs to say. */
function AssignDialog({ incident, onClose }: { incident: IncidentDetail; onClose: () => void }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const client = useQueryClient();
  const people = useQuery(caseQueries.incidentPeople(String(incident.number)));
  const [name, setName] = useState(incident.owner?.replace(/^user:/, '') ?? '');
  const assign = useMutation({
    mutationFn: () => api.put(apiPath(['incidents', incident.number, 'owner']), { name: name === '' ? null : name }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['incidents'] });
      onClose();
    },
  });
  return (
    <Dialog title={t('assignTitle', { number: String(incident.number) })} onClose={onClose}>
      <Loaded query={people}>
        {(names) => (
          <form
            className="dialog-body"
            onSubmit={(event) => {
              event.preventDefault();
              assign.mutate();
            }}
          >
            <p>{t('assignText')}</p>
            <Select
              label={t('owner')}
              value={name}
              onPick={setName}
              options={[['', t('nobody')], ...names.map((one) => [one.name, one.name] as const)]}
            />
            {assign.error === null ? null : <Failure error={assign.error} />}
            <div className="dialog-actions">
              <Button onClick={onClose}>{shell('cancel')}</Button>
              <Button type="submit" look="primary" busy={assign.isPending}>
                {t('assign')}
              </Button>
            </div>
          </form>
        )}
      </Loaded>
    </Dialog>
  );
}

export function Respond({ incident }: { incident: IncidentDetail }) {
  const t = useWords(words);
  const me = useMe();
  const [open, setOpen] = useState<'none' | 'kill' | 'close' | 'reopen' | 'assign'>('none');
  const acknowledge = useRespond(incident, () => setOpen('none'));
  if (!hasRole(me, ['admin', 'analyst'], incident.project ?? '*')) return null;
  if (incident.state === 'closed')
    return (
      <>
        <Button onClick={() => setOpen('reopen')}>{t('reopenDots')}</Button>
        {open === 'reopen' ? <ReopenDialog incident={incident} onClose={() => setOpen('none')} /> : null}
      </>
    );
  return (
    <>
      {incident.state === 'open' ? (
        <Button busy={acknowledge.isPending} onClick={() => acknowledge.mutate({ action: 'acknowledge' })}>
          {t('acknowledge')}
        </Button>
      ) : null}
      <Button onClick={() => setOpen('assign')}>{t('assignDots')}</Button>
      <Button onClick={() => setOpen('close')}>{t('close')}</Button>
      {incident.container === null || incident.containerGone === true || incident.state === 'contained' ? null : (
        <Button look="danger" onClick={() => setOpen('kill')}>
          {t('kill')}
        </Button>
      )}
      {acknowledge.error === null ? null : <Failure error={acknowledge.error} />}
      {open === 'kill' ? <KillDialog incident={incident} onClose={() => setOpen('none')} /> : null}
      {open === 'assign' ? <AssignDialog incident={incident} onClose={() => setOpen('none')} /> : null}
      {open === 'close' ? <CloseDialog incident={incident} onClose={() => setOpen('none')} /> : null}
    </>
  );
}
