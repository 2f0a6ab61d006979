import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { addresses } from '../shell/addresses.ts';
import { useText, useWords } from '../shell/language.tsx';
import { useOperationStream } from '../shell/live.ts';
import { Chip } from '../shell/parts/badge.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { Dialog, Failure, Loaded, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { Link, useParams } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { Elapsed } from './elapsed.tsx';
import './operations.css';
import { Outcome } from './outcome.tsx';
import { StepTree } from './step-tree.tsx';
import { words } from './words.ts';

function CancelDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const t = useWords(words);
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => api.post(apiPath(['operations', id, 'cancel'])),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['operation', id] });
      onClose();
    },
  });
  return (
    <Dialog title={t('cancel')} onClose={onClose}>
      <div className="dialog-body">
        <p>{t('cancelText')}</p>
        {cancel.error === null ? null : <Failure error={cancel.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{t('keepGoing')}</Button>
          <Button look="danger" busy={cancel.isPending} onClick={() => cancel.mutate()}>
            {t('cancel')}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

export default function OperationPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const text = useText();
  const { id } = useParams<'id'>();
  const operation = useQuery(queries.operation(id));
  const [cancelling, setCancelling] = useState(false);
  const data = operation.data;
  const running = data?.state === 'running';
  useOperationStream(id, running);
  return (
    <div className="page">
      <PageHead
        title={data === undefined ? t('operation') : text(data.title)}
        path={[
          [shell('activity'), addresses.incidents()],
          [t('operations'), addresses.operations()],
        ]}
        badges={data === undefined ? null : <State state={data.state} />}
        actions={
          running ? (
            <Button look="danger" onClick={() => setCancelling(true)}>
              {t('cancel')}
            </Button>
          ) : undefined
        }
      >
        {data === undefined ? null : (
          <p className="page-sub">
            {data.project === null ? null : <Link to={addresses.project(data.project)}>{data.project}</Link>}
            {data.environment === null ? null : <Chip>{data.environment}</Chip>}
            <span>
              <Actor actor={data.actor} />
            </span>
            <When at={data.startedAt} />
            <Elapsed from={data.startedAt} to={data.endedAt} />
          </p>
        )}
      </PageHead>
      <Loaded query={operation}>
        {(loaded) => (
          <>
            <Outcome operation={loaded} />
            <Panel title={t('steps')} flush>
              <StepTree steps={loaded.steps} />
            </Panel>
          </>
        )}
      </Loaded>
      {cancelling ? <CancelDialog id={id} onClose={() => setCancelling(false)} /> : null}
    </div>
  );
}
