import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { EnvironmentSummary, OperationSummary } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { Button, CommandLine, Select } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { Dialog, Failure } from '../shell/parts/surface.tsx';
import { useNavigate } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { words } from './words.ts';

/** Says what will be judged and who must agree before anything moves. */
export function PromoteDialog({
  project,
  from,
  to,
  onClose,
}: {
  project: string;
  from: EnvironmentSummary;
  to: EnvironmentSummary;
  onClose: () => void;
}) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const client = useQueryClient();
  const navigate = useNavigate();
  const promote = useMutation({
    mutationFn: () =>
      api.post<OperationSummary>(apiPath(['projects', project, 'promotions']), { from: from.name, to: to.name }),
    onSuccess: async (operation) => {
      await client.invalidateQueries({ queryKey: ['promotions'] });
      onClose();
      navigate(addresses.operation(operation.id));
    },
  });
  return (
    <Dialog title={t('promoteTo', { environment: to.name })} onClose={onClose}>
      <div className="dialog-body">
        <p>{t('promoteText', { number: from.release?.number ?? 0, from: from.name, to: to.name })}</p>
        <p className="quiet-text">{t('promoteApproval', { to: to.name })}</p>
        {promote.error === null ? null : <Failure error={promote.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button look="primary" busy={promote.isPending} onClick={() => promote.mutate()}>
            {t('promote')}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

export type TrialEnd = 'promote' | 'abort';

/** Ends the trial of a release, one way or the other, then shows the operation that does it. */
export function TrialDialog({
  project,
  environment,
  how,
  onClose,
}: {
  project: string;
  environment: EnvironmentSummary;
  how: TrialEnd;
  onClose: () => void;
}) {
  const t = useWords(words);
  const client = useQueryClient();
  const navigate = useNavigate();
  const number = environment.release?.number ?? 0;
  const sending = useMutation({
    mutationFn: () =>
      api.post<OperationSummary>(apiPath(['projects', project, 'environments', environment.name, 'canary']), { how }),
    onSuccess: async (operation) => {
      await client.invalidateQueries({ queryKey: ['releases'] });
      await client.invalidateQueries({ queryKey: ['projects'] });
      onClose();
      navigate(addresses.operation(operation.id));
    },
  });
  const isEnd = how === 'abort';
  return (
    <FormDialog
      title={t(isEnd ? 'trialAbort' : 'trialPromote', { number })}
      act={t(isEnd ? 'trialAbortAct' : 'trialPromoteAct')}
      look={isEnd ? 'danger' : 'primary'}
      sending={sending}
      onClose={onClose}
    >
      <p>{t(isEnd ? 'trialAbortText' : 'trialPromoteText', { number, environment: environment.name })}</p>
      <CommandLine command={`darsena canary ${how} ${project} --env ${environment.name}`} />
    </FormDialog>
  );
}

export function RollBackDialog({
  project,
  environment,
  first,
  onClose,
}: {
  project: string;
  environment: string;
  first?: number;
  onClose: () => void;
}) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const client = useQueryClient();
  const navigate = useNavigate();
  const returnable = useQuery(queries.returnable(project, environment));
  const earlier = returnable.data ?? [];
  const [picked, setPicked] = useState<number | null>(first ?? null);
  const number = picked ?? earlier[0]?.number;
  const rollBack = useMutation({
    mutationFn: () =>
      api.post<OperationSummary>(apiPath(['projects', project, 'environments', environment, 'rollback']), {
        to: number,
      }),
    onSuccess: async (operation) => {
      await client.invalidateQueries({ queryKey: ['releases'] });
      await client.invalidateQueries({ queryKey: ['projects'] });
      onClose();
      navigate(addresses.operation(operation.id));
    },
  });
  return (
    <Dialog title={number === undefined ? t('rollBack') : t('rollBackTo', { number })} onClose={onClose}>
      <div className="dialog-body">
        {returnable.error === null ? null : <Failure error={returnable.error} />}
        {number === undefined ? (
          returnable.isPending ? null : (
            <p>{t('rollBackNone', { environment })}</p>
          )
        ) : (
          <>
            <Select
              label={t('rollBackPick')}
              value={String(number)}
              onPick={(value) => setPicked(Number(value))}
              options={earlier.map((release) => [
                String(release.number),
                t('release', { number: String(release.number) }),
              ])}
            />
            <p>{t('rollBackText', { environment, number })}</p>
          </>
        )}
        {rollBack.error === null ? null : <Failure error={rollBack.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button
            look="danger"
            busy={rollBack.isPending}
            disabled={number === undefined}
            onClick={() => rollBack.mutate()}
          >
            {number === undefined ? t('rollBack') : t('rollBackTo', { number })}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
