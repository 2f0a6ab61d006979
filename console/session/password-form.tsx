import { type FormEvent, useState } from 'react';
import { api } from '../api/client.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { Failure } from '../shell/parts/surface.tsx';
import { words } from './words.ts';

export const PASSWORD_LENGTH_MIN = 10;

/** Sets the first password after a one-time code. */
export function PasswordForm({ onDone, name }: { onDone: () => void; name: string }) {
  const t = useWords(words);
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const short = password.length < PASSWORD_LENGTH_MIN;
  const differs = again !== password;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (short || differs) return;
    setBusy(true);
    try {
      await api.post('/me/password', { password });
      onDone();
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} className="session-form" noValidate>
      <input type="text" name="username" autoComplete="username" value={name} readOnly hidden />
      <Field
        label={t('newPassword')}
        type="password"
        autoComplete="new-password"
        autoFocus
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        hint={t('passwordHint')}
        error={tried && short ? t('passwordShort', { count: password.length }) : undefined}
      />
      <Field
        label={t('repeatPassword')}
        type="password"
        autoComplete="new-password"
        value={again}
        onChange={(event) => setAgain(event.target.value)}
        error={tried && !short && differs ? t('passwordDiffers') : undefined}
      />
      {failure === null ? null : <Failure error={failure} />}
      <Button type="submit" look="primary" busy={busy}>
        {t('save')}
      </Button>
    </form>
  );
}
