import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client.ts';
import { useWords } from '../shell/language.tsx';
import { Field } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { words } from './words.ts';

/** What an exception begins with: where an alert came from, and the program that it names. */
export interface TuneStart {
  readonly condition: string;
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
}

const ANYWHERE: TuneStart = { condition: '', project: '', environment: '', workload: '' };

/** A path as the rules' language takes it; one that would need escapes is left for a person to write. */
export function conditionOf(exe: string): string {
  if (/^[\w./@+-]+$/.test(exe)) return `proc.exepath = ${exe}`;
  return exe === '' || /["\\\p{Cc}\p{Cf}]/u.test(exe) ? '' : `proc.exepath = "${exe}"`;
}

export function TuneDialog({
  rule,
  start = ANYWHERE,
  onClose,
}: {
  rule: string;
  start?: TuneStart;
  onClose: () => void;
}) {
  const t = useWords(words);
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const [place, setPlace] = useState(start);
  const [until, setUntil] = useState('');
  const orNull = (text: string) => (text.trim() === '' ? null : text.trim());
  const change = (name: keyof TuneStart) => (event: { target: { value: string } }) =>
    setPlace({ ...place, [name]: event.target.value });
  const sending = useMutation({
    mutationFn: () =>
      api.post('/rules/tunings', {
        ...{ rule, reason, condition: orNull(place.condition), project: orNull(place.project) },
        ...{ environment: orNull(place.environment), workload: orNull(place.workload) },
        until: until === '' ? null : new Date(`${until}T23:59:59Z`).toISOString(),
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['rules'] });
      onClose();
    },
  });
  return (
    <FormDialog title={t('tune')} sending={sending} onClose={onClose}>
      <p>{t('tuneText')}</p>
      <Field label={t('reason')} value={reason} onChange={(event) => setReason(event.target.value)} required />
      <Field
        label={t('condition')}
        hint={t('conditionHint')}
        value={place.condition}
        onChange={change('condition')}
        spellCheck={false}
      />
      <Field label={t('project')} hint={t('projectHint')} value={place.project} onChange={change('project')} />
      <Field label={t('tuneEnvironment')} value={place.environment} onChange={change('environment')} />
      <Field label={t('tuneWorkload')} value={place.workload} onChange={change('workload')} />
      <Field label={t('until')} type="date" value={until} onChange={(event) => setUntil(event.target.value)} />
    </FormDialog>
  );
}
