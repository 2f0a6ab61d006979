import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { defineWords } from '../catalogue.ts';
import { useWords } from '../language.tsx';
import { Field, TextArea } from './controls.tsx';
import { FormDialog } from './form-dialog.tsx';

const DAY_MS = 86_400_000;
const DAYS_MAX = 180;
const REASON_MIN = 10;

const words = defineWords(
  {
    ask: 'Ask for an exception',
    request: 'Ask another person',
    reason: 'Reason',
    reasonHint: 'At least ten characters; who approves it reads this.',
    days: 'Days',
    daysHint: 'At most 180; then it ends by itself',
  },
  {
    ask: 'Pedir una excepción',
    request: 'Pedirla a otra persona',
    reason: 'Motivo',
    reasonHint: 'Al menos diez caracteres; lo lee quien la aprueba.',
    days: 'Días',
    daysHint: 'Como mucho 180; después termina por sí sola',
  },
);

/** Asks that something may be lived with for a while: why, until when; somebody else has to agree. */
export function ExceptionForm({
  about,
  children,
  disabled = false,
  changes,
  send,
  onClose,
}: {
  /** What it is about, above the fields. */
  readonly about: ReactNode;
  /** Further fields. */
  readonly children?: ReactNode;
  readonly disabled?: boolean;
  /** Key of the queries that show it afterwards. */
  readonly changes: readonly string[];
  readonly send: (asked: { readonly reason: string; readonly expiresAt: string }) => Promise<unknown>;
  readonly onClose: () => void;
}) {
  const t = useWords(words);
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const [days, setDays] = useState('30');
  const sending = useMutation<unknown, Error, void>({
    mutationFn: () => send({ reason, expiresAt: new Date(Date.now() + Number(days) * DAY_MS).toISOString() }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: changes });
      onClose();
    },
  });
  const isWhole = reason.trim().length >= REASON_MIN && Number(days) >= 1 && Number(days) <= DAYS_MAX;
  return (
    <FormDialog title={t('ask')} act={t('request')} disabled={disabled || !isWhole} sending={sending} onClose={onClose}>
      {about}
      <TextArea
        label={t('reason')}
        hint={t('reasonHint')}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Field
        label={t('days')}
        hint={t('daysHint')}
        type="number"
        min={1}
        max={DAYS_MAX}
        value={days}
        onChange={(event) => setDays(event.target.value)}
      />
      {children}
    </FormDialog>
  );
}
