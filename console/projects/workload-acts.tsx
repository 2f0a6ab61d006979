import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { OperationSummary, WorkloadStatus } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { Button, CommandLine, Field } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { useNavigate } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { phaseWords } from './phase-words.ts';

type Kind = 'restart' | 'scale' | 'pause' | 'resume';

/** Where the number of replicas is a person's to say: not one for each host, and nothing that runs to an end. */
const SCALED: readonly string[] = ['Deployment', 'StatefulSet'];
const REPLICAS_MAX = 1_000;

/** Says what will happen, then shows the operation that does it. */
function ActDialog({ workload, kind, onClose }: { workload: WorkloadStatus; kind: Kind; onClose: () => void }) {
  const t = useWords(phaseWords);
  const client = useQueryClient();
  const navigate = useNavigate();
  const { project, environment, name, wanted } = workload;
  const [replicas, setReplicas] = useState(String(wanted));
  const isNumber = /^\d{1,4}$/.test(replicas) && Number(replicas) <= REPLICAS_MAX;
  const sending = useMutation({
    mutationFn: () =>
      api.post<OperationSummary>(apiPath(['projects', project, 'workloads', name, 'change'], { environment }), {
        kind,
        ...(kind === 'scale' ? { replicas: Number(replicas) } : {}),
      }),
    onSuccess: async (operation) => {
      await client.invalidateQueries({ queryKey: ['operations'] });
      onClose();
      navigate(addresses.operation(operation.id));
    },
  });
  const command = {
    restart: `darsena rollout restart ${project}/${name} --env ${environment}`,
    scale: `darsena scale ${project}/${name} --env ${environment} --replicas ${isNumber ? replicas : wanted}`,
    pause: `darsena rollout pause ${project}/${name} --env ${environment}`,
    resume: `darsena rollout resume ${project}/${name} --env ${environment}`,
  }[kind];
  return (
    <FormDialog
      title={`${t(kind)}: ${project}/${name}`}
      act={t(kind)}
      look={kind === 'scale' && replicas === '0' ? 'danger' : 'primary'}
      disabled={kind === 'scale' && (!isNumber || Number(replicas) === wanted)}
      sending={sending}
      onClose={onClose}
    >
      <p>{t(`${kind}Text`, { workload: name, environment, wanted })}</p>
      {kind === 'scale' ? (
        <Field
          label={t('wanted')}
          type="number"
          min={0}
          max={REPLICAS_MAX}
          required
          value={replicas}
          hint={replicas === '0' ? t('toZero') : undefined}
          onChange={(event) => setReplicas(event.target.value)}
        />
      ) : null}
      <CommandLine command={command} />
    </FormDialog>
  );
}

/** What people do to a workload that runs; each is a release of its own, so that it can be taken back as one. */
export function WorkloadActs({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(phaseWords);
  const me = useMe();
  const [open, setOpen] = useState<Kind | null>(null);
  const { kind, release, project, conditions } = workload;
  if (release === null || !hasRole(me, ['admin', 'developer'], project) || kind === 'Job' || kind === 'CronJob')
    return null;
  const isPaused = conditions.some(({ type }) => type === 'paused');
  const kinds: readonly Kind[] = [
    'restart',
    ...(SCALED.includes(kind) ? (['scale'] as const) : []),
    isPaused ? 'resume' : 'pause',
  ];
  return (
    <>
      {kinds.map((one) => (
        <Button key={one} onClick={() => setOpen(one)}>
          {t(one)}
        </Button>
      ))}
      {open === null ? null : <ActDialog workload={workload} kind={open} onClose={() => setOpen(null)} />}
    </>
  );
}
