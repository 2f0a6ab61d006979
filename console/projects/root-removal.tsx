import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { RootTrial } from '../api/types.ts';
import { waitForOperation } from '../hosts/operation.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Copyable, Field } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { profileWords } from './profile-words.ts';

/** Has the manifest without root written and tried in a copy; what came of it is handed on, also when the dialog was closed. */
export function RootDialog({
  place: { project, environment, workload },
  onTried,
  onClose,
}: {
  readonly place: { readonly project: string; readonly environment: string; readonly workload: string };
  readonly onTried: (trial: RootTrial) => void;
  readonly onClose: () => void;
}) {
  const t = useWords(profileWords);
  const client = useQueryClient();
  const [test, setTest] = useState('');
  const sending = useMutation({
    async mutationFn() {
      const { operation } = await api.post<{ operation: string }>(
        apiPath(['projects', project, 'workloads', workload, 'profile'], { environment }),
        { step: 'unroot', test: test.trim() === '' ? null : ['/bin/sh', '-c', test.trim()] },
      );
      onTried((await waitForOperation(operation)) as unknown as RootTrial);
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ['profiles', project] }),
  });
  return (
    <FormDialog title={t('unroot')} sending={sending} onClose={onClose}>
      <p>{t('unrootText')}</p>
      <Field
        label={t('test')}
        hint={t('testHint')}
        autoComplete="off"
        spellCheck={false}
        placeholder="wget -qO- http://localhost:8080/"
        value={test}
        onChange={(event) => setTest(event.target.value)}
      />
    </FormDialog>
  );
}

/** What the copy said, what else has to change, and the manifest itself. */
export function RootResult({ trial: { passed, why, needs, yaml } }: { trial: RootTrial }) {
  const t = useWords(profileWords);
  const text = useText();
  const notes = needs.flatMap((one) => one.notes.map((note) => ({ container: one.container, note })));
  return (
    <div className="stack-tight" aria-live="polite">
      <p>
        <StateBadge tone={passed ? 'ok' : 'bad'}>{t(passed ? 'rootPassed' : 'rootFailed')}</StateBadge>
      </p>
      {why === null ? null : <p className="note bad profile-text">{text(why)}</p>}
      {notes.length === 0 ? null : (
        <ul className="conditions">
          {notes.map(({ container, note }) => (
            <li key={`${container} ${note.en}`} className="profile-text">
              <span className="mono">{container}</span> {text(note)}
            </li>
          ))}
        </ul>
      )}
      <details open>
        <summary>
          {t('manifest')} <Copyable value={yaml}>YAML</Copyable>
        </summary>
        <pre className="log">{yaml}</pre>
      </details>
    </div>
  );
}
