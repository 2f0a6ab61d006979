import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { Loaded, Meter, Panel } from '../shell/parts/surface.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { accessWords } from './access-words.ts';

const GIGABYTE = 1e9;
/** The pattern that a project's own settings stand under. */
const WHOLE_PROJECT = '**';

function QuotaDialog({
  project,
  quotaBytes,
  onClose,
}: {
  readonly project: string;
  readonly quotaBytes: number | null;
  readonly onClose: () => void;
}) {
  const t = useWords(accessWords);
  const client = useQueryClient();
  const [gigabytes, setGigabytes] = useState(quotaBytes === null ? '' : String(quotaBytes / GIGABYTE));
  const sending = useMutation({
    mutationFn: () =>
      api.put(apiPath(['projects', project, 'repository-settings'], { pattern: WHOLE_PROJECT }), {
        quotaBytes: gigabytes === '' ? null : Math.round(Number(gigabytes) * GIGABYTE),
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['repository-settings', project] });
      onClose();
    },
  });
  return (
    <FormDialog title={t('setQuota', { project })} act={t('save')} sending={sending} onClose={onClose}>
      <Field
        label={t('quotaGigabytes')}
        hint={t('quotaHint')}
        type="number"
        min={0}
        step="any"
        value={gigabytes}
        onChange={(event) => setGigabytes(event.target.value)}
      />
    </FormDialog>
  );
}

/** What the images of a project take, and the bound that the platform set. */
export function Quota({ project }: { project: string }) {
  const t = useWords(accessWords);
  const formats = useFormats();
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const [changing, setChanging] = useState(false);
  const settings = useQuery(queries.projectSettings(project));
  return (
    <Panel
      title={t('quota')}
      actions={isAdmin ? <Button onClick={() => setChanging(true)}>{t('change')}</Button> : undefined}
    >
      <Loaded query={settings} lines={1}>
        {({ usage: { usedBytes, quotaBytes } }) => (
          <>
            {quotaBytes === null ? (
              <p>{t('quotaNone', { used: formats.bytes(usedBytes) })}</p>
            ) : (
              <div className="stack-tight">
                <span>{t('quotaUsed', { used: formats.bytes(usedBytes), quota: formats.bytes(quotaBytes) })}</span>
                <Meter done={usedBytes} total={quotaBytes} label={t('quota')} />
              </div>
            )}
            {changing ? (
              <QuotaDialog project={project} quotaBytes={quotaBytes} onClose={() => setChanging(false)} />
            ) : null}
          </>
        )}
      </Loaded>
    </Panel>
  );
}
